"""What a config is made of: documented fields, mappings that stay as they are, and sections that another library names.

`option` is the single source of `--help`, YAML templates and the docs; :class:`FrozenDict` holds what a person writes as
`rank_pattern: {q_proj: 16}`; an :class:`OpenConfig` takes fields that are known only when one of them is chosen.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field, fields
from types import UnionType
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, Union, get_args, get_origin


def option(default: Any, *, en: str, pt: str, choices: tuple[str, ...] | None = None) -> Any:
    """A dataclass field with a default and its documentation: what it means, its unit, and when to change it."""
    return field(default=default, metadata={"en": en, "pt": pt, "choices": choices})


class FrozenDict(dict[str, Any]):
    """A mapping that cannot change, so that a frozen config can hold one and be hashed; lists in it become tuples.

    It is a dict to JSON, YAML and whoever reads it. Raises TypeError on any attempt to write to it.
    """

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /) -> None:
        super().__init__({key: frozen(value) for key, value in dict(values).items()})

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:  # copying and pickling would fill it item by item
        return type(self), (dict(self),)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("A FrozenDict does not change.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


def frozen(value: Any) -> Any:
    """`value` as a frozen config holds it: mappings as :class:`FrozenDict`, lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return value if isinstance(value, FrozenDict) else FrozenDict(value)
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


class OpenField(NamedTuple):
    """A field that another library gives a config: the annotation of its type, its default, and the texts it may be."""

    annotation: Any
    default: Any
    choices: tuple[str, ...] = ()


class OpenConfig:
    """A config whose `settings` are the fields of another library's class, which the field named `chooser` picks.

    In a file they stand beside the config's own fields: `{name: peft, peft_type: VERA, r: 64}`.
    """

    chooser: ClassVar[str]
    settings: FrozenDict

    @classmethod
    def open_fields(cls, chosen: Any) -> dict[str, OpenField]:
        """The fields that there are for a value of `chooser`. Raises ConfigError for an unknown value."""
        raise NotImplementedError


def values_of(config: Any) -> dict[str, Any]:
    """The values of a config by name, from which its class makes it again; an open one's settings stand among them."""
    values = {item.name: getattr(config, item.name) for item in fields(config)}
    if isinstance(config, OpenConfig):
        values |= values.pop("settings")
    return values


PLAIN = (type(None), bool, int, float, str, tuple, dict)
"""The types of the values that a config holds; lists are tuples, mappings are dicts."""


def kinds_of(annotation: Any) -> tuple[type, ...]:
    """The plain types that an annotation allows: `int | None` gives (int, NoneType). Other classes in it are left out."""
    origin = get_origin(annotation) or annotation
    if origin in (UnionType, Union):
        return _once(kind for part in get_args(annotation) for kind in kinds_of(part))
    if origin is Literal:
        return _once(type(value) for value in get_args(annotation))
    if origin is Any:
        return PLAIN
    if not isinstance(origin, type) or issubclass(origin, str | enum.Enum):
        return (str,)
    for kind, plain in ((Mapping, dict), (Sequence, tuple), (Set, tuple)):
        if issubclass(origin, kind):
            return (plain,)
    return (origin,) if origin in PLAIN else ()


def items_of(annotation: Any) -> tuple[type, ...]:
    """The plain types of the items of the lists and of the values of the mappings that an annotation allows; () for any."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return _once(kind for part in args for kind in items_of(part))
    if origin is None or not args or origin is Literal:
        return ()
    return kinds_of(args[1] if issubclass(origin, Mapping) else args[0])


def _once(kinds: Iterable[type]) -> tuple[type, ...]:
    return tuple(dict.fromkeys(kinds))
