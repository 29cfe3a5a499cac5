"""Steps: every row once an epoch, the order a function of (seed, epoch), ranks in step with each other."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from accelerate import skip_first_batches

from afinar.data.batching import micro_batches
from afinar.data.collate import Collator
from afinar.data.streams import Converter, RowStream
from afinar.data.tokenised import TokenReader
from afinar.errors import DataError
from afinar.training.steps import Steps, StreamSteps, loader
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


# Row numbers


@pytest.mark.parametrize("options", [{}, {"micro_batch_size": 2}, {"micro_batch_tokens": 60}, {"shuffle": False}])
@pytest.mark.parametrize("world_size", [1, 3])
def test_indices_name_the_rows_of_each_batch(options: dict[str, Any], world_size: int) -> None:
    seen = []
    for rank in range(world_size):
        steps = _steps(count=20, rank=rank, world_size=world_size, **options)
        steps.set_epoch(2)
        for number in range(len(steps)):
            for batch, indices in zip(steps[number], steps.indices(number), strict=True):
                if indices == [-1]:
                    assert (batch["labels"] == -100).all()
                    continue
                seen += indices
                for ids, mask, index in zip(batch["input_ids"], batch["attention_mask"], indices, strict=True):
                    assert ids[mask.bool()].tolist() == steps.rows[index]["input_ids"].tolist()
    assert sorted(seen) == list(range(20))


def test_placed_rows_tell_the_collator_their_number() -> None:
    def places(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {**Collator(0)(rows), "places": [row["place"] for row in rows]}

    for rank in range(2):
        steps = Steps(causal_rows(9), places, examples_per_step=8, rank=rank, world_size=2, micro_batch_size=3, placed=True)
        found = [[batch["places"] for batch in steps[number]] for number in range(len(steps))]
        assert found == [steps.indices(number) for number in range(len(steps))]
    assert found[1] == [[-1]]  # 9 rows, 8 a step: the second of two ranks has none in the last


def test_fillers_without_labels_and_with_weights() -> None:
    prompts = [{"input_ids": [5, 6, 7]}]
    (filler,) = Steps(prompts, Collator(0), examples_per_step=2, rank=1, world_size=2)[0]
    assert set(filler) == {"input_ids", "attention_mask"}
    weighted = [{"input_ids": [5, 6], "labels": [5, 6], "weights": [1.0, 2.0]}]
    (filler,) = Steps(weighted, Collator(0), examples_per_step=2, rank=1, world_size=2)[0]
    assert filler["weights"].tolist() == [[0, 0]]
    assert filler["labels"].tolist() == [[-100, -100]]


# Streams


class Counting(torch.utils.data.IterableDataset):
    """Rows that count on, `count` of them a pass, in an order that turns with the epoch; it parts itself among workers."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Any:
        info = torch.utils.data.get_worker_info()
        for index in range(0 if info is None else info.id, self.count, 1 if info is None else info.num_workers):
            yield {"input_ids": [100, *[5] * (index % 4), 10 + (index + self.epoch) % self.count]}


def _stream(count: int = 10, **options: Any) -> StreamSteps:
    rows = RowStream(Counting(count), Converter(TokenReader("causal", 64), None, 64))
    return StreamSteps(rows, Collator(0), **{"examples_per_step": 4, **options})


def _last_tokens(step: list[dict[str, torch.Tensor]]) -> list[int]:
    return sorted(ids[-1] - 10 for ids in _rows_of(step))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_stream_begins_anew_where_it_ends(workers: int) -> None:
    read = [_last_tokens(step) for step in islice(loader(_stream(), workers=workers), 5)]
    # pass 0 is 0..9, pass 1 is 1..9 0: steps go on over the border
    assert read == [[0, 1, 2, 3], [4, 5, 6, 7], [1, 2, 8, 9], [3, 4, 5, 6], [0, 7, 8, 9]]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [1, 4, 7])
def test_skipping_the_steps_that_are_done_is_exact(workers: int, done: int) -> None:
    whole = [_last_tokens(step) for step in islice(loader(_stream()), 10)]
    rest = skip_first_batches(loader(_stream(), workers=workers), done)
    assert [_last_tokens(step) for step in islice(rest, 10 - done)] == whole[done:]


def test_a_shuffled_stream_of_datasets_comes_in_one_order_whatever_the_workers() -> None:
    def steps() -> StreamSteps:
        rows = [{"input_ids": [100, 10 + index]} for index in range(12)]
        source = datasets.Dataset.from_list(rows).to_iterable_dataset(num_shards=3).shuffle(seed=4, buffer_size=5)
        stream = RowStream(source, Converter(TokenReader("causal", 64), None, 64))
        return StreamSteps(stream, Collator(0), examples_per_step=5)

    orders = [[_last_tokens(step) for step in islice(loader(steps(), workers=workers), 5)] for workers in (0, 1, 2)]
    assert orders[0] == orders[1] == orders[2]
    assert len({*orders[0][0], *orders[0][1]}) == 10  # of the first pass: no row twice
    assert orders[0][0] != list(range(5))


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_the_steps_of_a_stream(world_size: int) -> None:
    ranks = [iter(_stream(rank=rank, world_size=world_size, micro_batch_size=1)) for rank in range(world_size)]
    for whole in islice(_stream(), 4):
        parts = [next(rank) for rank in ranks]
        assert len({len(part) for part in parts}) == 1
        assert sorted(chain.from_iterable(_last_tokens(part) for part in parts)) == _last_tokens(whole)


def test_one_pass_for_evaluation_with_places() -> None:
    def places(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {**Collator(0)(rows), "places": [row["place"] for row in rows]}

    rows = _stream().stream
    for _ in range(2):  # each time from the start
        seen = {}
        for rank in range(2):
            options = {"rank": rank, "world_size": 2, "micro_batch_size": 2, "placed": True}
            for step in StreamSteps(rows, places, examples_per_step=4, endless=False, **options):
                for batch in step:
                    for place, ids, mask in zip(batch["places"], batch["input_ids"], batch["attention_mask"], strict=True):
                        if place >= 0:
                            seen[place] = int(ids[mask.bool()][-1]) - 10
        assert seen == {number: number for number in range(10)}


def test_a_stream_has_no_length_and_leaves_the_random_state_alone() -> None:
    batches = loader(_stream(), workers=1)
    with pytest.raises(TypeError):
        len(batches)
    before = torch.random.get_rng_state()
    next(iter(batches))
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_empty_stream_is_an_error() -> None:
    with pytest.raises(DataError) as caught:
        next(iter(loader(_stream(count=0))))
    assert caught.value.key == "data.stream_empty"
