"""One row of a data source with the place it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from afinar.data.json_values import as_object
from afinar.errors import DataError


class Row(NamedTuple):
    """A row as it was read: column names to values, and where it stands.

    `line` counts from 1. It is the line in which the row begins for text files (JSONL, JSON, CSV, TXT), and the row's
    number for Parquet, hub data sets and rows given in Python.
    """

    values: dict[str, Any]
    path: str
    line: int

    @property
    def place(self) -> Place:
        """Where the row stands."""
        return Place(self.path, self.line)


class Place(NamedTuple):
    """Where a row stands, to name it in errors."""

    path: str
    line: int

    def error(self, key: str, **values: Any) -> DataError:
        """The error `key` at this place."""
        return DataError(key, path=self.path, line=self.line, **values)


def python_row(values: Any, path: str, number: int) -> Row:
    """A row given in Python: any mapping of column names to values. Raises DataError for anything else."""
    return Row(as_object(dict(values) if isinstance(values, Mapping) else values, path, number), path, number)
