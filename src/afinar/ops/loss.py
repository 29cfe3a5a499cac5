"""Head and cross-entropy at chosen positions, in chunks: never the whole logits.

For hidden states h_i (D,) at the N supervised positions, head W (V, D) with bias b, and targets y_i:

    u_i = s (W h_i + b)                          s: logit scale (1 in most models)
    z_i = c tanh(u_i / c)                        c: soft-cap (Gemma 2), else z_i = u_i
    nll_i = logsumexp(z_i) - z_i[y_i]
    loss_i = (1 - e) nll_i + e (logsumexp(z_i) - mean(z_i))          e: label smoothing

    total = sum_i w_i loss_i                     w: weights, constants; 1 where none are given
    d total / d z_i = w_i (softmax(z_i) - (1 - e) onehot(y_i) - e / V)

A chunk's logits live only while the chunk is worked on, and the gradients are made in the same pass, so neither logits nor
probabilities (N x V) are kept for the backward pass. Gradients are those of the *sum*; the caller divides by the number of
supervised tokens (or their summed weights) outside, so that a loss scaler's factor arrives before anything is rounded to
half precision.

Sources: label smoothing, Szegedy et al. 2016, arXiv:1512.00567, eq. 7; soft-capping, Gemma 2, arXiv:2408.00118, sec. 2;
chunked head and loss with the gradient in the forward pass, Hsu et al. 2024 (Liger), arXiv:2410.10989, sec. 3.2.

Shape legend: N supervised positions, D hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK_ELEMENTS = 2**22  # logits of one chunk: 16 MB in float32, measured best between 2**21 and 2**23 on two CPU cores


class TokenLosses(NamedTuple):
    """What one pass over N supervised positions gives."""

    total: Tensor  # () float32, differentiable: the weighted sum of the (smoothed) losses
    nll_N: Tensor  # (N,) float32, detached: the plain negative log-likelihoods, without weights, for perplexity
    correct_N: Tensor  # (N,) bool: whether the target is the most likely token


def head_loss(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    targets_N: Tensor,
    *,
    weights_N: Tensor | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    scale: float = 1.0,
    chunk: int | None = None,
) -> TokenLosses:
    """Token losses of a linear head, chunk by chunk, with gradients for `hidden_ND`, `weight_VD` and `bias_V`.

    weights_N: what each loss counts in the total; no gradient reaches them. Matrix products run in the dtype of autocast
    where it is on, else in that of `hidden_ND`; the loss always in float32 (float64 for float64 input). N may be 0: the
    total is then 0 and every gradient is zero.
    """
    rows = chunk or max(128, min(1024, _CHUNK_ELEMENTS // weight_VD.shape[0]))
    need_grad = torch.is_grad_enabled()  # inside forward() autograd is always off
    total, nll_N, correct_N = _HeadLoss.apply(
        hidden_ND, weight_VD, bias_V, targets_N, weights_N, label_smoothing, softcap, scale, rows, need_grad
    )
    return TokenLosses(total, nll_N, correct_N)


def head_loss_reference(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    targets_N: Tensor,
    *,
    weights_N: Tensor | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    scale: float = 1.0,
) -> TokenLosses:
    """The same by the whole logits and autograd: the plain version that :func:`head_loss` is tested against."""
    logits_NV = _logits(hidden_ND, weight_VD, bias_V, softcap, scale)
    return logits_loss(logits_NV, targets_N, weights_N=weights_N, label_smoothing=label_smoothing)


def logits_loss(
    logits_NV: Tensor, targets_N: Tensor, *, weights_N: Tensor | None = None, label_smoothing: float = 0.0
) -> TokenLosses:
    """Token losses from logits that are there already (a head that is not a plain linear layer)."""
    logits_NV = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
    nll_N = F.cross_entropy(logits_NV, targets_N, reduction="none")
    loss_N = F.cross_entropy(logits_NV, targets_N, reduction="none", label_smoothing=label_smoothing)
    total = (loss_N if weights_N is None else loss_N * weights_N).sum()
    return TokenLosses(total, nll_N.detach(), logits_NV.argmax(-1) == targets_N)


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, softcap: float | None, scale: float) -> Tensor:
    logits = F.linear(hidden, weight, bias)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if scale != 1.0:
        logits = logits * scale
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        weights_N: Tensor | None,
        label_smoothing: float,
        softcap: float | None,
        scale: float,
        rows: int,
        need_grad: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        device = hidden_ND.device.type
        product = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_ND.dtype
        hidden, weight = hidden_ND.to(product), weight_VD.to(product)
        bias = None if bias_V is None else bias_V.to(product)
        exact = torch.float64 if product == torch.float64 else torch.float32
        want = [need_grad and flag for flag in ctx.needs_input_grad[:3]]
        grad_hidden = torch.empty_like(hidden) if want[0] else None
        grad_weight = torch.zeros_like(weight_VD, dtype=exact) if want[1] else None
        grad_bias = torch.zeros_like(bias_V, dtype=exact) if want[2] and bias_V is not None else None

        nll = torch.empty(targets_N.shape, dtype=exact, device=hidden.device)
        correct = torch.empty(targets_N.shape, dtype=torch.bool, device=hidden.device)
        total = torch.zeros((), dtype=exact, device=hidden.device)
        for start in range(0, targets_N.shape[0], rows):
            part = slice(start, start + rows)
            z = _logits(hidden[part], weight, bias, softcap, scale)  # (chunk, V)
            target = targets_N[part, None]
            lse = torch.logsumexp(z, -1, keepdim=True)
            picked = z.gather(-1, target)
            nll[part] = (lse - picked).squeeze(-1)
            correct[part] = z.argmax(-1) == target.squeeze(-1)
            smooth = label_smoothing * (lse.squeeze(-1) - z.mean(-1)) if label_smoothing else 0.0
            loss = (1 - label_smoothing) * nll[part] + smooth
            counts = None if weights_N is None else weights_N[part].to(exact)
            total += (loss if counts is None else loss * counts).sum()
            if not any(want):
                continue
            d_z = _grad_logits(z, lse, target, label_smoothing, softcap, scale)
            d_z = (d_z if counts is None else d_z.mul_(counts[:, None])).to(product)
            if grad_hidden is not None:
                grad_hidden[part] = d_z @ weight
            if grad_weight is not None:
                grad_weight += d_z.T @ hidden[part]
            if grad_bias is not None:
                grad_bias += d_z.sum(0)
        ctx.grads = (grad_hidden, grad_weight, grad_bias)
        ctx.dtypes = (hidden_ND.dtype, weight_VD.dtype, None if bias_V is None else bias_V.dtype)
        ctx.mark_non_differentiable(nll, correct)
        return total, nll, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        upstream = grads[0]
        # In the loss's own precision: a scaler's factor of 2**16 is infinite in float16.
        made = [
            None if grad is None else (grad.to(upstream.dtype) * upstream).to(dtype)
            for grad, dtype in zip(ctx.grads, ctx.dtypes, strict=True)
        ]
        return (*made, None, None, None, None, None, None, None)


def _grad_logits(
    z: Tensor, lse: Tensor, target: Tensor, label_smoothing: float, softcap: float | None, scale: float
) -> Tensor:
    """d loss / d (W h + b) for one chunk; `z` (chunk, V) is overwritten unless the soft-cap still needs it."""
    slope = None if softcap is None else 1 - (z / softcap).square_()
    grad = z.sub_(lse).exp_()
    grad.scatter_add_(-1, target, torch.full_like(lse, label_smoothing - 1))
    if label_smoothing:
        grad -= label_smoothing / grad.shape[-1]
    if slope is not None:
        grad *= slope
    return grad if scale == 1.0 else grad.mul_(scale)
