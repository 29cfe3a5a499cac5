"""The quickstart: short here, whole in the slow test, where its gains must be real."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from afinar import quickstart
from afinar.cli.main import main


def test_the_story_is_told_from_begin_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("INSTRUCTIONS", "SENTIMENT"):
        short = copy.deepcopy(getattr(quickstart, name))
        short["training"]["max_steps"] = 2
        monkeypatch.setattr(quickstart, name, short)
    assert main(["quickstart", "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    for words in ("perplexity", "accuracy", quickstart.QUESTION, "before:", "after:", "afinar chat", str(tmp_path)):
        assert words in told
    assert len(list(tmp_path.glob("*/results.json"))) == 2


@pytest.mark.slow
def test_the_gains_are_clear(tmp_path: Path) -> None:
    told = quickstart.quickstart(tmp_path)
    perplexity = {side: told["instructions"][side]["perplexity"] for side in ("base", "adapted")}
    assert perplexity["adapted"] < 0.65 * perplexity["base"]
    sentiment = told["sentiment"]
    assert sentiment["adapted"]["accuracy_low"] > sentiment["base"]["accuracy_high"]
    assert told["answer"]["before"] != told["answer"]["after"]
