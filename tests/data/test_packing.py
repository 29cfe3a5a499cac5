from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afinar.data.packing import blocks, shuffled


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(2, 17))
def test_blocks_cover_every_token_once_and_know_where_they_begin(lengths: list[int], size: int) -> None:
    owners = [index for index, length in enumerate(lengths) for _ in range(length)]  # the plain reference
    cut = blocks(lengths, size)
    covered = [position for start, end, _ in cut for position in range(start, end)]
    rest = len(owners) % size
    assert covered == list(range(len(owners) - (rest if rest == 1 else 0)))
    assert all(end - start == size for start, end, _ in cut[:-1])
    assert [first for _, _, first in cut] == [owners[start] for start, _, _ in cut]


def test_a_last_block_of_two_tokens_is_kept_and_of_one_is_not() -> None:
    assert blocks([4, 2], 4) == [(0, 4, 0), (4, 6, 1)]
    assert blocks([4, 1], 4) == [(0, 4, 0)]
    assert blocks([], 4) == []


def test_the_order_is_a_permutation_fixed_by_the_seed() -> None:
    assert sorted(shuffled(50, 1)) == list(range(50))
    assert shuffled(50, 1) == shuffled(50, 1) != shuffled(50, 2)
    assert shuffled(50, None) == list(range(50))
