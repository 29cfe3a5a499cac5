"""A suite's text as plain values that know their lines: YAML 1.2, JSON, or JSON lines (the header, then a case each).

Whatever is read here may be hostile, so its size, its depth and its number of values are bounded before anything is built.
"""

from __future__ import annotations

import functools
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afinar import yaml12
from afinar.data.json_values import decode_at, parse_object, syntax_error
from afinar.errors import ConfigError
from afinar.yaml12 import Tree

Place = tuple[str | int, ...]
"""Where a value stands: ("cases", 3, "expect", "contains")."""

MAX_BYTES = 10_000_000
MAX_YAML_BYTES = 1_000_000  # read at 0.1–0.2 MB/s: a larger suite is better kept as JSON lines
MAX_DEPTH = 12  # a lexicon's form lies at 5; the rest is left for what is wrong to be named rather than cut off
MAX_NODES = 400_000  # of JSON; YAML has a limit of its own
FORMATS = (".yaml", ".yml", ".json", ".jsonl")


@dataclass(frozen=True)
class Document:
    """A suite before it is checked. value: plain, with tuples for lists. line_of: the line of a place, where there are any."""

    name: str
    value: Any
    line_of: Callable[[Place], int | None]

    def where(self, place: Place) -> str:
        """`suite.yaml:12`, or the name alone."""
        line = self.line_of(place)
        return self.name if line is None else f"{self.name}:{line}"


def read_file(path: Path) -> Document:
    """The document in a file, by its suffix. Raises ConfigError or DataError saying what cannot be read, and where."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError("suites.format", path=str(path), allowed=", ".join(FORMATS))
    text = _text(path, MAX_YAML_BYTES if suffix in (".yaml", ".yml") else MAX_BYTES)
    reader = {".json": _json, ".jsonl": _json_lines}.get(suffix, _yaml)
    return reader(text, str(path))


def read_mapping(mapping: Mapping[str, Any]) -> Document:
    """The document that a dict is. Raises ConfigError where it is nested too deeply or too large."""
    name = "dict"
    return Document(name, _frozen(mapping, name), lambda _: None)


def _text(path: Path, limit: int) -> str:
    if "\0" in str(path):  # no file is called so, and Python raises ValueError for it
        raise ConfigError("suites.not_found", path=str(path).replace("\0", "\\0"))
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise ConfigError("suites.not_a_file", path=str(path))
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ConfigError("suites.not_found", path=str(path)) from error
    except OSError as error:
        raise ConfigError("suites.unreadable", path=str(path)[:200], problem=error.strerror or str(error)) from error
    if len(data) > limit:
        raise ConfigError("suites.too_large", path=str(path), limit=limit // 1_000_000)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("suites.unreadable", path=str(path), problem=f"UTF-8, byte {error.start}") from error


def _yaml(text: str, name: str) -> Document:
    tree = yaml12.read(text, name, MAX_DEPTH)
    return Document(name, yaml12.plain(tree), functools.partial(_line_in_tree, tree))


def _line_in_tree(tree: Tree, place: Place) -> int | None:
    """The line of the deepest part of `place` that the tree has."""
    line = tree.line
    for step in place:
        has = step in tree.value if isinstance(tree.value, dict) else isinstance(tree.value, list) and isinstance(step, int)
        if not has or (isinstance(step, int) and step >= len(tree.value)):
            break
        tree = tree.value[step]
        line = tree.line
    return line


def _json(text: str, name: str) -> Document:
    stripped = text.rstrip()
    start = len(stripped) - len(stripped.lstrip())
    if start == len(stripped):
        return Document(name, {}, lambda _: 1)
    value, end = decode_at(stripped, start, name)
    if end < len(stripped):
        raise syntax_error(stripped, _skip(stripped, end), "Extra data", name)
    return Document(name, _frozen(value, name), functools.partial(_line_in_json, stripped, start))


def _json_lines(text: str, name: str) -> Document:
    """The first line is the suite without its cases; each further line is a case."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        return Document(name, {}, lambda _: 1)
    header = parse_object(lines[0][1], name, lines[0][0])
    if "cases" in header:
        raise ConfigError("suites.header_cases", where=f"{name}:{lines[0][0]}")
    cases = [parse_object(line, name, number) for number, line in lines[1:]]
    numbers = [number for number, _ in lines]

    def line_of(place: Place) -> int:
        is_case = len(place) > 1 and place[0] == "cases" and isinstance(place[1], int)
        return numbers[int(place[1]) + 1] if is_case else numbers[0]

    return Document(name, _frozen({**header, "cases": cases}, name), line_of)


def _line_in_json(text: str, start: int, place: Place) -> int | None:
    """The line of a place in a valid JSON text, found by walking there; only what is wrong is ever looked up."""
    position = start
    for step in place:
        found = _member(text, position, step)
        if found is None:
            break
        position = found
    return 1 + text.count("\n", 0, position)


_blank = re.compile(r"[ \t\r\n]*")


def _member(text: str, position: int, step: str | int) -> int | None:
    """Where the member or item `step` of the value at `position` begins; None where it has none."""
    opening = text[position]
    if opening not in "{[":
        return None
    number, position = 0, _skip(text, position + 1)
    while text[position] not in "}]":
        key: Any = number
        if opening == "{":
            key, position = decode_at(text, position, "")
            position = _skip(text, _skip(text, position) + 1)  # past the colon
        if key == step:
            return position
        position = _skip(text, decode_at(text, position, "")[1])
        number += 1
        if text[position] == ",":
            position = _skip(text, position + 1)
    return None


def _skip(text: str, position: int) -> int:
    match = _blank.match(text, position)
    return match.end() if match else position


def _frozen(value: Any, name: str) -> Any:
    """`value` with tuples for lists, within the limits on depth and number of values."""
    left = MAX_NODES

    def freeze(part: Any, levels: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConfigError("config.too_many", where=name, limit=MAX_NODES)
        if levels < 0:
            raise ConfigError("config.too_deep", where=name)
        if isinstance(part, Mapping):
            return {key: freeze(item, levels - 1) for key, item in part.items()}
        if isinstance(part, list | tuple):
            return tuple(freeze(item, levels - 1) for item in part)
        return part

    return freeze(value, MAX_DEPTH)
