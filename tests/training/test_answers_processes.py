"""Two processes answer as one does, with whole models and with models sharded over them (FSDP2)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launch import torchrun
from tests.training.answering import LENGTHS, SETTINGS, answers_of, sharp, train


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes got."""
    folder: Path = tmp_path_factory.mktemp("answers")
    done = torchrun(["-m", "tests.training.answering", "answers", str(folder)])
    assert done.returncode == 0, done.stderr[-6000:]
    return [json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:. of 7 prompts")
@pytest.mark.parametrize("kind", ["whole", "sharded"])
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_two_processes_answer_as_one(found: list[dict[str, Any]], architecture: str, name: str, kind: str) -> None:
    alone = [dataclasses.asdict(answer) for answer in answers_of(sharp(architecture), SETTINGS[name]).answers]
    assert [answer["place"] for answer in alone] == list(range(len(LENGTHS)))
    assert found[0][f"{architecture} {name} {kind}"] == alone
    assert found[1][f"{architecture} {name} {kind}"] == alone


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_a_training_on_two_processes_leaves_the_predictions_of_one(tmp_path: Path, kind: str) -> None:
    train(tmp_path / "one")
    done = torchrun(["-m", "tests.training.answering", kind, str(tmp_path / "two")])
    assert done.returncode == 0, done.stderr[-6000:]
    one, two = ((tmp_path / name / "predictions.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.count(b"\n") == 14
