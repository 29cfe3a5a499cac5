"""bitsandbytes' 4-bit and 8-bit linear layers, right on the CPU. Import only where bitsandbytes is installed.

On CUDA these are bitsandbytes' layers. On the CPU the layers of bitsandbytes 0.50 have three faults, which these have not:

- evaluation on a CPU with AVX512-bf16 repacks a 4-bit weight in place, into a form that has no backward pass: in the next
  training step no gradient passes the layer, and nothing says so. The form also rounds the scales to bfloat16, needs shapes
  that are multiples of 32 and 64, and is dequantised wrongly. Here no weight is ever repacked.
- on a CPU with AVX512 a 4-bit weight is dequantised wrongly where in_features is no multiple of the block (64), since the
  kernel takes each row to begin a block, while blocks run on over the ends of rows. Here the kernel is handed the weight as
  rows of one block each, and what has no whole number of blocks goes through :mod:`afinar.ops.nf4`.
- 8-bit layers compute another function in evaluation than in training: the inputs are rounded to 8 bits as well. Here both
  multiply by the dequantised weight.

Neither keeps the dequantised weight for the backward pass (:mod:`afinar.ops.frozen_linear`), so at most one layer's exists.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt, LinearFP4, LinearNF4
from torch import Tensor, nn

from afinar.errors import ModelError
from afinar.ops import nf4
from afinar.ops.frozen_linear import frozen_linear


class FourBitLinear(Linear4bit):
    """y = x Wᵀ + b with W in NF4 (or FP4); x (..., in) → (..., out) in x's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """In `compute_dtype` where the layer has one, else in x's."""
        if x.device.type != "cpu":
            return super().forward(x)
        inner = x if self.compute_dtype is None else x.to(self.compute_dtype)
        return frozen_linear(inner, self.float_weight, self.bias).to(x.dtype)

    @torch.no_grad()
    def float_weight(self, dtype: torch.dtype) -> Tensor:
        """W (out, in), dequantised in float32 and rounded to `dtype` once."""
        weight: Any = self.weight
        return _dequantised_4bit(weight.data, weight.quant_state, dtype)


class EightBitLinear(Linear8bitLt):
    """y = x Wᵀ + b with W in int8, one scale for each row; x (..., in) → (..., out) in x's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """W dequantised, in training and evaluation alike."""
        if x.device.type != "cpu" or self.state.has_fp16_weights:
            return super().forward(x)
        return frozen_linear(x, self.float_weight, self.bias)

    @torch.no_grad()
    def float_weight(self, dtype: torch.dtype) -> Tensor:
        """W (out, in): codes in [-127, 127] times (largest absolute value of the row) / 127."""
        weight: Any = self.weight
        state: Any = self.state
        # bitsandbytes moves the scales from the weight to the state at its own first forward
        scale = state.SCB if weight.SCB is None else weight.SCB
        return weight.data.to(dtype).mul_((scale / 127).to(weight.device)[:, None])


QuantisedLinear = FourBitLinear | EightBitLinear
_OURS: dict[type[nn.Module], type[nn.Module]] = {
    Linear4bit: FourBitLinear,
    LinearNF4: FourBitLinear,
    LinearFP4: FourBitLinear,
    Linear8bitLt: EightBitLinear,
}


def adopt(model: nn.Module) -> None:
    """Make every layer of bitsandbytes in `model` one of the classes above; weights and settings stay. Idempotent.

    Raises ModelError for a 4-bit weight that an evaluation has repacked already: it has lost precision for good.
    """
    for path, module in model.named_modules():
        if isinstance(module, Linear4bit):
            weight: Any = module.weight
            if getattr(weight.quant_state, "packing_format_for_cpu", False):  # set by the repacking only
                raise ModelError("quantised.repacked", path=path)
            module.support_avx512bf16_for_cpu = False  # for classes derived from Linear4bit, which keep their forward
        if type(module) in _OURS:
            module.__class__ = _OURS[type(module)]


def _dequantised_4bit(packed: Tensor, state: Any, dtype: torch.dtype) -> Tensor:
    shape, block = tuple(state.shape), state.blocksize
    absmax = state.absmax
    if state.nested:
        absmax = nf4.dequantise_absmax(absmax, state.state2.absmax, state.state2.code, state.offset, state.state2.blocksize)
    packed = packed.view(torch.uint8)
    if prod(shape) % block or block >= 2048:  # the kernel is inexact for such blocks, by its own authors' comment
        return nf4.dequantise(packed, absmax, shape, dtype, code=state.code, block=block)
    rows = (prod(shape) // block, block)
    weight: Tensor = torch.ops.bitsandbytes.dequantize_4bit(packed, absmax.float(), block, state.quant_type, rows, dtype)
    return weight.view(shape)
