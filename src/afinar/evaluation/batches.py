"""Batches for evaluation: rows of like length together under a token budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afinar.data.batching import micro_batches

OnBatch = Callable[[int, int], None]
"""Called after each batch with the rows done so far and the rows in all."""


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Indices of rows in batches that hold at most `batch_tokens` tokens, padding included; a longer row stands alone.

    The longest rows come first: if memory does not suffice, that shows at once and not at the end.
    """
    return micro_batches(range(len(lengths)), lengths, None, batch_tokens)
