"""NF4, the 4-bit code of QLoRA, in plain torch: the reference for the layers that use it.

    q_i = argmin_k |w_i / m_b - c_k|        w'_i = c_{q_i} · m_b        m_b = max |w_i| over the block b of 64 weights

    c_k     16 values in [-1, 1], 0 among them: quantiles of the standard normal distribution, over their largest. Weights
            are about normal, so each code is used about as often.
    m_b     one float32 for each block of the *flattened* matrix: a block may run over the end of a row. 4.5 bits a weight.

Double quantisation stores m_b in 8 bits too, in blocks of 256 of them around their mean u: m_b = d_{p_b} · s + u with s one
float32 for 256 blocks and d a code of 256 values. 4 + 8/64 + 32/(64·256) = 4.127 bits a weight.

Source: Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", arXiv:2305.14314, section 3 (equations 1 to
4) and appendix E (the values). Two weights share a byte, the first in the upper half, as bitsandbytes stores them.
"""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 64
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


def quantise(weight: Tensor, block: int = BLOCK) -> tuple[Tensor, Tensor]:
    """(packed, absmax) of a float tensor of any shape: uint8 of ceil(n / 2), float32 of ceil(n / block)."""
    flat = weight.detach().float().reshape(-1)
    blocks = F.pad(flat, (0, -flat.numel() % block)).view(-1, block)
    absmax = blocks.abs().amax(1)
    scaled = (blocks / absmax.clamp(min=torch.finfo().tiny)[:, None]).view(-1)[: flat.numel()]
    code = torch.tensor(NF4, device=weight.device)
    # the nearest code lies on one side or the other of the midpoints between neighbours
    scaled = F.pad(scaled, (0, flat.numel() % 2))
    indices = torch.bucketize(scaled, (code[1:] + code[:-1]) / 2).to(torch.uint8)
    return indices[::2] << 4 | indices[1::2], absmax


def dequantise(
    packed: Tensor,
    absmax: Tensor,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    *,
    code: Tensor | None = None,
    block: int = BLOCK,
) -> Tensor:
    """The weights of `shape` in `dtype`; multiplied in float32. code: another 16 values than NF4's."""
    code = torch.tensor(NF4, device=packed.device) if code is None else code.float()
    # both weights of a byte in one look-up: (256, 2)
    pairs = torch.stack((code.repeat_interleave(16), code.repeat(16)), 1)
    flat = F.embedding(packed.reshape(-1).int(), pairs).view(-1)[: prod(shape)]
    blocks = F.pad(flat, (0, -flat.numel() % block)).view(-1, block) * absmax.float()[:, None]
    return blocks.view(-1)[: flat.numel()].view(shape).to(dtype)


def dequantise_absmax(packed: Tensor, scale: Tensor, code: Tensor, offset: Tensor, block: int = 256) -> Tensor:
    """The float32 absmax of double quantisation: d[packed] · s + u. packed: uint8 (blocks,); code: (256,)."""
    flat = F.embedding(packed.reshape(-1).int(), code.float()[:, None]).view(-1)
    scales = scale.float().repeat_interleave(block)[: flat.numel()]
    return flat * scales + offset.float()
