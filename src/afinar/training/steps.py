"""Steps: one loader item is one optimizer step's examples of this rank, already cut into micro-batches.

The order of the rows is a pure function of (seed, epoch), so a resumed run reads the same rows without replaying the
past, with any number of loader workers. Within a step the rows are sorted by length and cut into micro-batches, which
change neither the loss nor the gradient (both are normalised by the supervised tokens of the whole step), only the padding.

Every rank computes the same plan. Where ranks would have different numbers of micro-batches, a fully masked row fills
the gap: no row is repeated, and collective operations (FSDP gathers in every forward) still meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from accelerate.data_loader import DataLoaderShard
from torch import Generator
from torch.utils.data import Dataset

from afinar.data.batching import micro_batches

Row = dict[str, Any]
Batch = dict[str, Any]


class Steps(Dataset[list[Batch]]):
    """Item `i` is the list of micro-batches that this rank runs for optimizer step `i` of the epoch.

    rows: `{"input_ids": (T,), "labels": (T,) or int}` each.
    examples_per_step: over all ranks. micro_batch_size: rows of a micro-batch, or None for no limit of rows.
    micro_batch_tokens: tokens of a micro-batch, padding included, or None. shuffle=False keeps the rows' own order.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        collator: Callable[[list[Row]], Batch],
        *,
        examples_per_step: int,
        micro_batch_size: int | None = None,
        micro_batch_tokens: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        shuffle: bool = True,
    ) -> None:
        self.rows = rows
        self.collator = collator
        self.examples_per_step = examples_per_step
        self.micro_batch_size = micro_batch_size
        self.micro_batch_tokens = micro_batch_tokens
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.shuffle = shuffle
        self.lengths = [len(row["input_ids"]) for row in rows]
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of `epoch`; called by the loader before each pass."""
        count = len(self.rows)
        self.order = np.random.default_rng([self.seed, epoch]).permutation(count) if self.shuffle else np.arange(count)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.examples_per_step)

    def __getitem__(self, step: int) -> list[Batch]:
        if not 0 <= step < len(self):
            raise IndexError(step)
        chosen = self.order[step * self.examples_per_step : (step + 1) * self.examples_per_step]
        plans = [self._micro_batches(chosen[rank :: self.world_size]) for rank in range(self.world_size)]
        mine, most = plans[self.rank], max(len(plan) for plan in plans)
        batches = [self.collator([self.rows[index] for index in group]) for group in mine]
        filler = [_mask_out(self.collator([self.rows[int(chosen[0])]])) for _ in range(most - len(batches))]
        return batches + filler

    def _micro_batches(self, indices: np.ndarray) -> list[list[int]]:
        return micro_batches([int(i) for i in indices], self.lengths, self.micro_batch_size, self.micro_batch_tokens)


def _mask_out(batch: Batch) -> Batch:
    return {**batch, "labels": batch["labels"].new_full(batch["labels"].shape, -100)}


def loader(steps: Steps, *, workers: int = 0) -> DataLoaderShard:
    """A loader over `steps` that hands `set_epoch` on and draws nothing from the global random state."""
    return DataLoaderShard(
        steps,
        batch_size=1,
        shuffle=False,
        collate_fn=_only,
        num_workers=workers,
        generator=Generator().manual_seed(steps.seed),
    )


def _only(items: list[list[Batch]]) -> list[Batch]:
    return items[0]
