"""From data sets to loaders: rows are prepared once, cut into optimizer steps or evaluation batches, and collated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from afinar.data.collate import Collator
from afinar.data.examples import IGNORED
from afinar.errors import ConfigError
from afinar.training.arguments import SFTConfig
from afinar.training.rows import RowStream, for_foreign_collator, training_rows
from afinar.training.steps import Batch, Row, Steps, StreamSteps, loader

EVAL_STEP_ROWS = 64
"""Rows of one item of an evaluation loader, on each process: batches of like length are made within them."""


class Feed:
    """Makes the loaders of one trainer.

    collator: the user's own, or None for afinar's. limit: tokens that the model can read. formatting_func: row -> text.
    """

    def __init__(
        self,
        args: SFTConfig,
        tokenizer: PreTrainedTokenizerBase | None,
        *,
        task: str,
        label_names: Sequence[str],
        limit: int,
        examples_per_step: int,
        collator: Callable[[list[Any]], Mapping[str, Any]] | None = None,
        formatting_func: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        self.args, self.tokenizer, self.task, self.label_names = args, tokenizer, task, tuple(label_names)
        self.limit, self.formatting_func, self.examples_per_step = limit, formatting_func, examples_per_step
        self.own = collator
        self.collator: Callable[[list[Any]], Any] = collator or Collator(padding_id(tokenizer))

    def rows(self, dataset: Any, *, split: str) -> Any:
        """The rows of a data set of any kind that :func:`afinar.training.rows.training_rows` takes; of a mapping, each."""
        if dataset is None:
            return None
        if split == "valid" and isinstance(dataset, dict):
            return {name: self.rows(each, split=split) for name, each in dataset.items()}
        rows = training_rows(
            dataset,
            self.tokenizer,
            self.args,
            task=self.task,
            label_names=self.label_names,
            split=split,
            formatting_func=self.formatting_func,
            limit=self.limit,
        )
        if split == "train" and isinstance(rows, RowStream) and self.args.max_steps <= 0:
            raise ConfigError("training.stream_needs_steps", got=self.args.max_steps)
        return rows

    def train_loader(self, rows: Any) -> DataLoader[Any]:
        """One item per optimizer step: this process's micro-batches of it."""
        args = self.args
        options: dict[str, Any] = {
            "examples_per_step": self.examples_per_step * args.world_size,
            "micro_batch_size": args.per_device_train_batch_size,
            **self._shared(),
        }
        if isinstance(rows, RowStream):
            return loader(StreamSteps(rows, self.collate, **options), workers=args.dataloader_num_workers)
        steps = Steps(rows, self.collate, shuffle=args.train_sampling_strategy != "sequential", **options)
        return loader(steps, workers=args.dataloader_num_workers)

    def eval_loader(self, rows: Any) -> DataLoader[Any]:
        """Batches of similar length under a token budget. Each holds `rows`: the place in the data set and the row, for
        every row of the batch; place -1 is a dummy that evens out the processes.
        """
        args = self.args
        options: dict[str, Any] = {
            "examples_per_step": EVAL_STEP_ROWS * args.world_size,
            "micro_batch_size": args.per_device_eval_batch_size,
            "micro_batch_tokens": args.eval_batch_tokens,
            **self._shared(),
        }
        if isinstance(rows, RowStream):
            return loader(StreamSteps(rows, self.collate_placed, endless=False, placed=True, **options))
        return loader(Steps(rows, self.collate_placed, shuffle=False, placed=True, **options))

    def _shared(self) -> dict[str, Any]:
        args = self.args
        seed = args.seed if args.data_seed is None else args.data_seed
        return {"seed": seed, "rank": args.process_index, "world_size": args.world_size}

    def collate(self, rows: list[Row]) -> Batch:
        """A batch, by the user's own collator where there is one."""
        if self.own is None:
            return dict(self.collator(rows))
        return with_labels(dict(self.own(for_foreign_collator(rows, self.own))), rows)

    def collate_placed(self, rows: list[Row]) -> Batch:
        """A batch that carries its rows."""
        return {**self.collate(rows), "rows": [(row.get("place", -1), row) for row in rows]}


def with_labels(batch: Batch, rows: list[Row]) -> Batch:
    """A batch of a collator that makes no labels, such as DataCollatorWithPadding: the rows' own, padded as the tokens are.

    Prompts alone have none. Raises ConfigError for a collator that leaves out `attention_mask` or `input_ids`, or the labels
    of rows that it changes.
    """
    missing = [name for name in ("input_ids", "attention_mask") if name not in batch]
    if not missing and ("labels" in batch or "labels" not in rows[0]):
        return batch
    attended = None if missing else batch["attention_mask"] > 0
    if attended is None or attended.sum(1).tolist() != [len(row["input_ids"]) for row in rows]:
        raise ConfigError("training.collator_keys", missing=(*missing, "labels")[0], got=", ".join(batch))
    own = [torch.as_tensor(np.asarray(row["labels"]), dtype=torch.long) for row in rows]
    labels = torch.full_like(batch["input_ids"], IGNORED) if own[0].ndim else torch.stack(own)
    if own[0].ndim:
        labels[attended] = torch.cat(own)
    return {**batch, "labels": labels}


def padding_id(tokenizer: PreTrainedTokenizerBase | None) -> int:
    """Which id fills padding; masked everywhere, so without a tokenizer any id will do."""
    if tokenizer is None or tokenizer.pad_token_id is None:
        return 0
    return int(tokenizer.pad_token_id)
