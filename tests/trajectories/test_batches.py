"""Micro-batches change nothing: 8x1 equals 1x8 equals 4x2, the short last step of an epoch included."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch

from afinar.methods.config import Peft
from tests.trajectories.training import METHODS, trained


@pytest.fixture(autouse=True)
def _no_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    # which positions are dropped depends on how the rows are batched
    for name, (config, task) in METHODS.items():
        if isinstance(config, Peft):
            monkeypatch.setitem(METHODS, name, (Peft(peft_type=config.peft_type, r=4), task))
        elif is_dataclass(config) and "dropout" in {field.name for field in fields(config)}:
            monkeypatch.setitem(METHODS, name, (replace(config, dropout=0.0), task))


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("micro", [1, 3])
def test_the_micro_batch_does_not_matter(name: str, micro: int, tmp_path: Path) -> None:
    # 9 examples a step whatever the micro-batch: 21 rows end each epoch with a short step of 3.
    # SGD: Adam would blow rounding up where a gradient is almost zero.
    options = {"optim": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}
    whole, losses = trained(name, tmp_path / "whole", per_device_train_batch_size=9, **options)
    cut, same = trained(
        name, tmp_path / "cut", per_device_train_batch_size=micro, gradient_accumulation_steps=9 // micro, **options
    )
    assert same == pytest.approx(losses, rel=1e-5)
    for key, value in whole.items():
        torch.testing.assert_close(cut[key], value, rtol=1e-4, atol=1e-5, msg=key)
