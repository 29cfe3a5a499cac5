"""What callbacks remember (early stopping's patience so far) comes back with a checkpoint.

transformers keeps it in `trainer_state.json`, and leaves it there on resuming unless told; told, it replaces the callbacks
that the caller gave by new ones with the settings of the first run. Here the caller's callbacks stay, with their own
settings, and get back what they had counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState


def restore_callbacks(callbacks: Iterable[TrainerCallback], saved: Any) -> None:
    """Set the attributes in `saved` on the callbacks of the same class, in their order.

    saved: `TrainerState.stateful_callbacks` as read back: class name -> state, or a list of states.
    """
    waiting = {name: list(data) if isinstance(data, list) else [data] for name, data in saved.items()}
    for callback in callbacks:
        states = waiting.get(type(callback).__name__)
        if isinstance(callback, ExportableState) and states:
            for attribute, value in states.pop(0)["attributes"].items():
                setattr(callback, attribute, value)
