"""Rows of data as a model reads them, to measure it on: examples cut at a length, or running text whole, window by window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from afinar.data.config import FORMATS
from afinar.data.documents import Document, documents
from afinar.data.examples import Examples
from afinar.data.prepare import prepare_source
from afinar.errors import ConfigError
from afinar.evaluation.rolling import Rolling, choose_rolling
from afinar.run.paired import aligned, same_tokens
from afinar.run.sides import Side


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which rows, and how they are read. Every model reads them for itself, by its own tokenizer.

    data: a source, or rows in Python that can be gone through twice. max_length: where a row is cut, for running text the
    window; None: as in training, for running text all that the model reads. stride: new tokens of each window.
    prompts: whether they must have prompts to answer.
    """

    data: Any
    format: str = "auto"
    max_length: int | None = None
    stride: int | None = None
    prompts: bool = False
    offline: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError("core.choice", field="format", got=self.format, allowed=", ".join(FORMATS))
        if self.max_length is not None and self.max_length < 2:
            raise ConfigError("core.range", field="max_length", got=self.max_length, allowed=">= 2")
        if isinstance(self.data, Iterable) and iter(self.data) is self.data:  # an iterator is gone after the first reader
            object.__setattr__(self, "data", list(self.data))

    @property
    def source(self) -> str:
        """What the rows are called."""
        return str(self.data) if isinstance(self.data, str | Path) else f"<{type(self.data).__name__}>"


@dataclass(frozen=True)
class Reading:
    """The rows as one model reads them: `examples`, or `documents` with the windows to read them in.

    cut: where the examples were cut, which documents never are. not_shared: rows that are left out because the other model
    reads them otherwise.
    """

    examples: Examples
    cut: int
    documents: tuple[Document, ...] = ()
    rolling: Rolling | None = None
    not_shared: int = 0
    truncated: int = 0
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.documents) if self.rolling is not None else len(self.examples)

    def about(self) -> dict[str, Any]:
        """How they were read, and how many are not, or not wholly, in the figures."""
        if self.rolling is not None:
            return {"format": "text", "window": self.rolling.window, "stride": self.rolling.stride}
        counts = {"truncated": self.truncated, "dropped": self.dropped, "not_shared": self.not_shared}
        return {"format": self.examples.format, "max_length": self.cut, **counts}


def read(rows: Rows, own: Side, other: Side | None = None) -> tuple[Reading, Reading]:
    """The rows as the two sides read them, the same ones in the same order; without `other` both are the same reading.

    Raises ConfigError for a length that a model cannot read, rows without prompts where they are needed, and two models that
    have no row in common; DataError as reading does.
    """
    cut = min(_longest(side, rows) for side in (own, other) if side is not None)
    examples = _examples(rows, own, cut)
    if examples.format == "text":
        return _whole_texts(rows, examples, own, other, cut)
    ours = Reading(examples, cut, truncated=examples.truncated, dropped=examples.dropped)
    if other is None:
        return ours, ours
    kept, theirs = aligned(examples, _examples(rows, other, cut))
    if not len(kept):
        raise ConfigError("evaluating.no_common_rows", model=own.name, baseline=other.name)
    return replace(ours, examples=kept, not_shared=len(examples) - len(kept)), Reading(theirs, cut)


def comparable_tokens(ours: Reading, theirs: Reading) -> bool | None:
    """Whether both models predict the same tokens, so that what is counted by tokens can be compared; None: ask signatures."""
    return None if ours.rolling is not None else ours is theirs or same_tokens(ours.examples, theirs.examples)


def _examples(rows: Rows, side: Side, cut: int) -> Examples:
    session = side.session
    examples = prepare_source(
        rows.data,
        session.tokenizer,
        format=rows.format,
        task=session.task,
        label_names=session.label_names or None,
        max_length=cut,
        offline=rows.offline,
    )
    if rows.prompts and examples.format in ("text", "classification"):
        raise ConfigError("evaluating.no_prompts", data=rows.source, format=examples.format)
    return examples


def _longest(side: Side, rows: Rows) -> int:
    positions = side.session.positions
    if rows.max_length is None:
        return side.longest
    if positions is not None and rows.max_length > positions:
        raise ConfigError("evaluating.positions", got=rows.max_length, positions=positions, model=side.name)
    return rows.max_length


def _whole_texts(rows: Rows, examples: Examples, own: Side, other: Side | None, cut: int) -> tuple[Reading, Reading]:
    """The documents, in windows that both models can read."""
    sides = [side for side in (own, other) if side is not None]
    chosen = [choose_rolling(side.session.model, window=rows.max_length) for side in sides]
    window = min(rolling.window for rolling in chosen)
    rolling = Rolling(window, window if rows.stride is None else rows.stride)
    reading = Reading(examples, cut, tuple(documents(rows.data, offline=rows.offline)), rolling)
    return reading, reading
