"""Optimizers in a whole training: resumed to the bit, groups under a schedule, averaged weights as the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, TrainerCallback
from transformers.training_args import OptimizerNames

from afinar import SFTConfig, SFTTrainer
from afinar.errors import ConfigError
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.training.checkpoints import TRAINING_STATE, load_tensors
from afinar.training.optimizer import training_weights
from tests.rows import causal_rows
from tests.tiny import tiny_model
from tests.trajectories.training import StopAt, trained, trainer

OPTIMIZERS = ["adamw_torch_fused", "adafactor", "lion_32bit", "adamw_8bit", "schedule_free_adamw"]
NEEDS = {"lion_32bit": "bitsandbytes", "adamw_8bit": "bitsandbytes", "schedule_free_adamw": "schedulefree"}


EVALUATED = {"eval_strategy": "steps", "eval_steps": 2}


@pytest.mark.parametrize(
    ("optim", "settings"),
    [
        *(pytest.param(optim, {}, id=optim) for optim in OPTIMIZERS),
        pytest.param("schedule_free_adamw", EVALUATED, id="schedule_free_adamw-evaluated"),
        *(pytest.param(optim, EVALUATED, id=f"{optim}-evaluated", marks=pytest.mark.slow) for optim in OPTIMIZERS[:-1]),
    ],
)
def test_resumed_equals_uninterrupted(optim: str, settings: dict[str, Any], tmp_path: Path) -> None:
    if optim in NEEDS:
        pytest.importorskip(NEEDS[optim])
    options = {"optim": optim, "head_learning_rate": 5e-3, "layerwise_lr_decay": 0.8, **settings}
    whole, losses = trained("full", tmp_path / "whole", **options)
    trainer("full", tmp_path / "cut", [StopAt(2)], **options).train()
    resumed, rest = trained("full", tmp_path / "on", resume=tmp_path / "cut" / "checkpoint-2", **options)
    assert losses[2:] == rest
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_a_schedule_moves_every_group_alike(tmp_path: Path) -> None:
    rates: list[list[float]] = []

    class Rates(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
            rates.append([group["lr"] for group in optimizer.param_groups])

    run = trainer("lora", tmp_path, [Rates()], lora_plus_ratio=16.0, save_strategy="no", warmup_steps=2)
    run.train()
    assert len(rates) == 6
    assert [a for a, _ in rates] == pytest.approx([5e-3, 1e-2, 7.5e-3, 5e-3, 2.5e-3, 0.0])
    assert [b for _, b in rates] == pytest.approx([16 * a for a, _ in rates])
    logged = [entry["learning_rate"] for entry in run.state.log_history if "learning_rate" in entry]
    assert logged == pytest.approx([0.0, *(a for a, _ in rates[:-1])])


def test_an_update_within_the_backward_pass_is_told_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As LOMO needs it; without the rate accelerate would take a plain backward pass, and nothing would train."""
    run = trainer("full", tmp_path, save_strategy="no", max_steps=4)
    monkeypatch.setattr(run, "create_optimizer", lambda: None)
    run.optimizer = torch.optim.SGD(run.model.parameters(), lr=0.5)
    run.args.optim = OptimizerNames.LOMO
    rates = []
    monkeypatch.setattr(run.accelerator, "backward", lambda loss, learning_rate: rates.append(learning_rate))
    run.train()
    assert rates == pytest.approx([0.0, 0.25, 0.5, 0.25])


# --- schedule-free -------------------------------------------------------------------------------------------------


def _averaged(folder: Path, **settings: Any) -> Any:
    pytest.importorskip("schedulefree")
    return trainer("full", folder, optim="schedule_free_adamw", lr_scheduler_type="constant", **settings)


def test_what_is_saved_is_the_average(tmp_path: Path) -> None:
    run = _averaged(tmp_path, max_steps=3, save_steps=2)
    run.train()
    result = {name: value.clone() for name, value in run.model.state_dict().items()}
    training_weights(run.optimizer)
    assert not torch.equal(result["lm_head.weight"], run.model.lm_head.weight)
    for checkpoint in (tmp_path / "checkpoint-2", tmp_path / "checkpoint-3"):
        state = load_tensors(checkpoint / TRAINING_STATE)
        exported = AutoModelForCausalLM.from_pretrained(checkpoint).state_dict()
        assert torch.equal(state["lm_head.weight"], exported["lm_head.weight"])
        assert torch.equal(state["lm_head.weight"], result["lm_head.weight"]) is checkpoint.name.endswith("3")
    assert (tmp_path / "checkpoint-2" / "optimizer.json").read_text().count('"train_mode": false') == 4


def test_what_is_evaluated_is_what_is_saved(tmp_path: Path) -> None:
    run = _averaged(tmp_path, max_steps=4, save_steps=2, eval_strategy="steps", eval_steps=2)
    run.train()
    meanwhile = [entry["eval_loss"] for entry in run.state.log_history if "eval_loss" in entry]
    for step, loss in zip((2, 4), meanwhile, strict=True):
        run.model.load_state_dict(AutoModelForCausalLM.from_pretrained(tmp_path / f"checkpoint-{step}").state_dict())
        assert run.evaluate(causal_rows())["eval_loss"] == pytest.approx(loss, rel=1e-6)


def test_the_best_model_is_the_average_that_was_best(tmp_path: Path) -> None:
    """The last step is neither evaluated nor saved, so the optimizer is still in the mode of training when it ends."""
    settings = {"eval_strategy": "steps", "eval_steps": 2, "save_steps": 2, "load_best_model_at_end": True}
    run = _averaged(tmp_path, max_steps=6, callbacks=[StopAt(5)], metric_for_best_model="loss", **settings)
    run.train()
    best = load_tensors(Path(run.state.best_model_checkpoint) / TRAINING_STATE)
    for name, parameter in run.model.named_parameters():
        assert torch.equal(parameter, best[name]), name


# --- what the trainer hands on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "refused"), [({"examples_per_step": 16}, True), ({"gradient_accumulation_steps": 2}, True), ({}, False)]
)
def test_accumulation_is_known_to_the_optimizer(
    rows: dict[str, int], refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afinar.training.optimizer.find_spec", lambda module: object())
    run = trainer("full", tmp_path, optim="lomo", save_strategy="no", **rows)
    with pytest.raises(ConfigError if refused else ImportError) as caught:  # transformers looks for the package itself
        run.create_optimizer()
    assert getattr(caught.value, "key", None) == ("training.optimizer_in_backward" if refused else None)


def test_a_class_of_the_callers_is_used_with_groups(tmp_path: Path) -> None:
    method = create(LoRA(r=2))
    run = SFTTrainer(
        method.attach(tiny_model()),
        SFTConfig(output_dir=str(tmp_path), max_steps=1, save_strategy="no", use_cpu=True, adapter_learning_rate=0.5),
        train_dataset=causal_rows(),
        optimizer_cls_and_kwargs=(torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    )
    run.train()
    assert [(group["name"], group["initial_lr"]) for group in run.optimizer.param_groups] == [("adapter", 0.5)]
    assert type(run.optimizer.optimizer) is torch.optim.SGD
