"""What is wrong with a suite: each problem with its place, all of a file in one error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from afinar import messages
from afinar.audit.reading import Document, Place
from afinar.errors import ConfigError

SHOWN = 8
COUNTED = 100
"""Problems that are looked for; a file with more is not the one that was meant."""
LOCATED = 20
"""Of how many the line is looked up; in a large JSON file that takes a while for each."""
MAX_CHARACTERS = 800
"""Of one problem's text."""


@dataclass(frozen=True)
class Named:
    """Names of the catalogue, put together with "or" in the language in force: a text, a list or a number."""

    keys: tuple[str, ...]

    def __str__(self) -> str:
        words = [messages.text(key) for key in self.keys]
        return f" {messages.text('suites.or')} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as a text of the catalogue, and the place of the value that it is about."""

    place: Place
    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        text, hint = messages.text(self.key, **self.values), messages.hint(self.key, **self.values)
        told = f"{text} {hint}".strip()
        return told if len(told) <= MAX_CHARACTERS else f"{told[: MAX_CHARACTERS - 1]}…"


class Problems(list[tuple[str, Problem]]):
    """Problems with the file and line of each. As text: one a line, the first few, and how many more there are."""

    def __str__(self) -> str:
        shown = [f"{where}: {dotted(problem.place)}{problem}" for where, problem in self[:SHOWN]]
        more = [messages.text("suites.more", count=len(self) - SHOWN)] if len(self) > SHOWN else []
        return "\n".join(shown + more)


def dotted(place: Place) -> str:
    """`cases[3].expect.contains: `; nothing for the whole suite."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    path = "".join(parts).removeprefix(".")
    return f"{path[:200]}: " if path else ""


def shown(value: Any, limit: int = 60) -> str:
    """A value as it is quoted in a message: as JSON writes it, and not more than `limit` characters of it."""
    plain = value is None or isinstance(value, bool | str)
    text = json.dumps(value[:limit] if isinstance(value, str) else value, ensure_ascii=False) if plain else repr(value)
    text = "".join(character if character.isprintable() else " " for character in text[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def fail(document: Document, problems: Iterable[Problem]) -> None:
    """Raise ConfigError (suites.invalid) with the problems, the first ones in the order of their lines; none: return."""
    found = list(islice(problems, COUNTED + 1))
    if not found:
        return
    first = sorted(found[:LOCATED], key=lambda problem: document.line_of(problem.place) or 0)
    placed = Problems((document.where(problem.place), problem) for problem in first)
    placed += [(document.name, problem) for problem in found[LOCATED:COUNTED]]
    count = str(len(found)) if len(found) <= COUNTED else f"{COUNTED}+"
    raise ConfigError("suites.invalid", source=document.name, count=count, problems=placed)
