"""Cases counted and what they measure averaged: one model, one set of cases, the case as the unit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from afinar.audit.pairs import StereotypeShare
from afinar.audit.verdicts import Status, Verdict
from afinar.metrics.gaps import GroupGap
from afinar.metrics.intervals import mean_interval, wilson

COUNTED = (Status.PASS, Status.FAIL, Status.ERROR)
"""What a share is a share of; inconclusive and skipped cases are outside of it."""


@dataclass(frozen=True)
class Counts:
    """How many cases ended how. The expansions of a case are one case."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    inconclusive: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Counts:
        """The counts of some verdicts."""
        found = Counter(verdict.status for verdict in verdicts)
        return cls(*(found[status] for status in (*COUNTED, Status.INCONCLUSIVE, Status.SKIPPED)))

    @property
    def n(self) -> int:
        """The cases that the share is of: an error is one that did not pass."""
        return self.passed + self.failed + self.errors

    @property
    def share(self) -> float | None:
        """Passed among those that count; None where none does."""
        return self.passed / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the share (Wilson)."""
        return wilson(self.passed, self.n) if self.n else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the share and its interval."""
        low, high = self.interval or (None, None)
        return {**asdict(self), "n": self.n, "share": self.share, "share_low": low, "share_high": high}


@dataclass(frozen=True)
class Measured:
    """The mean over `n` cases of a number that they measure, with its 95% interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Side:
    """What was found out about one model: cases counted, numbers averaged, groups and stereotypes compared."""

    counts: Counts
    measured: Mapping[str, Measured] = field(default_factory=dict)
    gaps: tuple[GroupGap, ...] = ()
    stereotypes: tuple[StereotypeShare, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what there is none of is left out."""
        more = {
            "measured": {name: asdict(value) for name, value in self.measured.items()},
            "gaps": [gap.as_dict() for gap in self.gaps],
            "stereotypes": [share.as_dict() for share in self.stereotypes],
        }
        return {**self.counts.as_dict(), **{name: value for name, value in more.items() if value}}


def measured(verdicts: Sequence[Verdict], seed: int) -> dict[str, Measured]:
    """The mean of each number that cases measured (bits per byte, shares, gaps), over the cases that have it."""
    found = {}
    for name in dict.fromkeys(name for verdict in verdicts for name in verdict.values):
        values = [verdict.values[name] for verdict in verdicts if math.isfinite(verdict.values.get(name, math.nan))]
        if values:
            low, high = mean_interval(values, seed=seed)
            found[name] = Measured(sum(values) / len(values), low, high, len(values))
    return found
