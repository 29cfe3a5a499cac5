"""Reader of .json files: an array of objects, an object with one such array inside, or JSON Lines under that name.

The file is held in memory as text (an array cannot be checked before its end is seen), but its rows are decoded one by
one; for data that does not fit, JSON Lines streams.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Any

from afinar.data.json_values import as_object, decode_at, syntax_error
from afinar.data.rows import Row
from afinar.data.text_files import decode, read_bytes, read_jsonl
from afinar.errors import DataError

_blank = re.compile(r"[ \t\r\n]*")
ROW_COLUMNS = ("messages", "conversations", "prompt", "completion")  # lists that are part of a row, never a list of rows


def read_json(path: str) -> Iterator[Row]:
    """The rows of a .json file, each with the line in which it begins."""
    text = decode(read_bytes(path), path, 1)
    start = _skip(text, 0)
    if start == len(text):
        return
    if text[start] == "[":
        end = yield from _rows(text, start, path)
        if _skip(text, end) < len(text):
            raise syntax_error(text, _skip(text, end), "Extra data", path)
        return
    value, end = decode_at(text, start, path)
    if _skip(text, end) < len(text):
        yield from read_jsonl(path)
    else:
        yield from _object_rows(as_object(value, path, 1 + text.count("\n", 0, start)), text, start, path)


def _object_rows(value: dict[str, Any], text: str, start: int, path: str) -> Iterator[Row]:
    """The rows of the one list of objects inside `value`; an object without any is itself the only row."""
    line = 1 + text.count("\n", 0, start)
    lists = [name for name, inner in value.items() if _is_rows(name, inner)]
    if len(lists) > 1:
        raise DataError("data.json_lists", path=path, line=line, names=", ".join(lists))
    if lists:
        yield from _rows(text, _position(text, start, lists[0], path), path)
    else:
        yield Row(value, path, line)


def _is_rows(name: str, value: Any) -> bool:
    return name not in ROW_COLUMNS and isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _position(text: str, start: int, name: str, path: str) -> int:
    """Where the value of `name` begins in the valid JSON object at `start`."""
    position = start
    while True:
        key, after = decode_at(text, _skip(text, position + 1), path)
        position = _skip(text, _skip(text, after) + 1)  # past the colon
        if key == name:
            return position
        position = _skip(text, decode_at(text, position, path)[1])  # at the comma


def _rows(text: str, start: int, path: str) -> Generator[Row, None, int]:
    """The objects of the array that opens at `start`; returns the position after its closing bracket."""
    position = _skip(text, start + 1)
    line, counted = 1, 0
    if text[position : position + 1] == "]":
        return position + 1
    while True:
        line, counted = line + text.count("\n", counted, position), position
        value, end = decode_at(text, position, path)
        yield Row(as_object(value, path, line), path, line)
        position = _skip(text, end)
        if text[position : position + 1] == "]":
            return position + 1
        if text[position : position + 1] != ",":
            raise syntax_error(text, position, "Expecting ',' delimiter", path)
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    """The next position that is not blank."""
    match = _blank.match(text, position)
    return match.end() if match else position
