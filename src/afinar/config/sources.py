"""From a file, a mapping, the environment or flags to one layer of entries; names are checked here, types later."""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from afinar import yaml12
from afinar.config.schema import SECTIONS, RunConfig, fields_of
from afinar.config.tree import Entry, Kind, Layer, Origin
from afinar.errors import ConfigError
from afinar.yaml12 import MAX_DEPTH, Tree, plain

PREFIX = "AFINAR__"


def read_file(path: Path) -> Layer:
    """The settings in a YAML or (by its suffix) TOML file. Raises ConfigError naming the file and, where known, the line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError("config.no_file", path=str(path)) from error
    except OSError as error:
        raise ConfigError("config.unreadable", path=str(path), problem=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("config.unreadable", path=str(path), problem=f"UTF-8, byte {error.start}") from error
    tree = _toml(text, str(path)) if path.suffix.lower() == ".toml" else yaml12.read(text, str(path))
    return flatten(tree, "file", str(path))


def read_mapping(mapping: Mapping[str, Any]) -> Layer:
    """The settings in a dict of dicts."""
    return flatten(_tree(mapping, depth=0), "python", "dict")


def read_environment(environ: Mapping[str, str]) -> Layer:
    """The settings in `AFINAR__SECTION__FIELD` variables; other variables, `AFINAR_LANG` among them, are not config.

    A key of a mapping may follow (`AFINAR__METHOD__RANK_PATTERN__Q_PROJ=16`), in lower case; any other key is set by the
    whole mapping: `AFINAR__METHOD__RANK_PATTERN="{Wqkv: 16}"`.
    """
    layer: Layer = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        path = variable.removeprefix(PREFIX).lower().replace("__", ".")
        layer[known_path(path, variable, _as_variable)] = Entry(
            environ[variable], Origin("environment", variable), is_text=True
        )
    return layer


def flatten(tree: Tree, kind: Kind, place: str) -> Layer:
    """A tree of sections as one layer. Raises ConfigError on an unknown key or a section that is not one."""
    if not isinstance(tree.value, dict):
        raise ConfigError("config.not_mapping", where=place)
    layer: Layer = {}
    for name, child in tree.value.items():
        where = _where(place, child.line)
        if name not in SECTIONS:
            layer[known_path(name, where)] = Entry(plain(child), Origin(kind, where))
        elif isinstance(child.value, dict):
            for key, leaf in child.value.items():
                spot = _where(place, leaf.line)
                field = known_path(f"{name}.{key}", spot)
                layer[field] = Entry(plain(leaf), Origin(kind, spot))
                layer |= _keys(field, leaf, kind, place)
        elif name == "method" and isinstance(child.value, str):
            layer["method.name"] = Entry(child.value, Origin(kind, where))
        elif child.value is not None:
            raise ConfigError("config.not_section", where=where, key=name, got=plain(child))
    return layer


def _keys(field: str, leaf: Tree, kind: Kind, place: str) -> Layer:
    """The keys of a mapping as entries of their own, each with its place, so that later layers can set one of them."""
    if not isinstance(leaf.value, dict):
        return {}
    return {f"{field}.{key}": Entry(plain(item), Origin(kind, _where(place, item.line))) for key, item in leaf.value.items()}


def known_path(path: str, where: str, spell: Any = str) -> str:
    """`path` if a run has such a field (`method` alone is its name). Raises ConfigError naming the nearest that it has.

    The fields of a method are checked later, when its name is known.
    """
    if path == "method" and spell is not str:
        return "method.name"
    section, dot, field = path.partition(".")
    if section == "method" and dot and field:
        return path
    paths = known_paths()
    if path in paths:
        return path
    near = None if path in SECTIONS else nearest(path, [*paths, *(s for s in SECTIONS if not dot)])
    if near:
        raise ConfigError("config.unknown_near", where=where, key=path, near=spell(near))
    known = [p for p in paths if p.startswith(f"{section}.")] if section in SECTIONS else [*SECTIONS, "output"]
    raise ConfigError("config.unknown", where=where, key=path, known=", ".join(spell(p) for p in known))


@functools.cache
def known_paths() -> tuple[str, ...]:
    """Every field of every section but the method's, whose fields depend on its name."""
    sections = [field.path for name, cls in SECTIONS.items() if cls for field in fields_of(cls, name)]
    return ("method.name", *sections, *(field.path for field in fields_of(RunConfig, "")))


def nearest(path: str, paths: Sequence[str]) -> str | None:
    """The known path closest to `path`: the same field in another section, else the closest spelling."""
    last = path.rpartition(".")[2]
    for known in paths:
        if known.rpartition(".")[2] == last:
            return known
    close = difflib.get_close_matches(path, paths, n=1, cutoff=0.75)
    if close:
        return close[0]
    by_field = {known.rpartition(".")[2]: known for known in reversed(paths)}
    close = difflib.get_close_matches(last, list(by_field), n=1, cutoff=0.75)
    return by_field[close[0]] if close else None


def _as_variable(path: str) -> str:
    return PREFIX + path.upper().replace(".", "__")


def _where(place: str, line: int | None) -> str:
    return f"{place}:{line}" if line else place


def _tree(value: Any, depth: int, lines: Mapping[str, int] | None = None, path: str = "") -> Tree:
    """A tree from plain Python values, with the lines that a TOML file's keys were found on."""
    line = (lines or {}).get(path)
    if depth > MAX_DEPTH:
        raise ConfigError("config.too_deep", where=path)
    if isinstance(value, Mapping):
        start = f"{path}." if path else ""
        return Tree({str(k): _tree(v, depth + 1, lines, f"{start}{k}") for k, v in value.items()}, line)
    if isinstance(value, list | tuple):
        return Tree([_tree(item, depth + 1) for item in value], line)
    return Tree(value, line)


def _toml(text: str, path: str) -> Tree:
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        raise ConfigError("config.syntax", where=_where(path, int(found[1]) if found else None), problem=str(error)) from error
    try:
        return _tree(value, 0, _toml_lines(text))
    except ConfigError as error:
        raise ConfigError(error.key, **{**error.values, "where": f"{path}: {error.values['where']}"}) from error


def _toml_lines(text: str) -> dict[str, int]:
    """The lines of `[section]` and `key = value`, for messages only: tomllib keeps no positions."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.fullmatch(r"\s*\[\s*([\w.-]+)\s*\]\s*(#.*)?", line):
            section = header[1]
            lines.setdefault(section, number)
        elif key := re.match(r"\s*([\w.-]+)\s*=", line):
            lines.setdefault(f"{section}.{key[1]}" if section else key[1], number)
    return lines
