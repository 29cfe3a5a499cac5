"""Rows that come in a stream: read once, in order, as often as the stream can be begun anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset

from afinar.data import hub
from afinar.data.building import example, predicted_bytes
from afinar.data.examples import Example
from afinar.data.loading import Reader
from afinar.data.rows import Row, python_row
from afinar.data.tokenised import TokenReader, TokenRow
from afinar.errors import ConfigError, DataError


def is_stream(source: Any) -> bool:
    """Whether `source` is read in order, without a length; those of `datasets` are torch's only if torch came first."""
    return isinstance(source, IterableDataset) or hub.is_stream(source)


@dataclass(frozen=True)
class Converter:
    """Makes the rows of a stream ready, tokenised or not, as its first row says.

    tokenised: for rows with `input_ids`; raw: for all others, or None where there is no tokenizer. max_length: longer rows
    are cut, and rows that this leaves nothing to learn of are left out. numbers: the classes. blocks: join running text.
    """

    tokenised: TokenReader
    raw: Reader | None
    max_length: int
    numbers: Mapping[str, int] = field(default_factory=dict)
    blocks: bool = False

    def convert(self, rows: Iterator[Row]) -> Iterator[TokenRow]:
        """The rows of one pass, in their order."""
        first = next(rows, None)
        if first is None:
            return iter(())
        rows = chain([first], rows)
        if "input_ids" in first.values:
            if self.blocks:
                raise ConfigError("training.blocks_tokenised")
            read = (self.tokenised.cut(self.tokenised.read(row.values, row.place)) for row in rows)
            return (self.tokenised.described(row) for row in read if row is not None)
        if self.raw is None:
            raise ConfigError("training.rows_without_tokenizer")
        if self.blocks:
            return (found.row() for found in self._blocks(self.raw, rows))
        examples = (example(self.raw.read(row), self.max_length, self.numbers) for row in rows)
        return (found.row() for found in examples if found is not None)

    def _blocks(self, reader: Reader, rows: Iterator[Row]) -> Iterator[Example]:
        """Blocks of `max_length` tokens as in :mod:`afinar.data.packing`, the last one shorter; texts in their order."""
        held = np.zeros((3, 0))  # tokens, bytes, weights of what no block holds yet: exact in float64
        path, line, weighted = "", 0, False
        for row in map(reader.read, rows):
            if reader.format != "text":
                raise ConfigError("data.blocks_format", format=reader.format)
            if not held.shape[1]:
                path, line = row.path, row.line
            weighted |= row.weight is not None
            ids, sizes = row.encoded.ids, row.encoded.bytes
            weights = np.full(len(ids), 1.0 if row.weight is None else row.weight)
            held = np.concatenate([held, np.stack([ids, sizes, weights])], axis=1)
            while held.shape[1] >= self.max_length:
                yield _block(held[:, : self.max_length], path, line, weighted)
                held, path, line = held[:, self.max_length :], row.path, row.line
        if held.shape[1] >= 2:
            yield _block(held, path, line, weighted)


def _block(held: np.ndarray, path: str, line: int, weighted: bool) -> Example:
    ids, sizes = held[:2].astype(np.int32)
    n_bytes = predicted_bytes(sizes, np.ones(len(ids), dtype=bool))
    return Example(ids, ids.copy(), 0, n_bytes, path, line, weights=held[2].astype(np.float32) if weighted else None)


class RowStream:
    """Rows of a stream (a `datasets.IterableDataset`, torch's IterableDataset), each made ready as it passes.

    source: iterated anew for each pass; its `set_epoch`, where it has one, is told the number of the pass first.

    Everyone who reads the stream must see the same rows in the same order, also after a restart: shuffle it with a seed.
    """

    def __init__(self, source: Any, converter: Converter) -> None:
        # Values as they are stored, whatever tensors were asked for. One copy for all passes: it has to hear of the epochs.
        self.source = source.with_format(None) if hub.is_datasets_object(source) else source
        self.converter = converter
        self.path = f"<{type(source).__name__}>"

    def rows(self, epoch: int) -> Iterator[TokenRow]:
        """One pass. Raises DataError where it has no row: a stream that is used up does not begin again."""
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(epoch)
        empty = True
        for row in self.converter.convert(self._read()):
            empty = False
            yield row
        if empty:
            raise DataError("data.stream_empty", path=self.path, number=epoch + 1)

    def _read(self) -> Iterator[Row]:
        if hub.is_datasets_object(self.source):
            return hub.plain_rows(self.source, self.path)
        return (python_row(values, self.path, number) for number, values in enumerate(self.source, start=1))
