"""JSON, strictly: no duplicate keys, no endless nesting, and an error that names the line."""

from __future__ import annotations

import json
from typing import Any

from afinar.errors import DataError


class _DuplicateKeyError(ValueError):
    """A key stands twice in one object; the standard library would silently keep the second."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return values


# NaN and Infinity, which JSON does not have but Python writes, are let through as floats: they are errors only in a column
# that is used, and there the error can name the column.
_decoder = json.JSONDecoder(object_pairs_hook=_unique)


def decode_at(text: str, position: int, path: str, line: int = 1) -> tuple[Any, int]:
    """The JSON value that begins at `position` and the position after it; `line` is the number of the text's first line.

    Raises DataError (data.json, data.json_duplicate) with the line at fault.
    """

    def at(offset: int) -> int:
        return line + text.count("\n", 0, offset)

    try:
        return _decoder.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise syntax_error(text, error.pos, error.msg, path, line) from None
    except _DuplicateKeyError as error:
        raise DataError("data.json_duplicate", path=path, line=at(position), name=str(error)) from None
    except RecursionError:
        raise DataError("data.json_depth", path=path, line=at(position)) from None
    except ValueError as error:  # an integer of thousands of digits
        raise DataError("data.json", path=path, line=at(position), reason=str(error), column=1) from None


def syntax_error(text: str, position: int, reason: str, path: str, line: int = 1) -> DataError:
    """The error for `reason` at `position` of `text`, whose first line has the number `line`."""
    at_line = line + text.count("\n", 0, position)
    column = position - text.rfind("\n", 0, position)
    return DataError("data.json", path=path, line=at_line, reason=reason, column=column)


def parse_object(text: str, path: str, line: int) -> dict[str, Any]:
    """The JSON object that is all of `text`. Raises DataError where it is anything else."""
    stripped = text.strip()
    value, end = decode_at(stripped, 0, path, line)
    if end < len(stripped):
        raise syntax_error(stripped, end, "Extra data", path, line)
    return as_object(value, path, line)


def as_object(value: Any, path: str, line: int) -> dict[str, Any]:
    """`value` where it is a JSON object (a dict with string keys), else a DataError."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DataError("data.not_object", path=path, line=line, got=type(value).__name__)
    return value
