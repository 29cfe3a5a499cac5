"""Runs of prefix tuning from config to folder: measured against the base itself, resolved, loaded as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afinar.config import RunConfig, load
from afinar.run import evaluate, train
from afinar.run import load as load_run

Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]


@pytest.mark.parametrize(
    ("settings", "start"),
    [({}, "vocabulary"), ({"projection": True, "encoder_hidden_size": 8, "dropout": 0.1}, "random")],
    ids=["plain", "projection"],
)
def test_a_run_is_measured_against_the_base_and_loads_as_it_was(
    settings: dict[str, Any], start: str, configure: Configure, questions: Files, base: Path
) -> None:
    method = {"name": "prefix", "virtual_tokens": 5, **settings}
    run = train(configure(questions, method, training={"max_steps": 3, "gradient_checkpointing": True}))
    written = load(run.folder / "config.yaml")
    assert written.method.init == start
    assert written.model.attention == "sdpa"  # the base's own, not the one that the prefix needs
    plain = evaluate(str(base), str(questions[1]))["base"]
    assert run.results["base"]["loss"] == pytest.approx(plain["loss"])
    assert run.results["adapted"]["loss"] != pytest.approx(plain["loss"], abs=1e-6)
    assert run.results["adapted"]["tokens"] == run.results["base"]["tokens"]
    again = load_run(run.folder)
    told = evaluate(again, str(questions[1]))
    assert told["adapted"]["loss"] == pytest.approx(run.results["adapted"]["loss"])
    assert told["base"]["loss"] == pytest.approx(plain["loss"])
    assert again.generate("livro?", max_new_tokens=6) == run.generate("livro?", max_new_tokens=6)
