"""Steps: one loader item is one optimizer step's examples of this rank, already cut into micro-batches.

The order of the rows is a pure function of (seed, epoch), so a resumed run reads the same rows without replaying the
past, with any number of loader workers. Within a step the rows are sorted by length and cut into micro-batches, which
change neither the loss nor the gradient (both are normalised by the supervised tokens of the whole step), only the padding.

Every rank computes the same plan. Where ranks would have different numbers of micro-batches, a fully masked row fills
the gap: no row is repeated, and collective operations (FSDP gathers in every forward) still meet.

A stream (:class:`StreamSteps`) is cut the same way in its own order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from accelerate.data_loader import DataLoaderShard
from torch import Generator
from torch.utils.data import Dataset, IterableDataset

from afinar.data.batching import micro_batches
from afinar.data.examples import IGNORED, Examples
from afinar.data.streams import RowStream
from afinar.data.tokenised import TokenRows

Row = dict[str, Any]
Batch = dict[str, Any]
Collate = Callable[[list[Row]], Batch]
DUMMY = -1
"""The row number of a row that fills a gap."""


class Cutter:
    """Cuts the rows of one optimizer step into the micro-batches of one rank.

    micro_batch_size: rows of a micro-batch, or None for no limit of rows.
    micro_batch_tokens: tokens of a micro-batch, padding included, or None.
    placed: rows reach the collator with their number as `place`; -1 for a dummy.
    """

    def __init__(
        self,
        collator: Collate,
        *,
        micro_batch_size: int | None = None,
        micro_batch_tokens: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        placed: bool = False,
    ) -> None:
        self.collator = collator
        self.micro_batch_size = micro_batch_size
        self.micro_batch_tokens = micro_batch_tokens
        self.rank = rank
        self.world_size = world_size
        self.placed = placed

    def plan(self, lengths: Sequence[int]) -> list[list[int]]:
        """This rank's micro-batches as positions in the step, whose rows have `lengths` tokens; [-1] is one dummy row."""
        positions = range(len(lengths))
        plans = [
            micro_batches(positions[rank :: self.world_size], lengths, self.micro_batch_size, self.micro_batch_tokens)
            for rank in range(self.world_size)
        ]
        mine = plans[self.rank]
        return mine + [[DUMMY] for _ in range(max(len(plan) for plan in plans) - len(mine))]

    def batches(self, plan: Sequence[Sequence[int]], row_at: Callable[[int], Row], places: Sequence[int]) -> list[Batch]:
        """The micro-batches of `plan`; `row_at` gives the row at a position in the step, `places` its number."""
        return [self._batch(group, row_at, places) for group in plan]

    def _batch(self, group: Sequence[int], row_at: Callable[[int], Row], places: Sequence[int]) -> Batch:
        dummy = list(group) == [DUMMY]
        rows = [row_at(0 if dummy else position) for position in group]
        if self.placed:
            numbers = [DUMMY if dummy else places[position] for position in group]
            rows = [{**row, "place": number} for row, number in zip(rows, numbers, strict=True)]
        batch = self.collator(rows)
        return _mask_out(batch) if dummy else batch


class Steps(Dataset[list[Batch]]):
    """Item `i` is the list of micro-batches that this rank runs for optimizer step `i` of the epoch.

    rows: `{"input_ids": (T,), "labels": (T,) or int}` each.
    examples_per_step: over all ranks. shuffle=False keeps the rows' own order. cutting: the options of :class:`Cutter`.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        collator: Collate,
        *,
        examples_per_step: int,
        seed: int = 0,
        shuffle: bool = True,
        **cutting: Any,
    ) -> None:
        self.rows = rows
        self.cutter = Cutter(collator, **cutting)
        self.examples_per_step = examples_per_step
        self.seed = seed
        self.shuffle = shuffle
        self.lengths = rows.lengths if isinstance(rows, Examples | TokenRows) else [len(row["input_ids"]) for row in rows]
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of `epoch`; called by the loader before each pass."""
        count = len(self.rows)
        self.order = np.random.default_rng([self.seed, epoch]).permutation(count) if self.shuffle else np.arange(count)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.examples_per_step)

    def __getitem__(self, step: int) -> list[Batch]:
        chosen, plan = self._plan(step)
        return self.cutter.batches(plan, lambda position: self.rows[chosen[position]], chosen)

    def indices(self, step: int) -> list[list[int]]:
        """The numbers of the rows in each micro-batch of `step` on this rank, in the order of the batches; -1 is a dummy."""
        chosen, plan = self._plan(step)
        return [[chosen[position] if position != DUMMY else DUMMY for position in group] for group in plan]

    def _plan(self, step: int) -> tuple[list[int], list[list[int]]]:
        if not 0 <= step < len(self):
            raise IndexError(step)
        chosen = self.order[step * self.examples_per_step : (step + 1) * self.examples_per_step].tolist()
        return chosen, self.cutter.plan([self.lengths[index] for index in chosen])


class StreamSteps(IterableDataset[list[Batch]]):
    """The optimizer steps of a stream: each takes the next `examples_per_step` rows, over all ranks.

    endless: where the stream ends it begins anew, with its own order of the next epoch; a step may hold rows of two passes.
    Otherwise (for evaluation) one pass, whose last step is short. cutting: the options of :class:`Cutter`. A row's number
    is its place in the stream, counted on over the passes.

    Every rank reads the whole stream and takes its share of each step.
    """

    def __init__(
        self,
        stream: RowStream,
        collator: Collate,
        *,
        examples_per_step: int,
        endless: bool = True,
        seed: int = 0,
        **cutting: Any,
    ) -> None:
        self.stream = stream
        self.cutter = Cutter(collator, **cutting)
        self.examples_per_step = examples_per_step
        self.endless = endless
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The number of the first pass; called by the loader."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Batch]]:
        rows, first = self._rows(), 0
        while chosen := list(islice(rows, self.examples_per_step)):
            plan = self.cutter.plan([len(row["input_ids"]) for row in chosen])
            yield self.cutter.batches(plan, chosen.__getitem__, range(first, first + len(chosen)))
            first += len(chosen)

    def _rows(self) -> Iterator[Row]:
        epoch = self.epoch
        yield from self.stream.rows(epoch)
        while self.endless:
            epoch += 1
            yield from self.stream.rows(epoch)


def _mask_out(batch: Batch) -> Batch:
    """The batch with nothing to learn; rows without labels have nothing to begin with."""
    masked = {"labels": IGNORED, "weights": 0}
    return {**batch, **{name: batch[name].new_full(batch[name].shape, fill) for name, fill in masked.items() if name in batch}}


def loader(steps: Steps | StreamSteps, *, workers: int = 0) -> DataLoaderShard:
    """A loader over `steps` that hands `set_epoch` on and draws nothing from the global random state.

    A stream has one worker at most: several would each read all of it, and a stream that parts itself among workers (as
    those of `datasets` do) would come in another order with each number of them.
    """
    return DataLoaderShard(
        steps,
        batch_size=1,
        shuffle=False,
        collate_fn=_only,
        num_workers=min(workers, 1) if isinstance(steps, StreamSteps) else workers,
        generator=Generator().manual_seed(steps.seed),
    )


def _only(items: list[list[Batch]]) -> list[Batch]:
    return items[0]
