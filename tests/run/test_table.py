"""The table of techniques: every cell is what the technique really does on a model with weights."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from afinar.errors import ModelError
from afinar.methods.base import METHODS, create
from afinar.models.config import ModelConfig
from afinar.models.shapes import empty_like
from afinar.run.table import examine, resident_bytes, techniques
from tests.contracts.cases import EXAMPLES, Case, batch, cases, training

MINI = ModelConfig(name="afinar-mini", dtype="bfloat16")


def bytes_with_adam(model: nn.Module) -> int:
    """What the tensors of a model take after one step of AdamW: parameters, buffers, gradients and moments."""
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad])
    model(**batch()).logits.square().sum().backward()
    optimizer.step()
    moments = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    held: list[Any] = [*model.parameters(), *model.buffers(), *moments, *gradients]
    return sum(tensor.numel() * tensor.element_size() for tensor in held)


@cases(few=True)
def test_a_row_is_what_an_adapted_model_takes(case: Case) -> None:
    base = case.base()
    row = examine("it", case.method(), empty_like(base.config, task=case.task, labels=base.config.num_labels), case.task)
    before = resident_bytes(base)
    model = case.method().attach(base)
    assert row.trainable == row.counted == sum(tensor.numel() for tensor in training(model).values())
    assert row.total == sum(parameter.numel() for parameter in case.base().parameters())
    assert row.extra_bytes == bytes_with_adam(model) - before


def test_every_technique_with_defaults_has_a_row() -> None:
    rows = techniques(MINI)
    assert {row.name for row in rows} == METHODS.keys() - EXAMPLES.keys()
    for row in rows:
        method = create(METHODS[row.name].config())
        assert (row.task in method.tasks, row.trainable) == (True, row.counted)
        for trait in (
            "mergeable",
            "switchable",
            "starts_at_base",
            "peft_format",
            "packing",
            "checkpointing",
            "quantised_base",
        ):
            assert getattr(row, trait) is getattr(method, trait)


def test_figures_that_can_be_reckoned_by_hand() -> None:
    rows = {row.name: row for row in techniques(MINI)}
    weights = 8192 * 256 + 4 * (2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 640 + 2 * 256) + 256
    assert rows["full"].trainable == rows["full"].total == weights
    assert rows["full"].extra_bytes == (16 - 2) * weights  # float32 masters stand in for the bfloat16 weights
    assert rows["head"].trainable == 2 * 256
    assert rows["lora"].trainable == 4 * 8 * (2 * 512 + 2 * 384)
    assert rows["lora"].extra_bytes == 16 * rows["lora"].trainable
    assert rows["lora"].share == rows["lora"].trainable / weights


def test_a_classifier_counts_its_head() -> None:
    causal, classifier = ({row.name: row for row in techniques(MINI, task=task)} for task in ("causal", "classification"))
    assert "head" not in causal
    assert {row.task for row in chain(causal.values())} == {"causal"}
    assert classifier["lora"].trainable == causal["lora"].trainable + 2 * 256


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ModelError) as error:
        techniques(ModelConfig(name="./nowhere"))
    assert error.value.key == "models.folder_missing"
