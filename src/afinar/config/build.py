"""Layers of settings, later over earlier, checked against the types of their fields and built into a RunConfig."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from afinar.config.flags import read_flags
from afinar.config.schema import DEFAULT_METHOD, SECTIONS, FieldDoc, RunConfig, fields_of, section_class, type_names
from afinar.config.sources import nearest, read_environment, read_file, read_mapping
from afinar.config.tree import DEFAULT, Entry, Layer, Origin
from afinar.config.yaml12 import scalar
from afinar.errors import ConfigError

Source = str | os.PathLike[str] | Mapping[str, Any] | None


class Loaded(NamedTuple):
    """A config and where each of its values comes from, by path (`training.seed`), defaults included."""

    config: RunConfig
    origins: dict[str, Origin]


def load(source: Source = None, *, flags: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> RunConfig:
    """The config of a file or mapping, the environment (`environ`, by default the process's) and flags.

    Raises:
        ConfigError: an unknown key, a wrong type or value, a file that cannot be read; with file and line where known.
    """
    return load_with_origins(source, flags=flags, environ=environ).config


def load_with_origins(source: Source = None, *, flags: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Loaded:
    """As :func:`load`, with the origin of each value."""
    layers = [_read(source), read_environment(os.environ if environ is None else environ), read_flags(flags)]
    return build(layers)


def from_mapping(mapping: Mapping[str, Any]) -> RunConfig:
    """The config of a mapping alone: no environment, so that a program gets what it wrote."""
    return build([read_mapping(mapping)]).config


def build(layers: Sequence[Layer]) -> Loaded:
    """The config of `layers`, the last strongest. Raises ConfigError on a wrong name, type or value."""
    entries = _merge(layers)
    classes = _classes(entries)
    sections = {name: _section(name, cls, entries) for name, cls in classes.items()}
    output = {field.path: _typed(field, entries[field.path]) for field in fields_of(RunConfig, "") if field.path in entries}
    config = RunConfig(**sections, **output)
    documented = [field for name, cls in classes.items() for field in fields_of(cls, name)]
    paths = ["method.name", *(field.path for field in [*documented, *fields_of(RunConfig, "")])]
    return Loaded(config, {path: entries[path].origin if path in entries else DEFAULT for path in paths})


def _read(source: Source) -> Layer:
    if source is None:
        return {}
    return read_mapping(source) if isinstance(source, Mapping) else read_file(Path(source))


def _merge(layers: Sequence[Layer]) -> Layer:
    """Later over earlier; a layer that names another method replaces the earlier method's fields with it.

    Otherwise `--method.name head` over a file's `{name: lora, r: 8}` would fail on an r that was meant for LoRA.
    """
    entries: Layer = {}
    for layer in layers:
        if "method.name" in layer and layer["method.name"].value != _method_name(entries):
            entries = {path: entry for path, entry in entries.items() if not path.startswith("method.")}
        entries |= layer
    return entries


def _method_name(entries: Layer) -> str:
    if "method.name" not in entries:
        return DEFAULT_METHOD
    entry = entries["method.name"]
    if not isinstance(entry.value, str):
        raise _wrong_type("method.name", entry, (str,))
    return entry.value


def _classes(entries: Layer) -> dict[str, type]:
    """The dataclass of each section, the method's by its name."""
    method = _method_name(entries)
    try:
        return {name: section_class(name, method) for name in SECTIONS}
    except ConfigError as error:
        raise ConfigError("config.at", where=str(entries["method.name"].origin), problem=error) from error


def _section(section: str, cls: type, entries: Layer) -> Any:
    documented = {field.path: field for field in fields_of(cls, section)}
    values = {}
    for path, entry in entries.items():
        if not path.startswith(f"{section}.") or path == "method.name":
            continue
        if path not in documented:
            raise _unknown_method_field(path, entry, list(documented), str(getattr(cls, "name", section)))
        values[path.partition(".")[2]] = _typed(documented[path], entry)
    for path, field in documented.items():
        if field.required and path not in entries:
            raise ConfigError("core.missing", field=path)
    try:
        return cls(**values)
    except ConfigError as error:
        raise _at_origin(error, entries) from error


def _unknown_method_field(path: str, entry: Entry, known: list[str], method: str) -> ConfigError:
    near = nearest(path, known)
    if near:
        return ConfigError("config.method_field_near", where=str(entry.origin), key=path, method=method, near=near)
    return ConfigError("config.method_field", where=str(entry.origin), key=path, method=method, known=", ".join(known) or "-")


def _at_origin(error: ConfigError, entries: Layer) -> ConfigError:
    """The same error with the place of the value that caused it, where the error names a field that somebody set."""
    entry = entries.get(str(error.values.get("field")))
    return error if entry is None else ConfigError("config.at", where=str(entry.origin), problem=error)


def _typed(field: FieldDoc, entry: Entry) -> Any:
    """The entry's value if the field allows its type; a whole number is taken for a float, nothing else is converted."""
    value = _from_text(entry.value, field.types) if entry.is_text else entry.value
    if type(value) is int and int not in field.types and float in field.types:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is float and not math.isfinite(value):
        raise ConfigError("config.not_finite", where=str(entry.origin), key=field.path)
    if type(value) not in field.types or (isinstance(value, tuple) and not all(isinstance(item, str) for item in value)):
        raise _wrong_type(field.path, entry, field.types)
    return value


def _wrong_type(path: str, entry: Entry, kinds: tuple[type, ...]) -> ConfigError:
    return ConfigError("config.type", where=str(entry.origin), key=path, got=entry.value, expected=type_names(kinds))


def _from_text(text: str, kinds: tuple[type, ...]) -> Any:
    """What a shell's word means for a field of these types: a list, the scalar it reads as, else the text itself."""
    stripped = text.strip()
    if tuple in kinds and ("," in stripped or stripped.startswith("[")):
        inner = stripped.removeprefix("[").removesuffix("]")
        return tuple(item.strip().strip("'\"") for item in inner.split(",") if item.strip())
    value = scalar(stripped)
    if type(value) in kinds or (type(value) is int and float in kinds):
        return value
    return text
