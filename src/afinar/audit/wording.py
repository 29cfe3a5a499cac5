"""Reasons in words: the texts of the catalogue with numbers as a person writes them."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.audit.asking import Number
from afinar.audit.verdicts import Reason
from afinar.metrics.wording import p_value


def told(reason: Reason) -> str:
    """The text of a reason in the language in force."""
    return messages.text(reason.key, **{name: _written(name, value) for name, value in reason.values.items()})


def share(value: float) -> str:
    """A share as a percentage: `87.5%`."""
    return f"{messages.number(100 * value, 1)}%"


def _written(name: str, value: Any) -> Any:
    if isinstance(value, Number) or not isinstance(value, float):
        return value  # text, counts, and numbers that write themselves
    if name == "p":
        return p_value(value)
    if "share" in name.split("_"):
        return share(value)
    return messages.number(value, 3)
