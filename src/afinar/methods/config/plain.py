"""Full fine-tuning and the trained head: techniques without settings of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Full:
    """Full fine-tuning: every weight trains, with float32 master values."""

    name: ClassVar[str] = "full"


@dataclass(frozen=True, kw_only=True)
class Head:
    """A trained classification head on a frozen base."""

    name: ClassVar[str] = "head"
