"""Layers of settings, later over earlier, checked against the types of their fields and built into a RunConfig."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from afinar.config.flags import read_flags
from afinar.config.schema import DEFAULT_METHOD, SECTIONS, FieldDoc, RunConfig, fields_of, open_fields, section_class
from afinar.config.shorthands import expanded
from afinar.config.sources import nearest, read_environment, read_file, read_mapping
from afinar.config.tree import DEFAULT, Entry, Layer, Origin
from afinar.config.values import keys_of, mapping, typed, wrong_type
from afinar.errors import ConfigError
from afinar.options import OpenConfig

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
    entries = expanded(_merge(layers))
    classes = _classes(entries)
    documented = {name: _documented(name, cls, entries) for name, cls in classes.items()}
    sections = {name: _section(cls, documented[name], _within(name, entries)) for name, cls in classes.items()}
    output = {field.path: typed(field, entries[field.path]) for field in fields_of(RunConfig, "") if field.path in entries}
    config = RunConfig(**sections, **output)
    fields = [field for known in documented.values() for field in known.values()] + list(fields_of(RunConfig, ""))
    paths = ["method.name", *(path for field in fields for path in keys_of(field, entries) or [field.path])]
    return Loaded(config, {path: entries[path].origin if path in entries else DEFAULT for path in paths})


def _read(source: Source) -> Layer:
    if source is None:
        return {}
    return read_mapping(source) if isinstance(source, Mapping) else read_file(Path(source))


def _merge(layers: Sequence[Layer]) -> Layer:
    """Later over earlier; a layer that names another method replaces the earlier method's fields with it.

    Otherwise `--method.name head` over a file's `{name: lora, r: 8}` would fail on an r that was meant for LoRA. A mapping
    that is written whole replaces the earlier one with all its keys; a key written alone is added to it.
    """
    entries: Layer = {}
    for layer in layers:
        if "method.name" in layer and layer["method.name"].value != _method_name(entries):
            entries = {path: entry for path, entry in entries.items() if not path.startswith("method.")}
        entries = {path: entry for path, entry in entries.items() if not _is_key_in(path, layer)} | layer
    return entries


def _is_key_in(path: str, layer: Layer) -> bool:
    """Whether `path` is a key of a mapping that `layer` writes whole."""
    parts = path.split(".")
    return len(parts) > 2 and ".".join(parts[:2]) in layer


def _method_name(entries: Layer) -> str:
    if "method.name" not in entries:
        return DEFAULT_METHOD
    entry = entries["method.name"]
    if not isinstance(entry.value, str):
        raise wrong_type("method.name", entry, (str,))
    return entry.value


def _classes(entries: Layer) -> dict[str, type]:
    """The dataclass of each section, the method's by its name."""
    method = _method_name(entries)
    try:
        return {name: section_class(name, method) for name in SECTIONS}
    except ConfigError as error:
        raise ConfigError("config.at", where=str(entries["method.name"].origin), problem=error) from error


def _documented(section: str, cls: type, entries: Layer) -> dict[str, FieldDoc]:
    """The fields of a section by path; an open config's are those of what its chooser chose."""
    own = {field.path: field for field in fields_of(cls, section)}
    if not issubclass(cls, OpenConfig):
        return own
    chooser = f"{section}.{cls.chooser}"
    if chooser not in entries:
        return own
    try:
        others = open_fields(cls, section, typed(own[chooser], entries[chooser]))
    except ConfigError as error:
        raise _at_origin(error, entries) from error
    return own | {field.path: field for field in others}


def _within(section: str, entries: Layer) -> Layer:
    return {path: entry for path, entry in entries.items() if path.startswith(f"{section}.") and path != "method.name"}


def _section(cls: type, documented: dict[str, FieldDoc], entries: Layer) -> Any:
    for path, field in documented.items():
        if field.required and path not in entries:
            raise ConfigError("core.missing", field=path)
    for path, entry in entries.items():
        parent = ".".join(path.split(".")[:2])
        if parent not in documented:
            raise _unknown_method_field(path, entry, list(documented), str(getattr(cls, "name", "-")))
        if path != parent and not documented[parent].is_mapping and not _is_written_whole(parent, entries):
            raise ConfigError("config.not_mapping_field", where=str(entry.origin), key=parent, got=path)
    written = {path: field for path, field in documented.items() if path in entries or keys_of(field, entries)}
    values = {
        path.partition(".")[2]: mapping(field, entries) if field.is_mapping else typed(field, entries[path])
        for path, field in written.items()
    }
    try:
        return cls(**values)
    except ConfigError as error:
        raise _at_origin(error, entries) from error


def _is_written_whole(path: str, entries: Layer) -> bool:
    return path in entries and isinstance(entries[path].value, dict)


def _unknown_method_field(path: str, entry: Entry, known: list[str], method: str) -> ConfigError:
    near = nearest(path, known)
    if near:
        return ConfigError("config.method_field_near", where=str(entry.origin), key=path, method=method, near=near)
    return ConfigError("config.method_field", where=str(entry.origin), key=path, method=method, known=", ".join(known) or "-")


def _at_origin(error: ConfigError, entries: Layer) -> ConfigError:
    """The same error with the place of the value that caused it, where the error names a field that somebody set."""
    entry = entries.get(str(error.values.get("field")))
    return error if entry is None else ConfigError("config.at", where=str(entry.origin), problem=error)
