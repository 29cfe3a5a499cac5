"""Running text as whole documents, uncut and not yet tokens: what a model's perplexity is measured on window by window."""

from __future__ import annotations

from typing import Any, NamedTuple

from afinar.data.formats import Text, normalise
from afinar.data.sources import read


class Document(NamedTuple):
    """One row of running text and the place it came from."""

    text: str
    path: str
    line: int


def documents(source: Any, *, split: str = "valid", offline: bool = False) -> list[Document]:
    """The texts of `source`, in their order. Raises DataError for a source or a row that cannot be read as text."""
    found = []
    for row in read(source, split=split, offline=offline):
        record = normalise(row, "text")
        assert isinstance(record, Text)
        found.append(Document(record.text, row.path, row.line))
    return found
