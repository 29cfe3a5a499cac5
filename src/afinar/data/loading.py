"""A source read to its end: its format told, each row checked and encoded, with its content's key and its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from afinar.data.chat import Encoder
from afinar.data.encoded import Encoded
from afinar.data.formats import detect, normalise, shown, used_columns
from afinar.data.holdout import content_key
from afinar.data.prompts import asked, only_asks
from afinar.data.rows import Row
from afinar.data.sources import read
from afinar.data.weights import COLUMN as WEIGHT
from afinar.data.weights import row_weight


class LoadedRow(NamedTuple):
    """A row as tokens, uncut; `key` is a digest of its content, equal for rows that say the same."""

    encoded: Encoded
    key: bytes
    path: str
    line: int
    weight: float | None = None


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


def load(
    source: Any,
    encoder: Encoder,
    *,
    format: str,
    task: str,
    split: str,
    offline: bool,
    prompts: bool = False,
    text_column: str = "text",
) -> Loaded:
    """All rows of `source` as tokens. Running text is let go as it is read; prompts and answers are kept, for generation.

    With `prompts`, rows that only ask are let through, with nothing to learn. `text_column` is what `text` is called.

    Raises:
        DataError: The source, its columns, a row or a value is wrong; or the format does not fit the task.
    """
    rows: list[LoadedRow] = []
    columns: dict[str, None] = {}  # an ordered set
    reader = Reader(encoder, format=format, task=task, prompts=prompts, text_column=text_column)
    for row in read(source, split=split, offline=offline):
        columns.update(dict.fromkeys(row.values))
        rows.append(reader.read(row))
    used = {text_column if name == "text" else name for name in (*used_columns(reader.format), WEIGHT)}
    return Loaded(rows, reader.format, reader.task, tuple(name for name in columns if name not in used))


class Reader:
    """Reads rows of one source, of which the first decides the format; see :func:`load`."""

    def __init__(self, encoder: Encoder, *, format: str, task: str, prompts: bool = False, text_column: str = "text") -> None:
        self.encoder = encoder
        self.format = format
        self.task = task
        self.prompts = prompts
        self.text_column = text_column
        self._resolved = False

    def read(self, row: Row) -> LoadedRow:
        """The row as tokens."""
        row = row if self.text_column == "text" else _renamed(row, self.text_column)
        if not self._resolved:
            self.format, self.task = resolve(self.format, self.task, row, prompts=self.prompts)
            self._resolved = True
        record = (asked(row, self.format) if self.prompts else None) or normalise(row, self.format)
        encoded = self.encoder.encode(record, row.place)
        return LoadedRow(encoded, content_key(record), row.path, row.line, row_weight(row))


def _renamed(row: Row, column: str) -> Row:
    """The row with `column` as its text, beside its label and weight; it was named, so no other column is looked for."""
    if column not in row.values:
        raise row.place.error("data.text_column", column=column, found=shown(row.values))
    kept = {name: row.values[name] for name in ("label", WEIGHT) if name in row.values and name != column}
    return row._replace(values={"text": row.values[column], **kept})


def resolve(format: str, task: str, first: Row, *, prompts: bool = False) -> tuple[str, str]:
    """Format and task with `auto` replaced by what the first row's columns say.

    The task follows the format. A causal task reads `text` + `label` rows as text; no other pair that disagrees is accepted.
    """
    if format == "auto" and prompts and only_asks(first):
        format = "prompt_completion"
    if format == "auto":
        format = detect(first.values, first.values, path=first.path, line=first.line)
        if format == "classification" and task == "causal":
            format = "text"
    natural = "classification" if format == "classification" else "causal"
    if task not in ("auto", natural):
        raise first.place.error("data.task", task=task, format=format)
    return format, natural
