"""`quantised_base`: on a base in 4 bits the adapter trains, and switched off it leaves the quantised base's own output."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch

from afinar.errors import ConfigError
from tests.contracts.cases import LABELS, Case, batch, cases, logits, scramble, training
from tests.tiny import tiny_quantised

pytest.importorskip("bitsandbytes")


@functools.cache
def _made(architecture: str, task: str) -> Any:
    labels = {"num_labels": LABELS} if task == "classification" else {}
    return tiny_quantised(architecture, task=task, **labels)


def quantised(case: Case) -> Any:
    """A base in NF4 of its own."""
    return copy.deepcopy(_made(case.architecture, case.task))


@cases(few=True, quantised_base=True)
def test_the_adapter_trains_and_switches_off(case: Case) -> None:
    base = quantised(case)
    before = logits(base)
    method = case.method()
    model = method.attach(base)
    scramble(training(model))
    assert not torch.equal(logits(model), before)  # and evaluates before it trains: bitsandbytes once lost gradients so
    model.train()
    model(**batch(rows=4)).logits.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert gradients.keys() == training(model).keys()
    assert [name for name, gradient in gradients.items() if not gradient.isfinite().all()] == []
    assert [name for name, gradient in gradients.items() if gradient.dim() >= 2 and not gradient.abs().sum() > 0] == []
    model.eval()
    if method.switchable and case.task == "causal":  # a classification head stays
        with method.disabled(model):
            assert torch.equal(logits(model), before)


@cases(few=True, quantised_base=True)
def test_the_count_is_that_of_a_plain_base(case: Case) -> None:
    method, base = case.method(), quantised(case)
    plain = method.trainable_count(case.base())
    assert method.trainable_count(base) == plain
    method.attach(base)
    assert method.trainable_count(base) == plain == sum(tensor.numel() for tensor in training(base).values())


@cases(few=True, quantised_base=False)
def test_what_trains_the_base_s_own_weights_refuses_it(case: Case) -> None:
    base = quantised(case)
    before = logits(base)
    with pytest.raises(ConfigError) as error:
        case.method().attach(base)
    assert error.value.key == "models.quantised_needs_adapter"
    assert torch.equal(logits(base), before)
