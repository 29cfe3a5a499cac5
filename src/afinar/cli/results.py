"""Scores as a table for a person: metrics down, base and adapted across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from afinar import messages
from afinar.cli.context import table

METRICS = (
    "accuracy",
    "f1",
    "f1_macro",
    "precision",
    "recall",
    "perplexity",
    "bits_per_byte",
    "token_accuracy",
    "loss",
)


def scores(result: Mapping[str, Any]) -> Table:
    """The table of `{"base": {...}, "adapted": {...}}`; a plain model has `base` alone, full fine-tuning may have both."""
    sides = [side for side in ("base", "adapted") if result.get(side)]
    names = [name for name in METRICS if any(name in result[side] for side in sides)]
    rows = [[messages.text(f"cli.metric_{name}"), *(_cell(result[side], name) for side in sides)] for name in names]
    return table([messages.text("cli.metric"), *(messages.text(f"cli.{side}") for side in sides)], rows)


def _cell(metrics: Mapping[str, Any], name: str) -> str:
    value = metrics.get(name)
    return "-" if value is None else messages.number(value, 2 if name == "perplexity" else 4)


def whole(value: float) -> str:
    """A count for a person: thousands grouped."""
    return messages.number(value, 0)


def duration(seconds: float) -> str:
    """`8 s`, `2 min 05 s`, `1 h 02 min`: the same in both languages."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"
