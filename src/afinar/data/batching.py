"""Rows of like length together: the micro-batches of training and the batches of evaluation."""

from __future__ import annotations

from collections.abc import Sequence


def micro_batches(
    indices: Sequence[int], lengths: Sequence[int], max_rows: int | None, max_tokens: int | None
) -> list[list[int]]:
    """Cut `indices` into groups of similar length, longest first, of at most `max_rows` rows and `max_tokens` padded tokens.

    A row longer than `max_tokens` makes a group by itself. Longest first, so that running out of memory shows at once.
    """
    groups: list[list[int]] = []
    longest = 0
    for index in sorted(indices, key=lambda i: (-lengths[i], i)):
        rows = len(groups[-1]) if groups else 0
        full = max_rows is not None and rows >= max_rows
        over = max_tokens is not None and (rows + 1) * longest > max_tokens
        if not groups or full or over:
            groups.append([])
            longest = lengths[index]
        groups[-1].append(index)
    return groups
