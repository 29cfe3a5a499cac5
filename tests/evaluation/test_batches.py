from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afinar.evaluation.batches import batches


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 100))
def test_each_row_comes_once_and_the_budget_holds(lengths, budget):
    made = batches(lengths, budget)
    assert sorted(row for batch in made for row in batch) == list(range(len(lengths)))
    for batch in made:
        padded = len(batch) * max(lengths[row] for row in batch)
        assert padded <= budget or len(batch) == 1


def test_rows_of_like_length_share_a_batch_and_the_longest_come_first():
    assert batches([3, 9, 3, 8, 2], 18) == [[1, 3], [0, 2, 4]]
