"""The texts of training data, without a tokenizer: what a leak is looked for in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from afinar.data.config import DataConfig
from afinar.data.formats import Asked, Completion, Labelled, Record, Text, Turns, normalise
from afinar.data.holdout import content_key, held_out
from afinar.data.loading import resolve
from afinar.data.sources import has_split, read


def training_texts(source: Any, *, format: str = "auto", offline: bool = False) -> Iterator[str]:
    """Every text of a data source: prompts, answers, messages of whoever speaks, texts with a label.

    Raises DataError where the source cannot be read.
    """
    for record in _records(source, format, offline):
        yield from _texts(record)


def trained_texts(config: DataConfig, *, seed: int, source: Any = None, offline: bool = False) -> list[str]:
    """The texts that a run of `config` and `seed` trained on: those of `data.train` less the rows it held out of them.

    source: the rows, where they were given in Python. Raises DataError where they cannot be read.
    """
    source = config.train if source is None else source
    records = list(_records(source, config.format, offline))
    if config.valid is None and config.valid_fraction and not has_split(source, "valid", offline=offline):
        labelled = all(isinstance(record, Labelled) for record in records)
        labels = [record.label if isinstance(record, Labelled) else None for record in records] if labelled else None
        out = held_out([content_key(record) for record in records], config.valid_fraction, seed, labels)
        records = [record for record, left in zip(records, out, strict=True) if not left]
    return [text for record in records for text in _texts(record)]


def _records(source: Any, format: str, offline: bool) -> Iterator[Record]:
    resolved = None
    for row in read(source, split="train", offline=offline):
        resolved = resolve(format, "auto", row)[0] if resolved is None else resolved
        yield normalise(row, resolved)


def _texts(record: Record) -> list[str]:
    match record:
        case Text() | Labelled():
            return [record.text]
        case Completion():
            return [record.prompt, record.completion]
        case Turns():
            return [message["content"] for message in record.messages if message["role"] != "system"]
        case Asked():
            spoken = record.prompt
            return [spoken] if isinstance(spoken, str) else [message["content"] for message in spoken]
