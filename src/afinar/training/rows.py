"""Data sets of every kind, as people hand them to a trainer, made into rows for the collator.

| given                                                                    | becomes                                     |
| ------------------------------------------------------------------------ | ------------------------------------------- |
| :class:`~afinar.data.examples.Examples`                                  | itself                                      |
| rows with `input_ids` (datasets.Dataset, torch's Dataset, list of dicts) | TokenRows, read when they are asked for     |
| rows in a format of the data stage, or a file, folder, hub or set's name | Examples                                    |
| datasets.IterableDataset, torch's IterableDataset                        | RowStream                                   |

A row is `{"input_ids": (T,), "labels": (T,) not shifted, -100 where not learned, or a class}`; a prompt alone has no labels.
Where they are known it has `weights` (T,) or one number, `n_bytes`, `prompt_length`, `prompt` and `reference`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from afinar import messages
from afinar.data import hub
from afinar.data.building import build
from afinar.data.chat import Encoder
from afinar.data.examples import Examples
from afinar.data.loading import Reader, load
from afinar.data.sources import each, read
from afinar.data.streams import Converter, RowStream, is_stream
from afinar.data.tokenised import MASKS, TokenReader, TokenRows
from afinar.errors import ConfigError, DataError
from afinar.training.classes import class_numbers, class_order, label_names_of
from afinar.training.foreign import for_foreign_collator, masks_real_eos
from afinar.training.formatting import FormattedRows, FormattedStream

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from afinar.training.arguments import SFTConfig

__all__ = ["RowStream", "for_foreign_collator", "label_names_of", "masks_real_eos", "training_rows"]

MANY_CUT = 0.1  # share of raw rows from which on a cut is worth a warning
FIELDS = {"train": "train_dataset", "valid": "eval_dataset"}


def training_rows(
    dataset: Any,
    tokenizer: PreTrainedTokenizerBase | None,
    args: SFTConfig,
    *,
    task: str,
    label_names: Sequence[str] = (),
    split: str = "train",
    formatting_func: Callable[[Mapping[str, Any]], str] | None = None,
    limit: int,
) -> Sequence[dict[str, Any]] | RowStream:
    """The rows of `dataset`, checked; rows longer than `args.max_length` or `limit` tokens are cut.

    Args:
        dataset: See the table above.
        tokenizer: The model's; rows that are tokenised already need none.
        args: max_length, packing, dataset_text_field, completion_only_loss, assistant_only_loss, predict_with_generate.
        task: "causal" or "classification": what the model is for.
        label_names: The model's classes in the order of their numbers, names or `LABEL_0`, ...
        split: "train" or "valid"; with `predict_with_generate`, held-out rows may be prompts alone.
        formatting_func: Makes running text of a row.
        limit: Tokens that the model can read.

    Raises:
        ConfigError: A setting that does not fit the data, or a dict of data sets where one is meant.
        DataError: Anything wrong with a row, which is named by its number, counted from 1.
    """
    if dataset is None:
        raise ConfigError("core.missing", field=FIELDS[split])
    if isinstance(dataset, RowStream | TokenRows):
        return dataset
    if isinstance(dataset, Examples):
        return _checked(dataset, task)
    if isinstance(dataset, Mapping):
        names = ", ".join(str(name) for name in dataset)
        raise ConfigError("training.dataset_dict", field=FIELDS[split], got=type(dataset).__name__, names=names)
    maker = _Maker(tokenizer, args, task, tuple(label_names), split, limit)
    if is_stream(dataset):
        return maker.stream(dataset if formatting_func is None else FormattedStream(dataset, formatting_func, split))
    if isinstance(dataset, Iterator):
        dataset = list(dataset)  # rows are read more than once
    tokenised = maker.tokenised(dataset)
    if tokenised is not None and formatting_func is not None:
        raise ConfigError("training.formatting_tokenised", field=FIELDS[split])
    texts = dataset if formatting_func is None else FormattedRows(dataset, formatting_func, split)
    rows = maker.raw(texts) if tokenised is None else tokenised
    _warn_of_cuts(rows, maker.max_length)
    return rows


class _Maker:
    """Makes rows by the settings of one call of :func:`training_rows`."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase | None,
        args: SFTConfig,
        task: str,
        label_names: tuple[str, ...],
        split: str,
        limit: int,
    ) -> None:
        self.tokenizer, self.args, self.task = tokenizer, args, task
        self.label_names, self.split = label_names, split
        self.max_length = limit if args.max_length is None else min(args.max_length, limit)
        self.prompts = split == "valid" and args.predict_with_generate and task == "causal"

    def token_reader(self) -> TokenReader:
        decoder = self.tokenizer if self.split == "valid" else None
        masks = [name for name in MASKS if name != "completion_mask" or self.args.completion_only_loss is not False]
        return TokenReader(self.task, self.max_length, len(self.label_names), tuple(masks), self.prompts, decoder)

    def encoder(self) -> Encoder:
        if self.tokenizer is None:
            raise ConfigError("training.rows_without_tokenizer")
        if self.args.packing and self.args.max_length is None:
            raise ConfigError("training.blocks_length")
        only = [name for name in ("completion_only_loss", "assistant_only_loss") if getattr(self.args, name)]
        return Encoder(
            self.tokenizer,
            learn_prompts=self.args.completion_only_loss is False,
            learn_conversations=self.args.assistant_only_loss is False,
            answers_only=only[0] if only else None,
        )

    def tokenised(self, dataset: Any) -> TokenRows | None:
        """The rows where they are tokenised, else None."""
        if isinstance(dataset, str | os.PathLike):
            if "input_ids" not in next(read(dataset, split=self.split)).values:
                return None
            dataset = [row.values for row in read(dataset, split=self.split)]
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            return None
        if not len(dataset):
            raise DataError("data.empty", path=f"<{type(dataset).__name__}>")
        first = next(each(dataset))
        if not isinstance(first, Mapping) or "input_ids" not in first:
            return None
        if self.args.packing:
            raise ConfigError("training.blocks_tokenised")
        rows = TokenRows(dataset, self.token_reader())
        if not len(rows):
            raise DataError("data.nothing_left", path=rows.path, line=1, max_length=self.max_length)
        return rows

    def raw(self, source: Any) -> Examples:
        """The rows as the data stage prepares them."""
        reading = self._reading(source)
        loaded = load(source, self.encoder(), split=self.split, offline=False, **reading)
        names = class_order(loaded, hub.class_names(source), self.label_names) if self.task == "classification" else ()
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        packing = "blocks" if self.args.packing else "none"
        order = seed if self.split == "train" else None
        return build(loaded, max_length=self.max_length, packing=packing, label_names=names, seed=order)

    def stream(self, source: Any) -> RowStream:
        """The rows of a stream, tokenised or not."""
        reader = None if self.tokenizer is None else Reader(self.encoder(), **self._reading(source))
        numbers = class_numbers(hub.class_names(source), self.label_names) if self.task == "classification" else {}
        return RowStream(source, Converter(self.token_reader(), reader, self.max_length, numbers, bool(self.args.packing)))

    def _reading(self, source: Any) -> dict[str, Any]:
        formatted = isinstance(source, FormattedRows)
        text_column = "text" if formatted else self.args.dataset_text_field
        return {"format": "auto", "task": self.task, "prompts": self.prompts, "text_column": text_column}


def _checked(examples: Examples, task: str) -> Examples:
    if examples.task != task:
        raise ConfigError("training.task_rows", rows=examples.task, task=task)
    if not len(examples):
        raise DataError("data.empty", path="<Examples>")
    return examples


def _warn_of_cuts(rows: Examples | TokenRows, max_length: int) -> None:
    """Warn where the cut loses whole rows, or more than people reckon with; tokenised rows had their length already."""
    count = len(rows) + rows.dropped
    few = 0.0 if isinstance(rows, TokenRows) else MANY_CUT * count
    if rows.dropped or rows.truncated > few:
        text = messages.text("training.rows_cut", cut=rows.truncated, dropped=rows.dropped, rows=count, max_length=max_length)
        warnings.warn(text, UserWarning, stacklevel=3)
