"""How a run's training section becomes transformers' arguments, and what each `auto` means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import SchedulerType

from afinar.errors import ConfigError
from afinar.training.config import TrainingConfig
from afinar.training.from_config import LEARNING_RATES, automatic_rate, resolve, sft_config, total_steps
from afinar.training.given import Given
from tests.tiny import tiny_model

CPU = torch.device("cpu")
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
def test_narrow_models_take_larger_steps_but_for_the_head(method: str) -> None:
    assert automatic_rate(method, 2000) == automatic_rate(method, 8192) == LEARNING_RATES[method]
    ratio = automatic_rate(method, 200) / LEARNING_RATES[method]
    assert ratio == pytest.approx(1.0 if method == "head" else 10**0.781, rel=0.02)


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
