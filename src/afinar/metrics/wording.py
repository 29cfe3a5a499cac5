"""What was measured, in modest words: the finding of a comparison, a p-value, a value with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from afinar import messages

_SCALE_100 = ("bleu", "chrf")
LEAST_P = 0.001


def finding(difference: Mapping[str, Any]) -> str:
    """A :class:`~afinar.metrics.difference.Difference` as a phrase: `better, p = 0.003`, `no difference found at n = 60`."""
    code = str(difference["finding"])
    p = difference.get("p")
    return messages.text(f"scores.found_{code}", p="" if p is None else p_value(p), n=messages.number(difference["n"], 0))


def p_value(p: float) -> str:
    """`p = 0.031`, and `p < 0.001` below that: more digits would claim more than a test can tell."""
    if p < LEAST_P:
        return messages.text("scores.p_below", value=messages.number(LEAST_P, 3))
    return messages.text("scores.p", value=messages.number(p, 3))


def digits(metric: str, value: float) -> int:
    """How many decimals of `value` a person reads: a share has three, a perplexity fewer the larger it is."""
    if metric.endswith("perplexity"):
        return 2 if value < 100 else 1 if value < 10_000 else 0
    return 1 if metric in _SCALE_100 else 3


def with_interval(metric: str, measured: Mapping[str, Any], name: str | None = None) -> str:
    """`12.18 (11.90–12.47)`; the value alone where no interval is known, `-` where there is no value.

    measured: holds the value as `name` (by default the metric's own) and its ends as `<name>_low` and `<name>_high`.
    """
    name = name or metric
    value = measured.get(name)
    if value is None:
        return "-"
    places = digits(metric, value)
    told, ends = messages.number(value, places), _ends(measured.get(f"{name}_low"), measured.get(f"{name}_high"))
    if not ends:
        return told
    low, high = (messages.number(end, places) for end in ends)
    between = f"{low}–{high}" if ends[0] >= 0 else messages.text("scores.from_to", low=low, high=high)
    return f"{told} ({between})"


def signed_interval(metric: str, difference: Mapping[str, Any]) -> str:
    """A difference with its sign and interval: `+0.358 (+0.253 to +0.463)`."""
    value, ends = difference["difference"], _ends(difference.get("low"), difference.get("high"))
    places = digits(metric, max(abs(number) for number in (value, *ends)))
    told, shown = _signed(value, places), [_signed(end, places) for end in ends]
    return f"{told} ({messages.text('scores.from_to', low=shown[0], high=shown[1])})" if shown else told


def _ends(low: float | None, high: float | None) -> tuple[float, ...]:
    """The two ends of an interval that says something: one row alone has none, or one that reaches to infinity."""
    return (low, high) if low is not None and high is not None and math.isfinite(low) and math.isfinite(high) else ()


def _signed(value: float, places: int) -> str:
    told = messages.number(value, places)
    if not any(character in "123456789" for character in told):
        return told.removeprefix("-")
    return told if value < 0 else f"+{told}"
