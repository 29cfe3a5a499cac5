"""Scores as a table for a person: metrics down, base and adapted across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from afinar import messages
from afinar.cli.context import table
from afinar.training.figures import METRICS


def scores(result: Mapping[str, Any]) -> Table:
    """The table of `{"base": {...}, "adapted": {...}}`; a plain model has `base` alone, full fine-tuning may have both."""
    sides = [side for side in ("base", "adapted") if result.get(side)]
    names = [name for name in METRICS if any(name in result[side] for side in sides)]
    rows = [[messages.text(f"core.metric_{name}"), *(_cell(result[side], name) for side in sides)] for name in names]
    return table([messages.text("cli.metric"), *(messages.text(f"cli.{side}") for side in sides)], rows)


def _cell(metrics: Mapping[str, Any], name: str) -> str:
    """The value, with its interval where it has one: `12.18 (11.90–12.47)`."""
    digits = 2 if name == "perplexity" else 4
    if metrics.get(name) is None:
        return "-"
    value = messages.number(metrics[name], digits)
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if low is None or high is None:
        return value
    return f"{value} ({messages.number(low, digits)}–{messages.number(high, digits)})"


def about_intervals(result: Mapping[str, Any]) -> str:
    """What the brackets mean, where the table has any."""
    shown = any(name.endswith("_low") for side in ("base", "adapted") for name in result.get(side, {}))
    return messages.text("cli.intervals") if shown else ""


def whole(value: float) -> str:
    """A count for a person: thousands grouped."""
    return messages.number(value, 0)
