"""`checkpointing`: gradients under gradient checkpointing are those without it, with dropout too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.modeling_layers import GradientCheckpointingLayer

from tests.contracts.cases import Case, batch, cases, training


def gradients(model: Any) -> tuple[dict[str, Tensor], int]:
    """The gradients of one batch in training, and how often the first layer ran for them."""
    layer = next(module for module in model.modules() if isinstance(module, GradientCheckpointingLayer))
    calls: list[None] = []  # of its first module: whether hooks of the layer itself run again depends on transformers
    watched = next(layer.children()).register_forward_pre_hook(lambda *_: calls.append(None))
    model.zero_grad()
    torch.manual_seed(3)  # of dropout
    inputs = batch()
    inputs["attention_mask"][0, 8:] = 0
    model(**inputs).logits.square().mean().backward()
    watched.remove()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}, len(calls)


def enable(model: Any) -> None:
    """Turn checkpointing on; transformers 5.23 renamed the call and warns on the old name, 5.17 knows only the old one."""
    name = "activation_checkpointing_enable"
    getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")({"use_reentrant": False})


@cases(checkpointing=True)
def test_gradients_are_those_without_checkpointing(case: Case) -> None:
    _, model = case.adapted()
    model.train()
    expected, once = gradients(model)
    enable(model)
    got, twice = gradients(model)
    assert once == 1
    if any(not name.startswith("score.") for name in training(model)):  # a head alone needs no layer a second time
        assert twice == 2
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-5, atol=1e-8, msg=name)
