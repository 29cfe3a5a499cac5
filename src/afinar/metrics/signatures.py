"""A line that says how a number was made, so that numbers are compared only where they were made alike.

    perplexity|level:token|window:1024|stride:512|bos:yes|eos:no|norm:none|tok:1f3a9c20|dtype:float32|afinar:0.1.0

The idea is sacrebleu's: Post 2018, "A call for clarity in reporting BLEU scores", section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

SYSTEM = frozenset({"dtype", "afinar"})
"""What belongs to the model or the program that was measured, and may differ between two models that are compared."""


@dataclass(frozen=True)
class Signature:
    """How a metric was computed: its name, and (key, value) pairs in the order in which they are written."""

    metric: str
    parts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "|".join([self.metric, *(f"{key}:{value}" for key, value in self.parts)])

    def differs_in(self, other: Signature) -> list[str]:
        """The keys that forbid a comparison: those whose values differ, but for :data:`SYSTEM`."""
        own, others = dict(self.parts), dict(other.parts)
        keys = [key for key in {**own, **others} if key not in SYSTEM and own.get(key) != others.get(key)]
        return keys if self.metric == other.metric else ["metric", *keys]
