"""Blocks: texts joined, with EOS between them, and cut into rows of equal length, as in pretraining.

    text 1 EOS text 2 EOS text 3 ... EOS
    |---- max_length ----|---- max_length ----|-- rest --|

No token is padding and none is lost but a last one alone. Tokens see the texts before them in the block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def shuffled(count: int, seed: int | None) -> list[int]:
    """The order in which `count` texts are joined: a permutation that `seed` fixes, or as they came for None."""
    return list(range(count)) if seed is None else np.random.default_rng(seed).permutation(count).tolist()


def blocks(lengths: Sequence[int], block_length: int) -> list[tuple[int, int, int]]:
    """Cut points for texts of `lengths` tokens: (start, end, index of the text in which the block begins).

    Positions count in the joined sequence. A last, shorter block is kept from two tokens on; one token predicts nothing.
    """
    ends = np.cumsum(np.asarray(lengths, dtype=np.int64))
    total = int(ends[-1]) if len(ends) else 0
    starts = range(0, total, block_length)
    cuts = [(start, min(start + block_length, total)) for start in starts]
    firsts = np.searchsorted(ends, list(starts), side="right").tolist()
    return [(start, end, first) for (start, end), first in zip(cuts, firsts, strict=True) if end - start >= 2]
