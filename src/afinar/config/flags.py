"""`--training.seed 1`, `--training.seed=1`, `--data.train x.jsonl`: the flags that name a config field."""

from __future__ import annotations

from collections.abc import Sequence

from afinar.config.schema import SECTIONS, fields_of
from afinar.config.sources import known_path
from afinar.config.tree import Entry, Layer, Origin
from afinar.errors import ConfigError


def read_flags(tokens: Sequence[str]) -> Layer:
    """The settings in a command line's dotted flags; of two for one field the later wins.

    A boolean may stand alone (`--evaluation.generate`). Raises ConfigError on a flag that no field has, a flag without
    its value, or a word that belongs to no flag.
    """
    layer: Layer = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--") or token == "--":
            raise ConfigError("config.stray", got=token)
        flag, equals, value = token.partition("=")
        path = known_path(flag.removeprefix("--").replace("-", "_"), flag, _as_flag)
        if not equals:
            if rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            elif path in _booleans():
                value = "true"
            else:
                raise ConfigError("config.no_value", flag=flag)
        layer[path] = Entry(value, Origin("flag", flag), is_text=True)
    return layer


def _as_flag(path: str) -> str:
    return f"--{path}"


def _booleans() -> set[str]:
    return {field.path for name, cls in SECTIONS.items() if cls for field in fields_of(cls, name) if bool in field.types}
