"""One language, two threads and no network in every test."""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", AFINAR_LANG="en")

import pytest
from hypothesis import settings

from afinar import messages

# The same examples in every run, and no clock: a shared machine must not decide what passes.
settings.register_profile("afinar", derandomize=True, deadline=None)
settings.load_profile("afinar")


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFINAR_LANG", "en")
    messages.use(None)
