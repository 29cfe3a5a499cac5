"""Every text a person reads, in English and Portuguese.

One module per area holds `TEXTS`, a dict from a short name to a :class:`Text`; the key of a text is `area.name`::

    # messages/data.py
    TEXTS = {"empty_file": Text(en="{path} is empty.", pt="{path} está vazio.", hint_en="...", hint_pt="...")}

    messages.text("data.empty_file", path="a.jsonl")

The language comes from :func:`use` (the `--lang` flag), else `AFINAR_LANG`, else the locale, else English. Modules are
imported when one of their texts is first asked for. Values are put in with `str.format`; numbers that a person reads are
formatted by :func:`number` before, which writes a decimal comma in Portuguese.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Literal, NamedTuple

Language = Literal["en", "pt"]
LANGUAGES: tuple[Language, ...] = ("en", "pt")

_chosen: Language | None = None


class Text(NamedTuple):
    """One text in both languages, with an optional hint: what to do next."""

    en: str
    pt: str
    hint_en: str = ""
    hint_pt: str = ""


def use(language: Language | None) -> None:
    """Choose the language for this process; None goes back to the environment's."""
    global _chosen
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language={language!r}; expected one of {', '.join(LANGUAGES)}.")
    _chosen = language


def language() -> Language:
    """The language in force: `use`, else AFINAR_LANG, else the locale (Portuguese only if it says so), else English."""
    if _chosen is not None:
        return _chosen
    for variable in ("AFINAR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "").lower()
        if value:
            return "pt" if value.startswith("pt") else "en"
    return "en"


def lookup(key: str) -> Text:
    """The :class:`Text` of `area.name`. Raises KeyError for a key that no catalogue has."""
    area, _, name = key.partition(".")
    return import_module(f"{__name__}.{area}").TEXTS[name]


def text(key: str, /, **values: Any) -> str:
    """The text of `key` in the language in force, filled with `values`."""
    entry = lookup(key)
    return (entry.pt if language() == "pt" else entry.en).format(**values)


def hint(key: str, /, **values: Any) -> str:
    """The hint of `key` in the language in force, filled with `values`; empty where there is none."""
    entry = lookup(key)
    return (entry.hint_pt if language() == "pt" else entry.hint_en).format(**values)


def number(value: float, digits: int = 2) -> str:
    """`value` for a person: fixed `digits`, thousands grouped, decimal comma in Portuguese."""
    return decimal(f"{value:,.{digits}f}")


def decimal(plain: str) -> str:
    """A number as Python writes it (`1,234.5`, `5e-05`), with the decimal comma in Portuguese."""
    return plain.translate(str.maketrans(",.", ".,")) if language() == "pt" else plain
