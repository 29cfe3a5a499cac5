"""Runs of prompt tuning, P-tuning and (IA)³ from config to folder: measured against the base itself, loaded as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afinar.config import RunConfig
from afinar.errors import ConfigError
from afinar.run import evaluate, load, train

Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]
METHODS: list[dict[str, Any]] = [
    {"name": "prompt", "virtual_tokens": 5, "init": "text", "init_text": "responda"},
    {"name": "p_tuning", "virtual_tokens": 5, "encoder": "lstm", "encoder_hidden_size": 8, "dropout": 0.1},
    {"name": "ia3"},
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["name"])
def test_a_run_is_measured_against_the_base_and_loads_as_it_was(
    method: dict[str, Any], configure: Configure, questions: Files, base: Path
) -> None:
    run = train(configure(questions, method, training={"max_steps": 3}))
    plain = evaluate(str(base), str(questions[1]))["base"]
    assert run.results["base"]["loss"] == pytest.approx(plain["loss"])  # without the prompt that is there already
    assert run.results["adapted"]["loss"] != pytest.approx(plain["loss"], abs=1e-6)
    assert run.results["adapted"]["tokens"] == run.results["base"]["tokens"]
    again = load(run.folder)
    told = evaluate(again, str(questions[1]))
    assert told["adapted"]["loss"] == pytest.approx(run.results["adapted"]["loss"])
    assert told["base"]["loss"] == pytest.approx(plain["loss"])
    assert again.generate("livro?", max_new_tokens=6) == run.generate("livro?", max_new_tokens=6)


@pytest.mark.parametrize(
    "method",
    [
        {"name": "prompt", "virtual_tokens": 9},
        {"name": "p_tuning", "virtual_tokens": 9},
        {"name": "prefix", "virtual_tokens": 9},
    ],
    ids=lambda method: method["name"],
)
def test_rows_that_leave_the_prompt_no_positions_are_refused(
    method: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "t.txt").write_text("\n\n".join(f"{i} " + "a" * 130 for i in range(4)), encoding="utf-8")
    files = tmp_path / "t.txt", tmp_path / "t.txt"
    with pytest.raises(ConfigError) as caught:
        train(configure(files, method, data={"max_length": 120, "max_truncated": 1.0, "valid": None}))
    assert caught.value.key == "run.positions_prompt"
    assert caught.value.values == {"got": 120, "taken": 9, "positions": 128, "room": 119}
    assert not list((tmp_path / "runs").glob("*"))
