"""How a run's training section becomes transformers' arguments, and what each `auto` means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import SchedulerType

from afinar.errors import ConfigError
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.training import optimizer as optimizers
from afinar.training.config import OPTIMIZERS, TrainingConfig
from afinar.training.from_config import LEARNING_RATES, automatic_rate, resolve, sft_config, total_steps
from afinar.training.given import Given
from afinar.training.optimizer import make_optimizer
from tests.tiny import tiny_model

CPU = torch.device("cpu")
PACKAGES = {"lion": "bitsandbytes", "adamw_8bit": "bitsandbytes", "schedule_free": "schedulefree"}
RESOLVED = resolve(TrainingConfig(), method="lora", longest=100, hidden_size=4096)


def test_every_auto_is_replaced() -> None:
    assert RESOLVED.learning_rate == 5e-4
    assert RESOLVED.micro_batch_size == 16
    assert RESOLVED.gradient_checkpointing is False
    assert resolve(TrainingConfig(), method="full", longest=512, hidden_size=4096).micro_batch_size == 8
    assert resolve(TrainingConfig(), method="full", longest=9000, hidden_size=4096).micro_batch_size == 1
    given = TrainingConfig(learning_rate=0.3, micro_batch_size=2, gradient_checkpointing=True)
    assert resolve(given, method="lora", longest=100, hidden_size=64) == given


@pytest.mark.parametrize("method", list(LEARNING_RATES))
def test_narrow_models_take_larger_steps(method: str) -> None:
    assert automatic_rate(method, 2000) == automatic_rate(method, 8192) == LEARNING_RATES[method]
    ratio = automatic_rate(method, 200) / LEARNING_RATES[method]
    assert ratio == pytest.approx(10**0.781, rel=0.02)


def test_lion_takes_smaller_steps() -> None:
    lion = resolve(TrainingConfig(optimizer="lion"), method="lora", longest=10, hidden_size=4096)
    assert lion.learning_rate == pytest.approx(RESOLVED.learning_rate / 5)
    assert (
        resolve(TrainingConfig(optimizer="lion", learning_rate=0.5), method="lora", longest=9, hidden_size=9).learning_rate
        == 0.5
    )


def test_a_method_without_a_rate_must_be_given_one() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(TrainingConfig(), method="new", longest=10, hidden_size=64)
    assert caught.value.key == "training.no_auto_rate"


def test_steps_count_the_last_short_one_of_each_epoch() -> None:
    assert total_steps(TrainingConfig(epochs=2, batch_size=8), rows=17) == 6
    assert total_steps(TrainingConfig(epochs=0.5, batch_size=8), rows=17) == 2
    assert total_steps(TrainingConfig(max_steps=5), rows=17) == 5


def test_the_arguments_of_a_run(tmp_path: Path) -> None:
    config = replace(RESOLVED, batch_size=10, micro_batch_size=4, warmup_ratio=0.1, schedule="wsd", save_every_steps="epoch")
    arguments = sft_config(config, output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
    assert (arguments.examples_per_step, arguments.per_device_train_batch_size) == (10, 4)
    assert arguments.warmup_steps == 3
    assert arguments.lr_scheduler_type == SchedulerType.WARMUP_STABLE_DECAY
    assert arguments.save_strategy == "epoch"
    assert arguments.eval_strategy == "no"
    assert arguments.report_to == []


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError) as caught:
        sft_config(RESOLVED, output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
    assert caught.value.key == "training.batch_size_ranks"


@pytest.mark.parametrize("call", ["restore", "disabled"])
def test_a_model_taken_as_it_is_has_nothing_to_restore(call: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Given().restore(tiny_model(), tmp_path) if call == "restore" else Given().disabled(tiny_model())
    assert caught.value.key == "training.given_restore"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_a_run_can_be_made(name: str, tmp_path: Path) -> None:
    config = replace(RESOLVED, optimizer=name, lora_plus_ratio=4.0)
    if name == "paged_adamw_8bit":
        with pytest.raises(ConfigError) as caught:
            sft_config(config, output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
        assert caught.value.key == "training.paged_without_gpu"
        return
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    arguments = sft_config(config, output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
    groups = make_optimizer(arguments, create(LoRA(r=2)).attach(tiny_model())).param_groups
    assert {group["name"]: group["lr"] for group in groups} == {"adapter": 5e-4, "adapter/B": pytest.approx(2e-3)}


def test_a_missing_package_is_named_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "find_spec", lambda module: None)
    with pytest.raises(ConfigError) as caught:
        sft_config(replace(RESOLVED, optimizer="lion"), output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
    assert caught.value.key == "training.optimizer_package"


def test_schedule_free_has_a_warm_up_and_no_schedule(tmp_path: Path) -> None:
    pytest.importorskip("schedulefree")
    config = resolve(TrainingConfig(optimizer="schedule_free", warmup_ratio=0.1), method="lora", longest=9, hidden_size=4096)
    assert config.schedule == "constant"
    arguments = sft_config(config, output_dir=str(tmp_path), rows=160, device=CPU, evaluate=False)
    assert arguments.lr_scheduler_type == SchedulerType.CONSTANT
    optimizer = make_optimizer(arguments, tiny_model())
    assert {group["warmup_steps"] for group in optimizer.param_groups} == {3}


def test_rates_of_groups_reach_the_trainer(tmp_path: Path) -> None:
    given = {"head_learning_rate": 0.1, "embedding_learning_rate": 0.2, "layerwise_lr_decay": 0.9, "lora_plus_ratio": 8.0}
    arguments = sft_config(replace(RESOLVED, **given), output_dir=str(tmp_path), rows=100, device=CPU, evaluate=False)
    assert {name: getattr(arguments, name) for name in given} == given


@pytest.mark.parametrize(
    ("name", "value"), [("head_learning_rate", 0.0), ("lora_plus_ratio", -1.0), ("layerwise_lr_decay", 0.0)]
)
def test_rates_of_groups_have_a_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"training.{name}={value}"):
        TrainingConfig(**{name: value})
