"""Rows made into running text by a function of the user's (`formatting_func`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.utils.data import IterableDataset

from afinar.data.sources import each, read
from afinar.errors import ConfigError


class FormattedRows:
    """The rows of `dataset` as texts, iterated as often as they are wanted; the column `weight` stays.

    The function gets each row as the data set gives it. Raises ConfigError where it returns no text.
    """

    def __init__(self, dataset: Any, function: Callable[[Mapping[str, Any]], str], split: str) -> None:
        self.dataset = dataset
        self.function = function
        self.split = split

    def __iter__(self) -> Iterator[dict[str, Any]]:
        named = isinstance(self.dataset, str | os.PathLike)
        rows = (row.values for row in read(self.dataset, split=self.split)) if named else each(self.dataset)
        return (self._formatted(row) for row in rows)

    def _formatted(self, row: Mapping[str, Any]) -> dict[str, Any]:
        text = self.function(row)
        if not isinstance(text, str):
            raise ConfigError("training.formatting_func", got=type(text).__name__)
        return {"text": text, **({"weight": row["weight"]} if "weight" in row else {})}


class FormattedStream(FormattedRows, IterableDataset):
    """The same for a stream, which hears of the epochs."""

    def set_epoch(self, epoch: int) -> None:
        """Tell the stream the number of the pass."""
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
