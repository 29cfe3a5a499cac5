"""DoRA: LoRA with the length of each of the weight's rows trained apart from its direction.

    W' = m · V / ||V||,    V = W + s · B A,    ||V|| the length of each row, (out,)

    y = W' x + b = W x + b + (g - 1) · W x + g · s · B A x,    g = m / ||V||

    m (out,)  the magnitudes, trained; they start as the rows' lengths ||W||, so g = 1 and training starts at the base model

||V|| follows A and B but is a constant to their gradient, which saves memory and costs nothing measurable (section 4.3).

Source: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv:2402.09353, equations 5, 6 and 11. (The paper
writes the weight as in × out, and calls these rows columns.)

With dropout, (g - 1) · W and B A see the same dropped x, and the first W x the whole one, as in PEFT.

Where we differ: PEFT forms the dense B A and W + s · B A in every forward pass. Here the lengths come from

    ||V_o||² = ||W_o||² + 2 s (W Aᵀ)_o · B_o + s² B_o (A Aᵀ) B_oᵀ

in float32 and a slice of rows at a time, so that nothing as large as the weight is ever made.

Shapes: I in, O out, R rank.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar.methods.adapted import matrix
from afinar.methods.lora_layer import LoRALayer, low_rank

_SLICE = 1024  # rows whose float32 copy exists at one time


@torch.no_grad()
def row_lengths(weight_OI: Tensor, A_RI: Tensor, B_OR: Tensor, scale: float) -> Tensor:
    """||W + scale · B A|| of each row: (out,) float32 or wider, without forming the sum."""
    gram_RR = A_RI @ A_RI.t()
    squares = []
    for W_oI, B_oR in zip(weight_OI.split(_SLICE), B_OR.split(_SLICE), strict=True):
        W_oI = W_oI.to(A_RI.dtype)
        cross_o = ((W_oI @ A_RI.t()) * B_oR).sum(1)
        squares.append(W_oI.square().sum(1) + 2 * scale * cross_o + scale**2 * ((B_oR @ gram_RR) * B_oR).sum(1))
    return torch.cat(squares).clamp(min=0).sqrt()


class DoRALayer(LoRALayer):
    """A linear layer with a low-rank update and rows of trained length. x (..., in) → (..., out)."""

    def __init__(self, base: Any, **options: Any) -> None:
        super().__init__(base, **options)
        self.magnitude = nn.Parameter(self.lengths())

    def lengths(self) -> Tensor:
        """||V||, the present lengths of the rows: (out,), a constant to autograd."""
        A, B = (factor.detach() for factor in self.factors())
        return row_lengths(matrix(self.base), A, B, self.scale)

    def add_update(self, y: Tensor, x: Tensor) -> Tensor:
        """y + (g - 1) · W x + g · s · B A x."""
        g = (self.magnitude / self.lengths()).to(y.dtype)
        dropping = self.training and self.dropout > 0
        dropped = F.dropout(x, self.dropout) if dropping else x
        z = self.base(dropped) if dropping else y
        z = z if self.base.bias is None else z - self.base.bias
        update = g * low_rank(dropped, self.A, self.B)
        if self.A0 is not None and self.B0 is not None:  # to PEFT, W without them is the base
            start = low_rank(x, self.A0, self.B0)
            update = update - start
            z = torch.sub(z, low_rank(dropped, self.A0, self.B0) if dropping else start, alpha=self.scale)
        return y + (g - 1) * z + self.scale * update

    def tensors(self) -> dict[str, Tensor]:
        """LoRA's, and the magnitudes."""
        return {**super().tensors(), "magnitude": self.magnitude.detach()}

    def count(self) -> int:
        """LoRA's, and one for each row."""
        return super().count() + self.out_features

    @torch.no_grad()
    def update(self) -> Tensor:
        """g · (W + s · B A) - W: (out, in). Raises ModelError for a quantised W."""
        weight_OI = matrix(self.base)
        g = (self.magnitude / self.lengths())[:, None]
        return g * (weight_OI + super().update()) - weight_OI
