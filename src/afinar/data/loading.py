"""A source read to its end: its format told, each row checked and encoded, with its content's key and its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from afinar.data.chat import Encoded, Encoder
from afinar.data.formats import detect, normalise, used_columns
from afinar.data.holdout import content_key
from afinar.data.rows import Row
from afinar.data.sources import read


class LoadedRow(NamedTuple):
    """A row as tokens, uncut; `key` is a digest of its content, equal for rows that say the same."""

    encoded: Encoded
    key: bytes
    path: str
    line: int


@dataclass(frozen=True)
class Loaded:
    """The rows of one source (or of one side of it), how they were read, and the columns that were not used."""

    rows: list[LoadedRow]
    format: str
    task: str
    extra_columns: tuple[str, ...]

    def parted(self, chosen: Sequence[bool]) -> tuple[Loaded, Loaded]:
        """The rows that are not `chosen`, and those that are."""
        sides: tuple[list[LoadedRow], list[LoadedRow]] = ([], [])
        for row, out in zip(self.rows, chosen, strict=True):
            sides[out].append(row)
        return replace(self, rows=sides[0]), replace(self, rows=sides[1])


def load(source: Any, encoder: Encoder, *, format: str, task: str, split: str, offline: bool) -> Loaded:
    """All rows of `source` as tokens. Running text is let go as it is read; prompts and answers are kept, for generation.

    Raises:
        DataError: The source, its columns, a row or a value is wrong; or the format does not fit the task.
    """
    rows: list[LoadedRow] = []
    columns: dict[str, None] = {}  # an ordered set
    for row in read(source, split=split, offline=offline):
        if not rows:
            format, task = resolve(format, task, row)
        record = normalise(row, format)
        encoded = encoder.encode(record, row.place)
        rows.append(LoadedRow(encoded, content_key(record), row.path, row.line))
        columns.update(dict.fromkeys(row.values))
    used = used_columns(format)
    return Loaded(rows, format, task, tuple(name for name in columns if name not in used))


def resolve(format: str, task: str, first: Row) -> tuple[str, str]:
    """Format and task with `auto` replaced by what the first row's columns say.

    The task follows the format. A causal task reads `text` + `label` rows as text; no other pair that disagrees is accepted.
    """
    if format == "auto":
        format = detect(first.values, first.values, path=first.path, line=first.line)
        if format == "classification" and task == "causal":
            format = "text"
    natural = "classification" if format == "classification" else "causal"
    if task not in ("auto", natural):
        raise first.place.error("data.task", task=task, format=format)
    return format, natural
