"""What is written is what is read, bit for bit; what is missing or broken is named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from afinar.errors import RefusedError
from afinar.training import checkpoints


def _stepped(optimizer_class: type[torch.optim.Optimizer], **options: object) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[1].parameters(), "lr": 0.3}]
    optimizer = optimizer_class(groups, **options)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 4)).square().sum().backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [
        (torch.optim.AdamW, {"fused": True, "betas": (0.8, 0.97)}),
        (torch.optim.AdamW, {"amsgrad": True, "foreach": True}),
        (torch.optim.SGD, {"momentum": 0.9}),
        (torch.optim.Adafactor, {}),
        (torch.optim.RMSprop, {}),
    ],
)
def test_an_optimizer_comes_back_and_goes_on_alike(
    optimizer_class: type[torch.optim.Optimizer], options: dict[str, object], tmp_path: Path
) -> None:
    model, optimizer = _stepped(optimizer_class, **options)
    checkpoints.save_optimizer(optimizer, tmp_path)
    twin_model, twin = _stepped(optimizer_class, **options)
    for group in twin.param_groups:
        group["lr"] = 123.0
    twin.state.clear()
    checkpoints.load_optimizer(twin, tmp_path)
    for this, that in ((model, optimizer), (twin_model, twin)):
        that.zero_grad()
        this(torch.ones(1, 4)).sum().backward()
        that.step()
    assert [g["lr"] for g in twin.param_groups] == [0.1, 0.3]
    for a, b in zip(model.parameters(), twin_model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_random_states_come_back(tmp_path: Path) -> None:
    checkpoints.save_random_state(tmp_path)
    drawn = (random.random(), np.random.rand(), torch.rand(3))
    checkpoints.load_random_state(tmp_path)
    again = (random.random(), np.random.rand(), torch.rand(3))
    assert drawn[:2] == again[:2]
    assert torch.equal(drawn[2], again[2])


def test_a_schedule_comes_back_exactly(tmp_path: Path) -> None:
    _, optimizer = _stepped(torch.optim.SGD)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (step + 3))
    for _ in range(7):
        optimizer.step()
        schedule.step()
    checkpoints.save_state_json(schedule, tmp_path / "scheduler.json")
    other = torch.optim.lr_scheduler.LambdaLR(_stepped(torch.optim.SGD)[1], lambda step: 1 / (step + 3))
    checkpoints.load_state_json(other, tmp_path / "scheduler.json")
    assert other.get_last_lr() == schedule.get_last_lr()


@pytest.mark.parametrize("name", ["optimizer.safetensors", "optimizer.json"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    _, optimizer = _stepped(torch.optim.AdamW)
    checkpoints.save_optimizer(optimizer, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RefusedError, match=name) as caught:
        checkpoints.load_optimizer(optimizer, tmp_path)
    assert caught.value.key == "training.checkpoint_incomplete"


@pytest.mark.parametrize("name", ["optimizer.safetensors", "optimizer.json"])
def test_a_broken_file_is_named(name: str, tmp_path: Path) -> None:
    _, optimizer = _stepped(torch.optim.AdamW)
    checkpoints.save_optimizer(optimizer, tmp_path)
    (tmp_path / name).write_bytes(b"\x00\xffnot it")
    with pytest.raises(RefusedError, match=name) as caught:
        checkpoints.load_optimizer(optimizer, tmp_path)
    assert caught.value.key == "training.checkpoint_broken"


def test_other_parameters_are_refused(tmp_path: Path) -> None:
    _, optimizer = _stepped(torch.optim.AdamW)
    checkpoints.save_optimizer(optimizer, tmp_path)
    other = torch.optim.AdamW([{"params": [nn.Parameter(torch.ones(2))]}, {"params": [nn.Parameter(torch.ones(2))]}])
    with pytest.raises(RefusedError) as caught:
        checkpoints.load_optimizer(other, tmp_path)
    assert caught.value.key == "training.optimizer_changed"
    assert caught.value.values["got"] == "0 1, 1 1"
    assert caught.value.values["expected"] == "0 2, 1 2"


def test_nothing_written_is_a_pickle(tmp_path: Path) -> None:
    model, optimizer = _stepped(torch.optim.AdamW)
    checkpoints.save_optimizer(optimizer, tmp_path)
    checkpoints.save_random_state(tmp_path)
    checkpoints.save_tensors(dict(model.named_parameters()), tmp_path / checkpoints.TRAINING_STATE)
    for path in tmp_path.iterdir():
        assert path.suffix in (".json", ".safetensors")
        if path.suffix == ".json":
            json.loads(path.read_text())
