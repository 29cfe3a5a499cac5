"""A run that was stopped and resumed equals the uninterrupted one bit for bit: every method, in every way of training.

The quick subset has each kind of method and each way of training once; `slow` is the whole matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import EarlyStoppingCallback

from tests.trajectories.training import METHODS, Losses, StopAt, trained, trainer

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults

BEST = {
    "eval_strategy": "steps",
    "eval_steps": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "loss",
    "greater_is_better": True,  # the worst one: not the last
    "learning_rate": 0.05,
}
# The step to stop at, and the settings; dropout in attention everywhere, so that the random states matter.
WAYS: dict[str, tuple[int, dict[str, Any]]] = {
    "mid-epoch": (2, {}),
    "end-of-epoch": (3, {}),
    "accumulation": (4, {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 3}),
    "workers": (4, {"dataloader_num_workers": 2}),
    "stream": (4, {"stream": True}),
    "stream-workers": (2, {"stream": True, "dataloader_num_workers": 2}),
    "best": (3, BEST),
}
QUICK = {
    (method, "mid-epoch")
    for method in ("bottleneck", "head", "ia3", "lora", "p_tuning", "peft", "peft-lora", "prefix", "prompt")
} | {
    ("lora", "accumulation"),
    ("lora", "workers"),
    ("full", "stream"),
    ("p_tuning", "best"),
}


def matrix() -> Iterator[Any]:
    for method in METHODS:
        for way in WAYS:
            marks = [] if (method, way) in QUICK else [pytest.mark.slow]
            yield pytest.param(method, way, marks=marks, id=f"{method}-{way}")


@pytest.mark.parametrize(("name", "way"), list(matrix()))
def test_resumed_is_uninterrupted(name: str, way: str, tmp_path: Path) -> None:
    step, settings = WAYS[way]
    settings = {"dropout": 0.2, **settings}
    # Saving itself may not change anything either; the best one must have been saved.
    once, never = ({}, {}) if way == "best" else ({"save_steps": step}, {"save_strategy": "no"})
    expected, losses = trained(name, tmp_path / "whole", **settings, **never)
    trainer(name, tmp_path / "cut", [StopAt(step)], **settings, **once).train()
    assert not (tmp_path / "cut" / f"checkpoint-{step + 1}").exists()

    # nothing of the first process may be needed: other random states, another position
    torch.manual_seed(999)
    checkpoint = tmp_path / "cut" / f"checkpoint-{step}"
    state, rest = trained(name, tmp_path / "cut", resume=checkpoint, **settings, **never)

    assert len(losses) == 6
    assert rest == losses[step:]
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value), key


@pytest.mark.slow
@pytest.mark.parametrize("way", ["mid-epoch", "stream"])
def test_the_order_of_the_rows_does_not_depend_on_workers(way: str, tmp_path: Path) -> None:
    settings = {"dropout": 0.2, **WAYS[way][1]}
    _, losses = trained("full", tmp_path / "none", **settings)
    _, same = trained("full", tmp_path / "two", dataloader_num_workers=2, **settings)
    assert same == losses


def test_dropout_makes_the_random_state_matter(tmp_path: Path) -> None:
    """The tests above can fail: without the saved random state the dropped positions differ."""
    expected, _ = trained("lora", tmp_path / "whole")
    trainer("lora", tmp_path / "cut", [StopAt(2)]).train()
    checkpoint = tmp_path / "cut" / "checkpoint-2"
    other = trainer("lora", tmp_path / "other", seed=12)
    other._save_rng_state(str(checkpoint))
    state, _ = trained("lora", tmp_path / "cut", resume=checkpoint)
    assert any(not torch.equal(state[key], value) for key, value in expected.items())


@pytest.mark.parametrize("name", ["lora", *(pytest.param(name, marks=pytest.mark.slow) for name in METHODS if name != "lora")])
def test_the_best_checkpoint_is_loaded_exactly_and_kept(name: str, tmp_path: Path) -> None:
    run = trainer(name, tmp_path, save_total_limit=2, **BEST)
    run.train()
    best = Path(str(run.state.best_model_checkpoint))
    assert best.name != "checkpoint-6"
    assert run.evaluate()["eval_loss"] == run.state.best_metric
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {best.name, "checkpoint-6"}
    assert not list(tmp_path.rglob("*.bin"))


def test_old_checkpoints_go_and_the_newest_stay(tmp_path: Path) -> None:
    trainer("ia3", tmp_path, save_total_limit=2).train()
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-5", "checkpoint-6"}


def test_early_stopping_goes_on_counting(tmp_path: Path) -> None:
    """Two evaluations without improvement before the stop and one after it end the run, as three in a row do."""
    worse = {**BEST, "greater_is_better": False, "learning_rate": 0.5, "warmup_steps": 0, "eval_strategy": "steps"}
    whole = trainer("full", tmp_path / "whole", [EarlyStoppingCallback(3)], **worse)
    whole.train()
    ended = whole.state.global_step
    assert ended < 6
    trainer("full", tmp_path / "cut", [EarlyStoppingCallback(3), StopAt(ended - 1)], **worse).train()
    patience = EarlyStoppingCallback(3)
    resumed = trainer("full", tmp_path / "cut", [patience], **worse)
    resumed.train(resume_from_checkpoint=str(tmp_path / "cut" / f"checkpoint-{ended - 1}"))
    assert resumed.state.global_step == ended
    assert patience.early_stopping_patience_counter == 3


def test_the_newest_checkpoint_is_found(tmp_path: Path) -> None:
    expected, losses = trained("lora", tmp_path / "whole")
    trainer("lora", tmp_path / "cut", [StopAt(2)]).train()
    seen = Losses()
    run = trainer("lora", tmp_path / "cut", [seen])
    run.train(resume_from_checkpoint=True)
    assert seen.values == losses[2:]
    assert all(torch.equal(value, expected[key]) for key, value in run.method.state(run.model).items())
