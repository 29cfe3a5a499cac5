"""LoRA written out the slow way: the dense weight, entry by entry, in float64."""

from __future__ import annotations

import torch
from torch import Tensor


def dense_weight(W: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
    """W[o, i] + scale · Σ_k B[o, k] A[k, i]."""
    A, B, full = A.detach(), B.detach(), W.detach().double().clone()
    for o in range(full.shape[0]):
        for i in range(full.shape[1]):
            for k in range(A.shape[0]):
                full[o, i] += scale * float(B[o, k]) * float(A[k, i])
    return full


def output(W: Tensor, b: Tensor | None, A: Tensor, B: Tensor, scale: float, x: Tensor) -> Tensor:
    """y[n, o] = Σ_i W'[o, i] x[n, i] + b[o], W' the dense weight."""
    y = torch.einsum("oi,...i->...o", dense_weight(W, A, B, scale), x.detach().double())
    return y if b is None else y + b.detach().double()


def gradients(W: Tensor, A: Tensor, B: Tensor, scale: float, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For a loss with ∂L/∂y = g (N, out): ∂L/∂A = s Bᵀ gᵀ x, ∂L/∂B = s gᵀ x Aᵀ, ∂L/∂x = g W'."""
    A, B, x, g = (tensor.detach().double() for tensor in (A, B, x, g))
    outer = torch.einsum("no,ni->oi", g, x)  # ∂L/∂W', and W' is linear in A and in B
    return (
        scale * torch.einsum("ok,oi->ki", B, outer),
        scale * torch.einsum("oi,ki->ok", outer, A),
        torch.einsum("no,oi->ni", g, dense_weight(W, A, B, scale)),
    )
