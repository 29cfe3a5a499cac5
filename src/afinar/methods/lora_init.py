"""How A and B of a LoRA layer start.

    kaiming   A ~ U(-√(1/in), √(1/in)),  B = 0                   as PEFT and the authors' code
    gaussian  A ~ N(0, 1/r²),            B = 0                   as PEFT's "gaussian"
    pissa     W = U S Vᵀ:   A = √(S_r / s) V_rᵀ,  B = U_r √(S_r / s)   the r largest singular values of W
    olora     W = Q R:      A = R_r,              B = Q_r              the first r columns and rows

With pissa and olora B A is not zero. Their papers, and PEFT, subtract s · B A from the base's weight, so that training starts
at the base model; here W stays as it was, the starting values are kept as A0 and B0, and the update is s · (B A - B0 A0).
That is the same function with the same gradients, costs r · (in + out) more numbers, and the base can be switched back to
without rounding, stays shared between adapters, and may be quantised.

Sources: He et al. 2015, arXiv:1502.01852 (kaiming); Meng, Wang & Zhang 2024, "PiSSA: Principal Singular Values and Singular
Vectors Adaptation", arXiv:2404.03592, equations 2 to 4; Büyükakyüz 2024, "OLoRA: Orthonormal Low-Rank Adaptation of Large
Language Models", arXiv:2406.01775, algorithm 1.

Where we differ: OLoRA's B A is scaled by s in the forward pass, as in PEFT, and not by 1.

Shapes: I in, O out, R rank.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from afinar.errors import ConfigError

SHIFTED = frozenset({"pissa", "pissa_fast", "olora"})
"""Initialisations whose B A is not zero."""
_ITERATIONS = 16  # of the randomised SVD; PEFT's documentation takes 16 too


class Factors(NamedTuple):
    """A (r, in) and B (out, r) to begin with, float32. shifted: B A is not zero, and to be subtracted again."""

    A_RI: Tensor
    B_OR: Tensor
    shifted: bool = False


def kaiming(inputs: int, outputs: int, r: int) -> Factors:
    """Kaiming uniform with a = √5, and zero."""
    A_RI = nn.init.kaiming_uniform_(torch.empty(r, inputs), a=math.sqrt(5))
    return Factors(A_RI, torch.zeros(outputs, r))


def gaussian(inputs: int, outputs: int, r: int) -> Factors:
    """A normal with a standard deviation of 1/r, and zero."""
    return Factors(nn.init.normal_(torch.empty(r, inputs), std=1 / r), torch.zeros(outputs, r))


@torch.no_grad()
def pissa(weight_OI: Tensor, r: int, scale: float, *, fast: bool = False) -> Factors:
    """The principal part of the weight. fast: by a randomised SVD, within about 1e-3 of the singular values."""
    weight_OI = weight_OI.float()
    if fast:
        U_OR, S_R, V_IR = torch.svd_lowrank(weight_OI, q=r, niter=_ITERATIONS)
        Vh_RI = V_IR.t()
    else:
        U_OR, S_R, Vh_RI = torch.linalg.svd(weight_OI, full_matrices=False)
    root_R = (S_R[:r] / scale).sqrt()
    return Factors((root_R[:, None] * Vh_RI[:r]).contiguous(), (U_OR[:, :r] * root_R).contiguous(), shifted=True)


@torch.no_grad()
def olora(weight_OI: Tensor, r: int) -> Factors:
    """The first columns and rows of the weight's QR factors."""
    Q, R = torch.linalg.qr(weight_OI.float())
    return Factors(R[:r].contiguous(), Q[:, :r].contiguous(), shifted=True)


def factors(name: str, weight_OI: Tensor, r: int, scale: float) -> Factors:
    """The initialisation called `name` for a layer with this weight (only looked into where the name says so).

    Raises ConfigError for an unknown name.
    """
    outputs, inputs = weight_OI.shape
    if name == "kaiming":
        return kaiming(inputs, outputs, r)
    if name == "gaussian":
        return gaussian(inputs, outputs, r)
    if name in ("pissa", "pissa_fast"):
        return pissa(weight_OI, r, scale, fast=name == "pissa_fast")
    if name == "olora":
        return olora(weight_OI, r)
    allowed = ", ".join(["kaiming", "gaussian", *sorted(SHIFTED)])
    raise ConfigError("core.choice", field="method.initialisation", got=name, allowed=allowed)
