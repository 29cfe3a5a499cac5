"""Base and adapted model side by side, asked the same: with one model in memory where its adapter can be switched off.

pair = compare(load("runs/..."))
pair.generate("Por que o céu é azul?")     # Answers(base="...", adapted="...")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from afinar.errors import ConfigError
from afinar.run.session import Message, Session, load_base


class Answers(NamedTuple):
    """What each side says to the same prompt."""

    base: str
    adapted: str


@dataclass(frozen=True)
class Comparison:
    """An adapted model and its base. beside: the base loaded a second time, where the method overwrote it; else None."""

    adapted: Session
    beside: Session | None = None

    @contextmanager
    def base(self) -> Iterator[Session]:
        """The base as a session, while inside; the adapted one must not be used meanwhile."""
        if self.beside is not None:
            yield self.beside
            return
        with self.adapted.base():
            yield self.adapted

    def generate(self, prompt: str | Sequence[Message], **options: Any) -> Answers:
        """Both answers to `prompt`, encoded once by the adapted model's rule, with the same sampling and seed."""
        with self.base() as session:
            base = session.generate(prompt, **options)
        return Answers(base, self.adapted.generate(prompt, **options))


def compare(session: Session, *, offline: bool = False) -> Comparison:
    """The session beside its base, which is loaded where the method cannot be switched off (full fine-tuning).

    Raises ConfigError for a plain model, which has no other side.
    """
    if session.method is None:
        raise ConfigError("run.nothing_to_compare", got=session.base_model.name)
    return Comparison(session, None if session.method.switchable else load_base(session, offline=offline))
