"""Steps: every row once an epoch, the order a function of (seed, epoch), ranks in step with each other."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch

from afinar.data.batching import micro_batches
from afinar.data.collate import Collator
from afinar.training.steps import Steps, loader
from tests.rows import causal_rows


def _steps(count: int = 21, **options: Any) -> Steps:
    return Steps(causal_rows(count), Collator(0), **{"examples_per_step": 8, **options})


def _rows_of(step: list[dict[str, torch.Tensor]]) -> list[tuple[int, ...]]:
    """The unpadded rows of a step that have something to learn."""
    found = []
    for batch in step:
        for ids, mask, labels in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
            if (labels != -100).any():
                found.append(tuple(ids[mask.bool()].tolist()))
    return found


def test_an_epoch_holds_every_row_once_and_ends_with_a_short_step() -> None:
    steps = _steps(micro_batch_size=3)
    seen = [_rows_of(steps[index]) for index in range(len(steps))]
    assert [len(rows) for rows in seen] == [8, 8, 5]
    assert sorted(chain.from_iterable(seen)) == sorted(tuple(row["input_ids"].tolist()) for row in steps.rows)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    one, other = _steps(seed=3), _steps(seed=3)
    one.set_epoch(1)  # what was read before does not matter
    one[0]
    one.set_epoch(2)
    other.set_epoch(2)
    assert np.array_equal(one.order, other.order)
    other.set_epoch(1)
    assert not np.array_equal(one.order, other.order)
    assert not np.array_equal(_steps(seed=4).order, _steps(seed=3).order)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_a_step_without_repeating_a_row(world_size: int) -> None:
    whole = _steps(count=20)
    ranks = [_steps(count=20, rank=rank, world_size=world_size, micro_batch_size=2) for rank in range(world_size)]
    for index in range(len(whole)):
        parts = [rank[index] for rank in ranks]
        assert len({len(part) for part in parts}) == 1  # as many forwards on each: collective operations meet
        assert sorted(chain.from_iterable(_rows_of(part) for part in parts)) == sorted(_rows_of(whole[index]))


def test_a_filler_has_no_label() -> None:
    # 9 rows, 8 a step: the last step has one row, and the second of two ranks none
    steps = _steps(count=9, rank=1, world_size=2)
    (filler,) = steps[1]
    assert (filler["labels"] == -100).all()
    assert filler["attention_mask"].any()  # an empty row would have nothing to attend to


@pytest.mark.parametrize(("max_rows", "max_tokens"), [(None, None), (2, None), (None, 40), (3, 25), (1, 1)])
def test_micro_batches_keep_every_row_within_the_limits(max_rows: int | None, max_tokens: int | None) -> None:
    lengths = [5, 9, 30, 2, 9, 14, 7]
    groups = micro_batches(range(7), lengths, max_rows, max_tokens)
    assert sorted(chain.from_iterable(groups)) == list(range(7))
    for group in groups:
        assert max_rows is None or len(group) <= max_rows
        padded = len(group) * max(lengths[index] for index in group)
        assert max_tokens is None or padded <= max_tokens or len(group) == 1
    assert groups[0][0] == 2  # the longest first


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_forwards_epochs_and_leaves_the_global_random_state_alone(workers: int) -> None:
    steps = _steps()
    batches = loader(steps, workers=workers)
    batches.set_epoch(5)
    before = torch.random.get_rng_state()
    read = list(batches)
    assert torch.equal(before, torch.random.get_rng_state())
    assert len(read) == 3
    expected = _steps()
    expected.set_epoch(5)
    assert [_rows_of(step) for step in read] == [_rows_of(expected[index]) for index in range(3)]


def test_out_of_range() -> None:
    with pytest.raises(IndexError):
        _steps()[3]
