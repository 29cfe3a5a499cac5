"""What is wrong with a suite: each problem with its place, all of a file in one error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from afinar import messages
from afinar.audit.reading import Document, Place
from afinar.errors import ConfigError

SHOWN = 8


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
        return f"{text} {hint}".strip()


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


def fail(document: Document, problems: Sequence[Problem]) -> None:
    """Raise ConfigError (suites.invalid) with all the problems, in the order of their lines; none: return."""
    if problems:
        placed = Problems((document.where(problem.place), problem) for problem in problems)
        placed.sort(key=lambda item: document.line_of(item[1].place) or 0)
        raise ConfigError("suites.invalid", source=document.name, count=len(placed), problems=placed)
