"""A classifier's classes for a person: what is taken for what, each class by itself, and when to leave a row unanswered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.cli.context import Context, table
from afinar.cli.results import SIDES, whole

MOST_CONFUSIONS = 10


def show_classes(result: Mapping[str, Any], context: Context, titles: Sequence[str] = SIDES) -> None:
    """Print the confusion of each side, then the classes and the thresholds of the model itself; nothing for other models."""
    classes = result.get("classes")
    if not classes:
        return
    heads = ["scores.model"] if len(classes) == 1 else [f"scores.{title}" for title in titles]
    shown = [_confusion(classes[side], messages.text(head)) for side, head in zip(classes, heads, strict=True)]
    context.say()
    context.show(Text(messages.text("scores.confusion")))
    if all(context.fits(matrix) for matrix in shown):
        context.show(Columns(shown, padding=(0, 4)))
    else:
        context.show(_most_confused(classes))
    own = classes[list(classes)[-1]]
    context.say()
    context.show(_by_class(own["per_class"]))
    context.say()
    context.show(_abstaining(own["abstaining"]))


def _confusion(classes: Mapping[str, Any], title: str) -> Table:
    """Labels down, predictions across; the corner says whose they are."""
    rows = [[label, *map(whole, counts)] for label, counts in zip(classes["labels"], classes["confusion"], strict=True)]
    return table([title, *classes["labels"]], rows, gap=2)


def _most_confused(classes: Mapping[str, Any]) -> Table:
    """The commonest mistakes of the model, where its classes are too many for a matrix."""
    own = classes[list(classes)[-1]]
    names, counts = own["labels"], own["confusion"]
    mistakes = [
        (counts[row][column], names[row], names[column])
        for row in range(len(names))
        for column in range(len(names))
        if row != column and counts[row][column]
    ]
    worst = sorted(mistakes, key=lambda mistake: -mistake[0])[:MOST_CONFUSIONS]
    columns = [messages.text(f"scores.{key}") for key in ("confusion_label", "confusion_prediction", "rows")]
    made = table(columns, [[label, prediction, whole(count)] for count, label, prediction in worst], gap=2)
    made.columns[1].justify = "left"
    return made


def _by_class(reports: Sequence[Mapping[str, Any]]) -> Table:
    columns = [messages.text("scores.class"), messages.text("scores.rows")]
    columns += [messages.text(f"core.metric_{name}") for name in ("precision", "recall")] + ["F1"]
    rows = [
        [report["label"], whole(report["support"]), *(_figure(report, name) for name in ("precision", "recall", "f1"))]
        for report in reports
    ]
    return table(columns, rows, gap=2)


def _figure(report: Mapping[str, Any], name: str) -> str:
    """`0.87 (0.70–0.95)`: a class has few rows, so two decimals say enough; `-` where no row tells."""
    interval = report[f"{name}_interval"]
    if interval is None:
        return "-"
    return f"{messages.number(report[name])} ({'–'.join(messages.number(end) for end in interval)})"


def _abstaining(found: Sequence[Mapping[str, Any]]) -> Table:
    """For each accuracy asked: where to set the threshold, which rows are left, and what these rows are evidence for."""
    columns = [messages.text(f"scores.abstain_{key}") for key in ("asked", "threshold", "kept", "right", "proven")]
    rows = []
    for row in found:
        reached, proven = row["reached"], row["proven"]
        cells = (
            ["-"] * 3 if reached is None else [_threshold(reached), _share(reached, "coverage"), _share(reached, "accuracy")]
        )
        rows.append([_percent(row["asked"]), *cells, "-" if proven is None else _threshold(proven)])
    return table(columns, rows, gap=2)


def _threshold(kept: Mapping[str, Any]) -> str:
    return f"≥ {messages.number(kept['threshold'], 3)}"


def _share(kept: Mapping[str, Any], name: str) -> str:
    low, high = (_percent(kept[f"{name}_{end}"]).removesuffix("%") for end in ("low", "high"))
    return f"{_percent(kept[name])} ({low}–{high})"


def _percent(share: float) -> str:
    return f"{messages.number(100 * share, 0)}%"
