"""Scores for a person: metrics down, the two sides across, what the paired comparison found beside or below.

On a terminal that is wide enough it is one table; on a narrow one the comparison is a second table under the scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.cli.context import Context, table
from afinar.metrics.wording import finding, signed_interval, with_interval
from afinar.training.figures import METRICS, label

SIDES = ("base", "adapted")
NAMED = ("baseline", "model")  # what the sides are called where any two models are compared
HEADLINES = tuple(
    name
    for name in METRICS
    if name not in ("precision", "recall", "precision_macro", "recall_macro", "brier", "aurc", "byte_perplexity")
)
"""What a run's closing table shows; the rest is in results.json."""
_STYLES = {"better": "green", "worse": "red"}


def show_scores(
    result: Mapping[str, Any], context: Context, titles: Sequence[str] = SIDES, names: Sequence[str] = METRICS
) -> None:
    """Print the scores of `{"base": {...}, "adapted": {...}, "comparison": {...}}` and, where rows flipped, how many.

    A plain model has `base` alone. titles: the names of the two columns in the catalogue. names: the metrics that are shown.
    """
    sides = [side for side in SIDES if result.get(side)]
    heads = ["scores.value"] if len(sides) == 1 else [f"scores.{title}" for title in titles]
    columns = [messages.text("scores.metric"), *(messages.text(head) for head in heads)]
    known = [name for name in names if any(result[side].get(name) is not None for side in sides)]
    rows: dict[str, list[str | Text]] = {
        name: [_label(name), *(with_interval(name, result[side]) for side in sides)] for name in known
    }
    compared = {name: found for name, found in result.get("comparison", {}).items() if name in rows}
    _show_together(columns, rows, compared, context)
    for name, found in compared.items():
        if found.get("fixed") is not None:
            context.show(Text(_flips(name, found)))


def _label(name: str) -> str:
    """The name of a metric of ours; that of another program's as it is."""
    return label(name) if name in METRICS else name


def _show_together(
    columns: list[str], rows: dict[str, list[str | Text]], compared: Mapping[str, Mapping[str, Any]], context: Context
) -> None:
    """One table where it fits the width, else the scores first and the comparison below."""
    if not compared:
        context.show(table(columns, list(rows.values())))
        return
    found: dict[str, list[str | Text]] = {
        name: [signed_interval(name, difference), _finding(difference)] for name, difference in compared.items()
    }
    heads = [messages.text("scores.difference"), messages.text("scores.finding")]
    whole_rows = [[*row, *found.get(name, ["", Text()])] for name, row in rows.items()]
    wide = _findings_left(table([*columns, *heads], whole_rows, gap=2))
    if context.fits(wide):
        context.show(wide)
        return
    context.show(table(columns, list(rows.values()), gap=2))
    context.say()
    context.show(
        _findings_left(table([columns[0], *heads], [[rows[name][0], *cells] for name, cells in found.items()], gap=2))
    )


def _findings_left(made: Table) -> Table:
    """The last column to the left, and the only one whose cells may take two lines."""
    made.columns[-1].justify = "left"
    for column in made.columns[:-1]:
        column.no_wrap = True
    return made


def _finding(difference: Mapping[str, Any]) -> Text:
    return Text(finding(difference), style=_STYLES.get(difference["finding"], ""))


def _flips(name: str, difference: Mapping[str, Any]) -> str:
    counts = {side: whole(difference[side]) for side in ("fixed", "broke")}
    return messages.text("scores.flips", metric=_label(name), **counts)


def footer(result: Mapping[str, Any], *first: str) -> str:
    """The line under a table: `first` (on how many rows of what), what the brackets mean, how the two were compared."""
    parts = [*first]
    if any(name.endswith("_low") for side in SIDES for name in result.get(side, {})):
        parts.append(messages.text("scores.intervals"))
    if result.get("comparison"):
        parts.append(messages.text("scores.paired"))
    return " · ".join(parts)


def whole(value: float) -> str:
    """A count for a person: thousands grouped."""
    return messages.number(value, 0)
