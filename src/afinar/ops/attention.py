"""Scaled dot-product attention: grouped-query heads, sliding windows, soft-caps, a learned prefix; whole rows or segments.

    y_i = sum_j p_ij v_j,    p_i = softmax_j( cap( s · q_i · k_j ) )  over the keys j that query i sees
    cap(a) = c · tanh(a / c)  with a soft-cap c, else a

    causal, with a window of W positions:  query i (at position p_i) sees the keys j with  p_i − W < p_j ≤ p_i
    prefix of P keys and values:           they stand at positions −P … −1, before every row and every segment

Sources: Vaswani et al. 2017, arXiv:1706.03762, equation 1; Ainslie et al. 2023, arXiv:2305.13245 (grouped queries);
Beltagy et al. 2020, arXiv:2004.05150 (windows); Gemma Team 2024, arXiv:2408.00118 (soft-cap); Li & Liang 2021,
arXiv:2101.00190 (prefix).

Shapes: B rows, T queries, S keys, H query heads, G key heads (H a multiple of G), D head size, P prefix keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(
    q_BHTD: Tensor,
    k_BGSD: Tensor,
    v_BGSD: Tensor,
    visible: Tensor | None = None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Attention of every query to the keys that it sees, (B, H, T, D).

    visible: bool, broadcast to (B, H, T, S), or a float tensor that is added to the scores; None: causal, the last query
    beside the last key. scale: None is 1/sqrt(D). A query that sees nothing gives a finite output without meaning.
    """
    T, S = q_BHTD.shape[2], k_BGSD.shape[2]
    if softcap is not None:
        if visible is None:
            visible = band(T, S, device=q_BHTD.device)
        return _attend_capped(q_BHTD, k_BGSD, v_BGSD, visible, scale=scale, softcap=softcap, dropout=dropout)
    causal = visible is None and T > 1
    if causal and S != T:
        visible, causal = band(T, S, device=q_BHTD.device), False
    if T == 1:  # one query: the heads of a group are as good as queries of one head, and the keys need not be repeated
        q_BHTD = q_BHTD.unflatten(1, (k_BGSD.shape[1], -1)).squeeze(3)
    k_BHSD, v_BHSD = _repeat(k_BGSD, q_BHTD), _repeat(v_BGSD, q_BHTD)
    y_BHTD = F.scaled_dot_product_attention(
        q_BHTD, k_BHSD, v_BHSD, attn_mask=visible, dropout_p=dropout, is_causal=causal, scale=scale
    )
    return y_BHTD.reshape(y_BHTD.shape[0], -1, T, y_BHTD.shape[-1])


def attend_segments(
    q_1HTD: Tensor,
    k_1GTD: Tensor,
    v_1GTD: Tensor,
    bounds: Sequence[int],
    *,
    prefix: tuple[Tensor, Tensor] | None = None,
    window: int | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Causal attention within each segment of one packed row, (1, H, T, D).

    bounds: 0 = b_0 < b_1 < … < b_N = T; segment n is the tokens b_n … b_(n+1) − 1 and sees no other. prefix: keys and values
    (G, P, D) before each segment. The largest mask is that of the longest segment; none without prefix and window.
    """
    outputs = []
    for start, end in pairwise(bounds):
        k, v = k_1GTD[:, :, start:end], v_1GTD[:, :, start:end]
        if prefix is not None:
            k, v = prepend(prefix, k, v)
        T, S = end - start, k.shape[2]
        plain = S == T and (window is None or window >= T)
        visible = None if plain else band(T, S, window, device=k.device)
        outputs.append(attend(q_1HTD[:, :, start:end], k, v, visible, scale=scale, softcap=softcap, dropout=dropout))
    return torch.cat(outputs, dim=2)


def prepend(prefix: tuple[Tensor, Tensor], k_BGSD: Tensor, v_BGSD: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values (B, G, P + S, D): those of the prefix (G, P, D), the same for every row, before each row's own."""
    keys, values = (part.to(k_BGSD).expand(k_BGSD.shape[0], -1, -1, -1) for part in prefix)
    return torch.cat((keys, k_BGSD), dim=2), torch.cat((values, v_BGSD), dim=2)


def band(T: int, S: int, window: int | None = None, *, device: torch.device | None = None) -> Tensor:
    """Which keys the last T of S positions see, (T, S) bool: their own and earlier ones, `window` of them at most."""
    queries, keys = torch.arange(S - T, S, device=device)[:, None], torch.arange(S, device=device)
    causal = keys <= queries
    return causal if window is None else causal & (keys > queries - window)


def prefix_visible(positions_BT: Tensor, length: int, window: int | None) -> Tensor:
    """Which prefix keys each query sees, (B, 1, T, P) bool: all of them, until they slide out of a window.

    positions_BT: of the queries, counted so that the prefix keys stand at 0 … P − 1.
    """
    distance = positions_BT[:, None, :, None] - torch.arange(length, device=positions_BT.device)
    return torch.ones_like(distance, dtype=torch.bool) if window is None else distance < window


def _attend_capped(
    q_BHTD: Tensor,
    k_BGSD: Tensor,
    v_BGSD: Tensor,
    visible: Tensor,
    *,
    scale: float | None,
    softcap: float,
    dropout: float,
) -> Tensor:
    scale = q_BHTD.shape[-1] ** -0.5 if scale is None else scale
    scores = (q_BHTD @ _repeat(k_BGSD, q_BHTD).transpose(2, 3)) * scale
    scores = softcap * torch.tanh(scores / softcap)
    lowest = torch.finfo(scores.dtype).min  # not -inf: a query that sees nothing gets no NaN
    scores = scores.masked_fill(~visible, lowest) if visible.dtype == torch.bool else scores + visible
    p = torch.softmax(scores, dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(scores.dtype)
    return F.dropout(p, dropout) @ _repeat(v_BGSD, q_BHTD)


def _repeat(x_BGSD: Tensor, q_BHTD: Tensor) -> Tensor:
    """Keys or values once for each query head, (B, H, S, D): head h reads those of group h // (H / G)."""
    times = q_BHTD.shape[1] // x_BGSD.shape[1]
    return x_BGSD if times == 1 else x_BGSD.repeat_interleave(times, dim=1)
