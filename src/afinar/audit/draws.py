"""Draws that depend on nothing but their key: the same on every machine, and untouched by what is drawn elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import TypeVar

T = TypeVar("T")


def seed_of(*key: str | int) -> int:
    """64 bits of the SHA-256 of the key's parts, written as a JSON list so that ("a", "bc") and ("ab", "c") differ."""
    return int.from_bytes(sha256(json.dumps(key).encode("ascii")).digest()[:8], "big")


class Draws:
    """A stream of draws under `key`.

    Only `Random.random` is used: of Python's generators it alone is promised to give the same numbers in later versions.
    """

    def __init__(self, *key: str | int) -> None:
        self._random = Random(seed_of(*key))

    def below(self, n: int) -> int:
        """One of 0 … n - 1, equally likely (to within 2^-53)."""
        return int(self._random.random() * n)

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All items in a drawn order."""
        return [items[index] for index in sorted(range(len(items)), key=lambda _: self._random.random())]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` of the items (all, if there are fewer), in their own order."""
        taken = self.shuffled(range(len(items)))[:count]
        return [items[index] for index in sorted(taken)]
