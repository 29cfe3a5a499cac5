"""The frozen linear layer: value and gradients are torch's own, and no weight is kept for the backward pass."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F

from afinar.ops.frozen_linear import frozen_linear


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 4)])
def test_value_and_gradients(shape: tuple[int, ...]) -> None:
    weight = torch.randn(6, 4, dtype=torch.float64)
    x, bias = torch.randn(shape, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    ours, own = (tuple(tensor.clone().requires_grad_() for tensor in (x, bias)) for _ in range(2))
    y = frozen_linear(ours[0], lambda dtype: weight.to(dtype), ours[1])
    expected = F.linear(own[0], weight, own[1])
    assert torch.equal(y, expected)
    seed = torch.randn_like(y)
    y.backward(seed)
    expected.backward(seed)
    for mine, theirs in zip(ours, own, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_without_bias_and_without_a_gradient_of_x() -> None:
    weight, bias = torch.randn(6, 4), torch.randn(6, requires_grad=True)
    x = torch.randn(3, 4)
    assert torch.equal(frozen_linear(x, weight.to, None), F.linear(x, weight))
    frozen_linear(x, weight.to, bias).sum().backward()
    assert torch.equal(bias.grad, torch.full((6,), 3.0))


def test_no_weight_is_kept_for_the_backward_pass() -> None:
    made: list[weakref.ref[torch.Tensor]] = []

    def weight_of(dtype: torch.dtype) -> torch.Tensor:
        weight = torch.ones(6, 4, dtype=dtype)
        made.append(weakref.ref(weight))
        return weight

    x = torch.randn(3, 4, requires_grad=True)
    y = frozen_linear(x, weight_of, None)
    gc.collect()
    assert made[0]() is None
    y.sum().backward()
    assert len(made) == 2
    assert torch.equal(x.grad, torch.full((3, 4), 6.0))


def test_under_autocast_the_gradient_has_x_s_dtype() -> None:
    weight = torch.randn(6, 4)
    x = torch.randn(3, 4, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = frozen_linear(x, weight.to, None)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    assert x.grad.dtype == torch.float32
    torch.testing.assert_close(x.grad, weight.sum(0).expand(3, 4), atol=0.05, rtol=0.02)
