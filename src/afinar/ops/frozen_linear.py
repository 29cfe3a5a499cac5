"""A linear layer whose frozen weight exists as floats only while it is multiplied.

    y = x Wᵀ + b,    dL/dx = dL/dy W

torch's own linear keeps W for the backward pass. Where W is made from a quantised form, all layers' W would then be in
memory at once, the whole float model; here it is made a second time for the backward pass instead.

Shapes: x (..., in), W (out, in), b (out,), y (..., out).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def frozen_linear(x: Tensor, weight_of: Callable[[torch.dtype], Tensor], bias: Tensor | None) -> Tensor:
    """x Wᵀ + b in x's dtype, W = `weight_of(dtype)`. Gradients reach x and b."""
    result: Tensor = _FrozenLinear.apply(x, bias, weight_of)
    return result


class _FrozenLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, weight_of: Callable[[torch.dtype], Tensor]) -> Tensor:
        ctx.weight_of, ctx.dtype = weight_of, x.dtype
        ctx.bias_dtype = None if bias is None else bias.dtype
        return F.linear(x, weight_of(x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        dy = gradients[0]
        dx = db = None
        if ctx.needs_input_grad[0]:  # under autocast, dy has its dtype rather than x's
            dx = (dy @ ctx.weight_of(dy.dtype)).to(ctx.dtype)
        if ctx.needs_input_grad[1]:
            db = dy.reshape(-1, dy.shape[-1]).sum(0, dtype=ctx.bias_dtype)
        return dx, db, None
