"""Loaded rows to examples: cut at the greatest length, or joined and cut into blocks; labels to numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from afinar.data.encoded import cut_text
from afinar.data.examples import IGNORED, Example, Examples
from afinar.data.loading import Loaded, LoadedRow
from afinar.data.packing import blocks, shuffled
from afinar.errors import ConfigError, DataError

_number = re.compile(r"[+-]?\d+(\.\d+)?")


def label_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels, sorted: as numbers where all of them are, else as text."""
    distinct = set(labels)
    if all(_number.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (float(label), label)))
    return tuple(sorted(distinct))


def build(
    loaded: Loaded, *, max_length: int, packing: str = "none", label_names: Sequence[str] = (), seed: int | None = None
) -> Examples:
    """The examples of `loaded`.

    Rows longer than `max_length` are cut on the right (a classified text before its EOS). A row whose answer is cut off
    entirely is dropped and counted: only its prompt would be left, and nothing to learn.

    Raises:
        ConfigError: Blocks of something other than text.
        DataError: A label that is not in `label_names`, or no row with anything left to learn.
    """
    if packing == "blocks":
        if loaded.format != "text":
            raise ConfigError("data.blocks_format", format=loaded.format)
        examples, truncated = _blocks(loaded.rows, max_length, seed), 0
    else:
        numbers = {name: number for number, name in enumerate(label_names)}
        examples = [found for row in loaded.rows if (found := example(row, max_length, numbers)) is not None]
        truncated = sum(is_cut(row, max_length) for row in loaded.rows)
    if not examples and loaded.rows:
        raise DataError("data.nothing_left", path=loaded.rows[0].path, line=loaded.rows[0].line, max_length=max_length)
    return Examples(
        examples,
        format=loaded.format,
        task=loaded.task,
        label_names=label_names,
        truncated=truncated,
        dropped=0 if packing == "blocks" else len(loaded.rows) - len(examples),
        extra_columns=loaded.extra_columns,
    )


def is_cut(row: LoadedRow, max_length: int) -> bool:
    """Whether `max_length` shortens the row."""
    return len(row.encoded.ids) > max_length and not row.encoded.asks


def example(row: LoadedRow, max_length: int, numbers: Mapping[str, int]) -> Example | None:
    """The example of a row, cut at `max_length`; None where that leaves nothing to learn."""
    encoded = row.encoded
    if encoded.label is not None:
        if encoded.label not in numbers:
            raise DataError("data.unseen_label", path=row.path, line=row.line, label=encoded.label, known=", ".join(numbers))
        ids = cut_text(encoded, max_length)
        texts = encoded.reference, encoded.prompt
        return Example(ids, numbers[encoded.label], 0, 0, row.path, row.line, *texts, weights=row.weight)
    if encoded.asks:  # never cut: it would ask something else
        return Example(encoded.ids, None, encoded.prompt_length, 0, row.path, row.line, prompt=encoded.prompt)
    ids = encoded.ids[:max_length]
    supervised = encoded.supervised[:max_length]
    if not supervised[1:].any():
        return None
    return Example(
        input_ids=ids,
        labels=np.where(supervised, ids, np.int32(IGNORED)),
        prompt_length=min(encoded.prompt_length, len(ids)),
        n_bytes=predicted_bytes(encoded.bytes[:max_length], supervised),
        path=row.path,
        line=row.line,
        reference=encoded.reference,
        prompt=encoded.prompt,
        weights=None if row.weight is None else np.full(len(ids), row.weight, dtype=np.float32),
    )


def predicted_bytes(counts: np.ndarray, supervised: np.ndarray) -> int:
    """Bytes of the tokens that are predicted: supervised ones but the first of a row, which nothing precedes."""
    return int(counts[1:][supervised[1:]].sum())


def _blocks(rows: Sequence[LoadedRow], max_length: int, seed: int | None) -> list[Example]:
    """Blocks of `max_length` tokens out of all rows, joined in an order that `seed` fixes; every token is learned."""
    ordered = [rows[index] for index in shuffled(len(rows), seed)]
    if not ordered:
        return []
    ids = np.concatenate([row.encoded.ids for row in ordered])
    counts = np.concatenate([row.encoded.bytes for row in ordered])
    weights = _joined_weights(ordered)
    examples = []
    for start, end, first in blocks([len(row.encoded.ids) for row in ordered], max_length):
        block = ids[start:end]
        n_bytes = predicted_bytes(counts[start:end], np.ones(len(block), dtype=bool))
        place = ordered[first].path, ordered[first].line
        examples.append(
            Example(block, block.copy(), 0, n_bytes, *place, weights=None if weights is None else weights[start:end])
        )
    return examples


def _joined_weights(rows: Sequence[LoadedRow]) -> np.ndarray | None:
    """The weights of the joined tokens, 1 for rows without; None where no row has any."""
    if all(row.weight is None for row in rows):
        return None
    weights = [1.0 if row.weight is None else row.weight for row in rows]
    return np.repeat(np.asarray(weights, dtype=np.float32), [len(row.encoded.ids) for row in rows])
