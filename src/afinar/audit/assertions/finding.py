"""What one assertion found in one answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from afinar.audit.verdicts import Reason, Status


class Finding(NamedTuple):
    """A status, why, and whether a pass shows that the model did something (not only that it left something undone)."""

    status: Status
    reason: Reason | None = None
    shows_answer: bool = False


def passed(*, shows_answer: bool) -> Finding:
    """The assertion holds."""
    return Finding(Status.PASS, None, shows_answer)


def failed(key: str, **values: Any) -> Finding:
    """The assertion does not hold."""
    return Finding(Status.FAIL, Reason(key, values))


def undecided(key: str, **values: Any) -> Finding:
    """More tokens, or another answer, would be needed to tell."""
    return Finding(Status.INCONCLUSIVE, Reason(key, values))


def error(key: str, **values: Any) -> Finding:
    """The assertion could not be checked."""
    return Finding(Status.ERROR, Reason(key, values))


SEVEREST = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS)
"""What holds of several: one failure settles it; an error is never a pass."""


def worst(statuses: Iterable[Status]) -> Status:
    """The severest of `statuses`. Raises ValueError where there is none: nothing was asserted."""
    found = set(statuses)
    for status in SEVEREST:
        if status in found:
            return status
    raise ValueError("No status; expected at least one.")
