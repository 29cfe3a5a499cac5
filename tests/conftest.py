"""One language, two threads and no network in every test."""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", AFINAR_LANG="en")

import pytest

from afinar import messages


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFINAR_LANG", "en")
    messages.use(None)
