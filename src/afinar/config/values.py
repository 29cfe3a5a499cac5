"""One value against the types of its field: what a shell's word means, what is converted, what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from afinar import yaml12
from afinar.config.schema import FieldDoc, type_names
from afinar.config.tree import Entry, Layer
from afinar.errors import ConfigError
from afinar.options import PLAIN, FrozenDict
from afinar.yaml12 import plain, scalar


def typed(field: FieldDoc, entry: Entry) -> Any:
    """The entry's value if the field allows its type; a whole number is taken for a float, nothing else is converted.

    Raises ConfigError naming the place of a value of another type, or of a float that is not finite.
    """
    value = _from_text(field, entry) if entry.is_text else entry.value
    return _checked(field.path, value, field.types, field.items, entry)


def mapping(field: FieldDoc, entries: Layer) -> Any:
    """The value of a mapping's field: what was written whole, with the keys that were written alone over it."""
    whole, keys = entries.get(field.path), keys_of(field, entries)
    if not keys:
        return field.default if whole is None else typed(field, whole)
    # a mapping in a file is entered key by key as well, each with its line
    start = {} if whole is None or isinstance(whole.value, dict) else typed(field, whole)
    alone = {path.removeprefix(f"{field.path}."): _item(field, path, entries[path]) for path in keys}
    return FrozenDict({**(start or {}), **alone})


def keys_of(field: FieldDoc, entries: Layer) -> list[str]:
    """The paths of the keys of a mapping's field that were written, each with an entry of its own."""
    return [path for path in entries if path.startswith(f"{field.path}.")] if field.is_mapping else []


def wrong_type(path: str, entry: Entry, kinds: tuple[type, ...]) -> ConfigError:
    """The error that says what `path` was given and what it takes."""
    return ConfigError("config.type", where=str(entry.origin), key=path, got=entry.value, expected=type_names(kinds))


def _item(field: FieldDoc, path: str, entry: Entry) -> Any:
    return typed(field._replace(path=path, types=field.items or PLAIN, items=()), entry)


def _checked(path: str, value: Any, kinds: tuple[type, ...], items: tuple[type, ...], entry: Entry) -> Any:
    if type(value) is int and int not in kinds and float in kinds:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is float and not math.isfinite(value):
        raise ConfigError("config.not_finite", where=str(entry.origin), key=path)
    kind = dict if isinstance(value, Mapping) else type(value)
    if kind not in kinds:
        raise wrong_type(path, entry, kinds)
    inner = items or PLAIN
    if kind is dict:
        return FrozenDict({key: _checked(f"{path}.{key}", item, inner, (), entry) for key, item in value.items()})
    if kind is tuple:
        if not all(type(item) in inner or (type(item) is int and float in inner) for item in value):
            raise wrong_type(path, entry, kinds)
        return tuple(_checked(path, item, inner, (), entry) for item in value)
    return value


def _from_text(field: FieldDoc, entry: Entry) -> Any:
    """What a shell's word means for a field: a mapping or a list, the scalar it reads as, else the text itself."""
    text = str(entry.value).strip()
    if (dict in field.types and text.startswith("{")) or (tuple in field.types and text.startswith("[[")):
        return plain(yaml12.read(text, str(entry.origin)))
    if tuple in field.types and ("," in text or text.startswith("[")):
        words = text.removeprefix("[").removesuffix("]").split(",")
        return tuple(_word(word.strip(), field.items) for word in words if word.strip())
    value = scalar(text)
    if type(value) in field.types or (type(value) is int and float in field.types):
        return value
    return str(entry.value)


def _word(word: str, kinds: tuple[type, ...]) -> Any:
    """An item of a list; text where the list holds text, else the scalar that it reads as."""
    value = scalar(word)
    taken = type(value) in kinds or (type(value) is int and float in kinds)
    return value if taken and type(value) is not str else word.strip("'\"")
