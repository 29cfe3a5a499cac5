"""`--training.seed 1`, `--training.seed=1`, `--data.train x.jsonl`: the flags that name a config field."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from afinar.config.schema import SECTIONS, fields_of
from afinar.config.sources import known_path
from afinar.config.tree import Entry, Layer, Origin
from afinar.errors import ConfigError
from afinar.yaml12 import scalar

_WITHOUT_DOT = (*SECTIONS, "output")  # a section alone is a mistake, better told by the loader than by the parser


def is_setting(token: str) -> bool:
    """Whether a word of a command line is such a flag: `--section.field`, `--section` or `--output`."""
    name = token.removeprefix("--").partition("=")[0]
    return token.startswith("--") and ("." in name.strip(".") or name in _WITHOUT_DOT)


def split_settings(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """The config flags of a command line with their values, and everything else; nothing after `--` is a flag."""
    settings: list[str] = []
    others: list[str] = []
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if token == "--":
            return settings, [*others, token, *rest]
        if not is_setting(token):
            others.append(token)
            continue
        settings.append(token)
        if "=" not in token and rest and _is_value(rest[0], token):
            settings.append(rest.pop(0))
    return settings, others


def read_flags(tokens: Sequence[str]) -> Layer:
    """The settings in a command line's config flags; of two for one field the later wins.

    A field that is true or false may stand alone (`--evaluation.generate`); a mapping is written whole
    (`--method.rank_pattern "{q_proj: 16}"`) or by its keys (`--method.rank_pattern.q_proj 16`).

    Raises ConfigError on a flag that no field has, a flag without its value, or a word that belongs to no flag.
    """
    layer: Layer = {}
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--") or token == "--":
            raise ConfigError("config.stray", got=token)
        flag, equals, value = token.partition("=")
        path = known_path(_path(flag), flag, _as_flag)
        if not equals:
            if rest and _is_value(rest[0], flag):
                value = rest.pop(0)
            elif path in _switches():
                value = "true"
            else:
                raise ConfigError("config.no_value", flag=flag)
        for key in [known for known in layer if known.startswith(f"{path}.")]:
            del layer[key]  # the whole mapping, after some of its keys
        layer[path] = Entry(value, Origin("flag", flag), is_text=True)
    return layer


def _is_value(token: str, flag: str) -> bool:
    """Whether `token` is the value of the `flag` before it; a switch takes only true and false, so that a word may follow."""
    if _path(flag) in _switches():
        return isinstance(scalar(token), bool)
    return not token.startswith("--")


def _path(flag: str) -> str:
    """Section and field with underscores; a key of a mapping after them stays as it is written."""
    section, *rest = flag.removeprefix("--").split(".", 2)
    return ".".join([section.replace("-", "_"), *(part.replace("-", "_") for part in rest[:1]), *rest[1:]])


def _as_flag(path: str) -> str:
    return f"--{path}"


@functools.cache
def _switches() -> frozenset[str]:
    return frozenset(
        field.path for name, cls in SECTIONS.items() if cls for field in fields_of(cls, name) if field.types == (bool,)
    )
