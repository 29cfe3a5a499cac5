"""How the libraries below behave under the command line."""

from __future__ import annotations

import os


def before_import(offline: bool) -> None:
    """Set what they read when they are imported."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # their advice is about their own API, not about the run
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns at each fork of a data loader


def quieten() -> None:
    """Switch off transformers' bars for reading and writing weights; downloads from the hub keep theirs."""
    from transformers.utils import logging

    logging.disable_progress_bar()
