"""A linear layer with LoRA's low-rank update beside its frozen weight.

    y = W x + b + s · (B A drop(x) - B0 A0 x)      A0, B0 only where B A does not start at zero: PiSSA, OLoRA

The equation, its symbols and its sources are those of :mod:`afinar.methods.lora`.

Shapes: N tokens of all sequences, I in, O out, R rank.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from afinar.methods.adapted import Adapted, foldable_weight
from afinar.methods.lora_init import Factors, kaiming
from afinar.models.targets import Linear, features


def add_low_rank(y_NO: Tensor, x_NI: Tensor, A_RI: Tensor, B_OR: Tensor, scale: float) -> Tensor:
    """y + scale · x Aᵀ Bᵀ, with one temporary as wide as y: the result."""
    return torch.addmm(y_NO, F.linear(x_NI, A_RI), B_OR.t(), alpha=scale)


class LoRALayer(Adapted):
    """A linear layer (nn.Linear, or GPT-2's Conv1D) with a low-rank update beside its frozen weight.

    x (..., in) → (..., out), in the base's dtype; A and B are float32 whatever the base is. `enabled = False` gives the
    base layer's own output.

    factors: A and B to begin with; by default Kaiming uniform and zero. Factors that are not zero together (PiSSA's) are
    kept as A0 and B0, and the update is s · (B A - B0 A0), so that training starts at the base model and W never changes.
    bias: train the base's bias too.
    """

    base: Linear
    A0: Tensor | None
    B0: Tensor | None
    trained_bias: nn.Parameter | None

    def __init__(
        self,
        base: Linear,
        *,
        r: int,
        scale: float,
        dropout: float = 0.0,
        factors: Factors | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__(base)
        self.in_features, self.out_features = features(base)
        self.r, self.scale, self.dropout = r, scale, dropout
        # On the CPU first, so that one seed gives the same adapter on every device.
        start = factors or kaiming(self.in_features, self.out_features, r)
        device = self.weight.device
        self.A = nn.Parameter(start.A_RI.to(device))
        self.B = nn.Parameter(start.B_OR.to(device))
        shifted = start.shifted
        self.register_buffer("A0", self.A.detach().clone() if shifted else None)
        self.register_buffer("B0", self.B.detach().clone() if shifted else None)
        own = base.bias if bias else None
        self.trained_bias = None if own is None else nn.Parameter(own.detach().float().clone())

    def forward(self, x: Tensor) -> Tensor:
        """W x + b + s · B A dropout(x); dropout only in training, drawn from torch's global generator."""
        y = self.base(x)
        if not self.active:
            return y
        y = self.add_update(y, x)
        return y if self.trained_bias is None else y + (self.trained_bias - self.base.bias.float()).to(y.dtype)

    def add_update(self, y: Tensor, x: Tensor) -> Tensor:
        """y (..., out) and the update's part of it for x (..., in)."""
        dropped = F.dropout(x, self.dropout, self.training)
        if self.A0 is None or self.B0 is None:
            x_NI, y_NO = dropped.reshape(-1, self.in_features), y.reshape(-1, self.out_features)
            return add_low_rank(y_NO, x_NI, self.A.to(x.dtype), self.B.to(x.dtype), self.scale).view_as(y)
        # Two products and their difference: exactly 0 at the start, which one product of rank 2 r would not be.
        return torch.add(y, low_rank(dropped, self.A, self.B) - low_rank(x, self.A0, self.B0), alpha=self.scale)

    def factors(self) -> tuple[Tensor, Tensor]:
        """A and B of the whole update, with A0 and B0 in them: (r, in) and (out, r), or twice the rank."""
        if self.A0 is None or self.B0 is None:
            return self.A, self.B
        return torch.cat((self.A, self.A0)), torch.cat((self.B, -self.B0), dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """A and B, a bias that trains, and A0 and B0 where there are any."""
        mine = {"A": self.A, "B": self.B, "trained_bias": self.trained_bias, "A0": self.A0, "B0": self.B0}
        return {name: tensor.detach() for name, tensor in mine.items() if tensor is not None}

    def count(self) -> int:
        """r · (in + out), and out where the bias trains."""
        return self.r * (self.in_features + self.out_features) + self.out_features * (self.trained_bias is not None)

    @torch.no_grad()
    def update(self) -> Tensor:
        """s · B A as a dense (out, in), in float32 or wider."""
        A, B = self.factors()
        return (B @ A) * self.scale

    @torch.no_grad()
    def folded(self) -> dict[str, Tensor]:
        """W + s · B A, summed in at least float32, in W's dtype and layout. Raises ModelError for a quantised W."""
        weight = foldable_weight(self.base)
        update = self.update()
        folded = {"weight": (weight + (update.t() if isinstance(self.base, Conv1D) else update)).to(weight.dtype)}
        if self.trained_bias is not None:
            folded["bias"] = self.trained_bias.detach().to(self.base.bias.dtype)
        return folded

    def extra_repr(self) -> str:
        return f"r={self.r}, scale={self.scale:g}, dropout={self.dropout:g}"


def low_rank(x: Tensor, A_RI: Tensor, B_OR: Tensor) -> Tensor:
    """x Aᵀ Bᵀ: x (..., in) → (..., out), in x's dtype."""
    return F.linear(F.linear(x, A_RI.to(x.dtype)), B_OR.to(x.dtype))


def lora_layers(model: nn.Module) -> dict[str, LoRALayer]:
    """The adapted linear layers of `model` by path."""
    return {path: module for path, module in model.named_modules() if isinstance(module, LoRALayer)}
