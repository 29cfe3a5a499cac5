"""Attention against its formula, one query at a time, in float64."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from afinar.ops import attention
from afinar.ops.attention import attend, attend_segments, band, prefix_visible, prepend

P, G, H, D = 3, 2, 4, 5
BOUNDS = [0, 4, 5, 12]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scale": {"scale": 0.7},
    "softcap": {"softcap": 0.5},
    "window": {"window": 4},
    "window-and-softcap": {"window": 2, "softcap": 0.5, "scale": 1.0},
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def states(T: int, rows: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    return drawn(rows, H, T, D, seed=1), drawn(rows, G, T, D, seed=2), drawn(rows, G, T, D, seed=3)


def one(q: Tensor, keys: Tensor, values: Tensor, scale: float | None = None, softcap: float | None = None) -> Tensor:
    """The output of one query (D,) over the keys and values (S, D) that it sees."""
    scores = torch.stack([(q * key).sum() for key in keys]) * (D**-0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    weights = torch.exp(scores) / torch.exp(scores).sum()
    return sum((w * value for w, value in zip(weights, values, strict=True)), torch.zeros(D, dtype=torch.float64))


def reference(
    q: Tensor, k: Tensor, v: Tensor, bounds: list[int], prefix: tuple[Tensor, Tensor] | None, window: int | None, **how: Any
) -> Tensor:
    output = torch.zeros_like(q)
    for head in range(H):
        group = head // (H // G)
        for start, end in pairwise(bounds):
            for t in range(start, end):
                keys, values = k[0, group, start : t + 1], v[0, group, start : t + 1]
                if prefix is not None:
                    keys, values = torch.cat((prefix[0][group], keys)), torch.cat((prefix[1][group], values))
                last = len(keys) if window is None else window
                output[0, head, t] = one(q[0, head, t], keys[-last:], values[-last:], **how)
    return output


@pytest.mark.parametrize("prefixed", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_segments_are_the_formula(way: str, prefixed: bool) -> None:
    how = dict(WAYS[way])
    prefix = (drawn(G, P, D, seed=4), drawn(G, P, D, seed=5)) if prefixed else None
    q, k, v = states(BOUNDS[-1])
    expected = reference(q, k, v, BOUNDS, prefix, how.get("window"), **{n: x for n, x in how.items() if n != "window"})
    torch.testing.assert_close(attend_segments(q, k, v, BOUNDS, prefix=prefix, **how), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("softcap", [None, 0.5])
@pytest.mark.parametrize(("T", "S"), [(6, 6), (2, 6), (1, 6)])
def test_without_a_mask_the_last_query_stands_beside_the_last_key(T: int, S: int, softcap: float | None) -> None:
    q, k, v = states(S)
    whole = reference(q, k, v, [0, S], None, None, softcap=softcap)
    torch.testing.assert_close(attend(q[:, :, -T:], k, v, softcap=softcap), whole[:, :, -T:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("softcap", [None, 0.5])
def test_a_float_mask_is_added_and_a_bool_one_chooses(softcap: float | None) -> None:
    q, k, v = states(6, rows=2)
    visible = band(6, 6, 3).expand(2, 1, 6, 6).clone()
    visible[0, :, :, 0] = False
    added = torch.zeros(visible.shape, dtype=torch.float64).masked_fill(~visible, -1e30)
    chosen = attend(q, k, v, visible, softcap=softcap)
    torch.testing.assert_close(attend(q, k, v, added, softcap=softcap)[0, :, 1:], chosen[0, :, 1:], rtol=1e-12, atol=1e-12)
    expected = reference(q[1:], k[1:], v[1:], [0, 6], None, 3, softcap=softcap)
    torch.testing.assert_close(chosen[1:], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("softcap", [None, 0.5])
def test_a_query_that_sees_nothing_spoils_nothing(softcap: float | None) -> None:
    q, k, v = (x.float().requires_grad_() for x in states(6))
    visible = band(6, 6)
    visible[2] = False
    output = attend(q, k, v, visible, softcap=softcap)
    output[:, :, 3:].sum().backward()
    assert output.isfinite().all()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (q, k, v))


def test_dropout_drops_weights_and_keeps_their_mean() -> None:
    q, k, v = (x.float() for x in states(4, rows=1))
    torch.manual_seed(0)
    for how in ({}, {"softcap": 0.5}):
        drawn_often = torch.stack([attend(q, k, v, dropout=0.5, **how) for _ in range(4000)])
        assert not torch.equal(drawn_often[0], drawn_often[1])
        torch.testing.assert_close(drawn_often.mean(0), attend(q, k, v, **how), atol=0.1, rtol=0)


def test_a_band_is_causal_and_no_wider_than_its_window() -> None:
    expected = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    assert band(3, 5, 3).int().tolist() == expected
    assert band(2, 3).int().tolist() == [[1, 1, 0], [1, 1, 1]]


def test_a_prefix_slides_out_of_a_window() -> None:
    """Three prefix keys at 0, 1, 2 and a window of four positions: the query at 3 sees them all, the one at 6 none."""
    seen = prefix_visible(torch.tensor([[3, 4, 5, 6]]), P, 4)
    assert seen[0, 0].int().tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert prefix_visible(torch.tensor([[3, 600]]), P, None).all()


def test_a_prefix_is_the_same_for_every_row_and_in_the_keys_precision() -> None:
    prefix = (drawn(G, P, D), drawn(G, P, D, seed=1))
    _, k, v = (x.bfloat16() for x in states(4, rows=3))
    keys, values = prepend(prefix, k, v)
    assert keys.dtype == values.dtype == torch.bfloat16
    assert keys.shape == (3, G, P + 4, D)
    assert torch.equal(keys[:, :, P:], k)
    assert torch.equal(values[2, :, :P], prefix[1].bfloat16())


def test_no_mask_is_larger_than_the_longest_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def watched(T: int, S: int, *args: Any, **kwargs: Any) -> Tensor:
        made.append(T * S)
        return band(T, S, *args, **kwargs)

    monkeypatch.setattr(attention, "band", watched)
    q, k, v = states(BOUNDS[-1])
    attend_segments(q, k, v, BOUNDS)
    assert made == []
    attend_segments(q, k, v, BOUNDS, prefix=(drawn(G, P, D), drawn(G, P, D)), window=5)
    assert made == [4 * (P + 4), 1 * (P + 1), 7 * (P + 7)]
