"""`packing`: an example in a packed row gets what it gets alone, and nothing of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from afinar.models import attention
from tests.contracts.cases import Case, batch, cases, close, training

LENGTHS = (5, 1, 9)


def rows() -> list[Tensor]:
    ids = batch(1, sum(LENGTHS), seed=6)["input_ids"][0]
    return list(ids.split(LENGTHS))


def output(model: Any, segments: Sequence[Tensor]) -> list[Tensor]:
    """What the model computes of each segment of a packed row: logits (T, V), or a classifier's hidden states (T, D)."""
    packed = attention.pack(segments)
    if model.get_output_embeddings() is None:
        made = model.base_model(**packed).last_hidden_state[0]
    else:
        made = model(**packed).logits[0]
    return list(made.split([len(segment) for segment in segments]))


@cases(packing=True)
@torch.no_grad()
def test_an_example_gets_what_it_gets_alone(case: Case) -> None:
    _, model = case.adapted()
    attention.use(model)
    together = output(model, rows())
    for row, got in zip(rows(), together, strict=True):
        alone = model.base_model(row[None]).last_hidden_state if case.task == "classification" else model(row[None]).logits
        close(got, alone[0])
    first, *others = rows()
    changed = output(model, [torch.flip(first, (0,)) + 1, *others])
    assert not torch.equal(changed[0], together[0])
    for before, after in zip(together[1:], changed[1:], strict=True):
        assert torch.equal(before, after)


@cases(few=True, packing=True, task="causal")
def test_a_packed_row_s_gradients_are_the_sum_of_its_examples(case: Case) -> None:
    _, model = case.adapted()
    attention.use(model)

    def gradients(groups: Sequence[Sequence[Tensor]]) -> dict[str, Tensor]:
        model.zero_grad()
        torch.stack([made.square().sum() for group in groups for made in output(model, group)]).sum().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    together, alone = gradients([rows()]), gradients([[row] for row in rows()])
    assert together.keys() == training(model).keys()
    # by the largest of all: a scaling's gradient is one sum of parts that nearly cancel
    largest = max(float(gradient.abs().max()) for gradient in alone.values())
    for name, gradient in alone.items():
        torch.testing.assert_close(together[name], gradient, rtol=1e-4, atol=1e-5 * largest, msg=name)
