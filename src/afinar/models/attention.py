"""Our attention function, "afinar", as transformers' models call it: per segment of a packed row, after a prefix if any.

    use(model)                     # from now on; use(model, "sdpa") switches back
    model(**pack([row_a, row_b]))  # one row; each segment gets the output that it gets alone

A packed row has no attention mask. It says where its segments lie under the names that transformers uses for flash
attention: `input_ids (1, T)`, `position_ids (1, T)` restarting at 0, `cu_seq_lens_q` and `cu_seq_lens_k (N + 1,)` int32, and
`max_length_q`, `max_length_k`. Its attention never builds a T×T mask. Every other input (padded on the left or the right, with
a cache, a mask of four dimensions) is masked as transformers' own "sdpa" is, by the same masks.

A prefix travels as the keyword `prefix` (see :class:`PrefixStates`) from the decoder to every layer, so that gradient
checkpointing, which runs a layer a second time, sees it a second time; a cache, which PEFT uses for it, is thrown away there.

Some architectures' attention does not go through transformers' AttentionInterface, or does more than ours:
:func:`afinar.models.attention_check.check_attention` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from afinar.models.decoder import decoder_of
from afinar.ops.attention import attend, attend_segments, band, prefix_visible, prepend

NAME = "afinar"


@dataclass(frozen=True)
class PrefixStates:
    """Keys and values that come before the tokens of every row and segment, as a keyword of the decoder.

    layers: (keys, values) of each layer, (G, P, D) both; the attention casts them to what the layer computes in.
    positions_BT: the queries' positions, counted so that the prefix keys stand at 0 … P − 1.
    """

    layers: Sequence[tuple[Tensor, Tensor]]
    positions_BT: Tensor


@dataclass
class LazyMask:
    """What transformers' "sdpa" would be given as the mask of rows without padding, made when it is first asked for."""

    arguments: dict[str, Any]
    _made: list[Tensor | None] = field(default_factory=list)

    def dense(self) -> Tensor | None:
        """(B, 1, T, S) bool; None where plain causal attention is meant."""
        if not self._made:
            self._made.append(sdpa_mask(**self.arguments))
        return self._made[0]


def register() -> None:
    """Make the name "afinar" known to transformers; called by :func:`use`, and before a model is loaded with it."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, make_mask)


def use(model: nn.Module, name: str = NAME) -> str:
    """Switch the decoder in `model` to the attention `name`; returns the name of the one before."""
    register()
    config = decoder_of(model).config
    before: str = config._attn_implementation
    config._attn_implementation = name
    return before


def pack(rows: Sequence[Tensor]) -> dict[str, Any]:
    """The token ids of several rows, (T_n,) each, as the inputs of one packed row."""
    lengths = [len(row) for row in rows]
    bounds = torch.tensor([0, *lengths], device=rows[0].device).cumsum(0).int()
    positions = torch.cat([torch.arange(length, device=rows[0].device) for length in lengths])
    longest = max(lengths)
    return {
        "input_ids": torch.cat(list(rows))[None],
        "position_ids": positions[None],
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def make_mask(**arguments: Any) -> LazyMask | Tensor | None:
    """What transformers' mask functions hand to :func:`attention` as `attention_mask`; their arguments."""
    square = arguments["q_length"] == arguments["kv_length"]
    if square and arguments["attention_mask"] is None:
        return LazyMask(arguments)  # it may be a packed row
    # A static cache's keys go on beyond the queries, so that "causal" would not say which key is the last.
    skip = arguments.get("allow_is_causal_skip", True) and (square or arguments["q_length"] == 1)
    return sdpa_mask(**{**arguments, "allow_is_causal_skip": skip})


def attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: LazyMask | Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    cu_seq_lens_q: Tensor | None = None,
    prefix: PrefixStates | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The function that a layer's attention calls: (B, H, T, D), (B, G, S, D) twice → (B, T, H, D)."""
    how: dict[str, Any] = {"scale": scaling, "softcap": softcap, "dropout": dropout}
    own = None if prefix is None else prefix.layers[module.layer_idx]
    if cu_seq_lens_q is not None:
        bounds = cu_seq_lens_q.tolist()
        output = attend_segments(query, key, value, bounds, prefix=own, window=sliding_window, **how)
        return output.transpose(1, 2).contiguous(), None
    visible = attention_mask.dense() if isinstance(attention_mask, LazyMask) else attention_mask
    if prefix is not None and own is not None:
        before = prefix_visible(prefix.positions_BT.to(query.device), own[0].shape[1], sliding_window)
        visible = _beside(before, visible, query, key)
        key, value = prepend(own, key, value)
    return attend(query, key, value, visible, **how).transpose(1, 2).contiguous(), None


def _beside(before: Tensor, visible: Tensor | None, query: Tensor, key: Tensor) -> Tensor:
    """The mask over prefix and keys, (B, 1, T, P + S)."""
    if visible is None:
        visible = band(query.shape[2], key.shape[2], device=query.device)[None, None]
    rows = query.shape[0]
    return torch.cat((before.expand(rows, -1, -1, -1), visible.expand(rows, -1, -1, -1)), dim=-1)
