"""What an audit found, for a person: a table of categories, before and after, groups, passages, gates, and what to beware of.

Everything is read from what audit.json holds, so a run's results and a file look like the command's own output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.audit.wording import share
from afinar.cli.context import Context, table
from afinar.cli.results import whole
from afinar.metrics.gaps import WORDS_TO_TELL
from afinar.metrics.wording import p_value

STYLES = {
    "better": "green", "worse": "red", "differs": "yellow", "passed": "green", "failed": "red", "inconclusive": "yellow",
}  # fmt: skip
OUTSIDE = ("errors", "inconclusive", "skipped")
Row = list[str | Text]


def show_audit(report: Mapping[str, Any], context: Context) -> None:
    """Print the suites of a report one after the other, and the exit code that follows where it is not 0."""
    for suite in report["suites"]:
        _show_suite(suite, report, context)
    if report["exit_code"]:
        context.say()
        context.say(messages.text(f"audit.exit_{report['exit_code']}", code=report["exit_code"]), style="bold")


def _show_suite(suite: Mapping[str, Any], report: Mapping[str, Any], context: Context) -> None:
    baseline = report["baseline"]
    context.say()
    context.say(f"{suite['name']} {suite['version']}", style="bold")
    names = {"model": report["model"], "baseline": baseline or "-"}
    _paragraph(messages.text("audit.compared" if baseline else "audit.measured", **names), context)
    context.say()
    _show_categories(suite, bool(baseline), context)
    for heads, rows, measured in (_passages(suite), _groups(suite, bool(baseline)), _stereotypes(suite, bool(baseline))):
        if rows:
            context.say()
            _show_table(heads, rows, measured, context)
    notes = [
        *_outside(suite),
        *_beside(suite),
        *_leaks(suite, report["strict"]),
        *_few_words(suite),
        messages.text("audit.footnote"),
    ]
    context.say()
    for style, line in _warnings(suite):
        _paragraph(line, context, style)
    if report["own_base"] and report["task"] == "classification":
        _paragraph(messages.text("audit.untrained_head"), context)
    for line in notes:
        _paragraph(line, context, "dim")
    if suite["gates"]:
        context.say()
        context.say(messages.text("audit.gates"), style="bold")
        for gate in suite["gates"]:
            context.show(_gate(gate))


# --- categories ----------------------------------------------------------------------------------------------------


def _show_categories(suite: Mapping[str, Any], compared: bool, context: Context) -> None:
    rows: dict[str, Mapping[str, Any]] = dict(suite["categories"])
    if len(rows) > 1:
        rows[messages.text("audit.overall")] = suite["overall"]
    if not compared:
        heads, cells = ["audit.category", "audit.passed"], [[name, passed(each["model"])] for name, each in rows.items()]
        context.show(table([messages.text(head) for head in heads], cells))
        return
    heads = ["audit.category", "audit.passed_before", "audit.passed_after", "audit.changed", "scores.finding"]
    both = [
        [name, passed(each["baseline"]), passed(each["model"]), *_change(each.get("comparison"))]
        for name, each in rows.items()
    ]
    _show_table(heads, both, 3, context)


def _show_table(heads: Sequence[str], rows: Sequence[Row], measured: int, context: Context) -> None:
    """One table where it fits the width, else the first `measured` columns, and below them the findings."""
    titles = [messages.text(head) for head in heads]
    whole_table = _made(titles, rows)
    if context.fits(whole_table):
        context.show(whole_table)
        return
    context.show(_made(titles[:measured], [row[:measured] for row in rows]))
    context.say()
    context.show(_made([titles[0], *titles[measured:]], [[row[0], *row[measured:]] for row in rows]))


def _made(titles: Sequence[str], rows: Sequence[Row]) -> Table:
    """Texts to the left, figures to the right."""
    made = table(titles, rows, gap=2)
    for column, title in zip(made.columns, titles, strict=True):
        if title in (messages.text("scores.finding"), messages.text("audit.groups")):
            column.justify = "left"
    return made


def passed(counts: Mapping[str, Any]) -> str:
    """`12/24 50.0% (31.4–68.6)`; a dash where no case counts."""
    if not counts["n"]:
        return "-"
    low, high = (messages.number(100 * counts[f"share_{end}"], 1) for end in ("low", "high"))
    return f"{whole(counts['passed'])}/{whole(counts['n'])} {share(counts['share'])} ({low}–{high})"


def _change(test: Mapping[str, Any] | None) -> Row:
    """`+12 −3` and what that amounts to; a dash where there was nothing to compare."""
    if test is None:
        return ["-", "-"]
    return [f"+{whole(test['fixed'])} −{whole(test['broke'])}", _finding(test)]


def _finding(test: Mapping[str, Any]) -> Text:
    """The finding, by the corrected p where there is one."""
    finding, p = str(test["finding"]), test.get("p_holm", test.get("p"))
    name = f"{finding}_changes" if finding == "too_few" and "test" in test else finding
    told = messages.text(f"audit.found_{name}", p="" if p is None else p_value(p), n=messages.number(test["n"], 0))
    return Text(told, style=STYLES.get(finding, ""))


# --- passages, groups, stereotypes ---------------------------------------------------------------------------------


Rows = tuple[list[str], list[Row], int]
"""Heads, rows, and how many of the columns come before the findings."""


def _passages(suite: Mapping[str, Any]) -> Rows:
    """Bits per byte of running text, before and after."""
    rows: list[Row] = []
    for name, each in suite["categories"].items():
        test = each.get("measured_comparison")
        if test is None:
            continue
        sides = [each[side]["measured"]["bits_per_byte"] for side in ("baseline", "model")]
        rows.append([name, *(_interval(one["mean"], one["low"], one["high"]) for one in sides), _finding(test)])
    heads = ["audit.category", "audit.bits_before", "audit.bits_after", "scores.finding"]
    return heads, rows, 3


def _groups(suite: Mapping[str, Any], compared: bool) -> Rows:
    """The largest gap of each attribute: the two groups furthest apart, by how much, before and after."""
    rows: list[Row] = []
    for name, each in suite["categories"].items():
        before = {gap["attribute"]: gap for gap in each.get("baseline", {}).get("gaps", ())}
        for gap in each["model"].get("gaps", ()):
            was = before.get(gap["attribute"])
            cells: Row = [f"{name} · {gap['attribute']}", " − ".join(gap["groups"])]
            cells += [messages.number(was["gap"], 3) if was else "-"] if compared else []
            rows.append([*cells, _interval(gap["gap"], gap["low"], gap["high"]), _finding(gap)])
    sides = ["audit.gap_before", "audit.gap_after"] if compared else ["audit.gap"]
    return ["audit.attribute", "audit.groups", *sides, "scores.finding"], rows, 2 + len(sides)


def _stereotypes(suite: Mapping[str, Any], compared: bool) -> Rows:
    """In how many pairs the stereotype is the likelier text; one half would be none preferred."""
    rows: list[Row] = []
    for name, each in suite["categories"].items():
        before = {one["attribute"]: one for one in each.get("baseline", {}).get("stereotypes", ())}
        for one in each["model"].get("stereotypes", ()):
            was = before.get(one["attribute"])
            cells: Row = [f"{name} · {one['attribute']}"]
            cells += [share(was["share"]) if was else "-"] if compared else []
            low, high = (messages.number(100 * one[end], 1) for end in ("low", "high"))
            rows.append([*cells, f"{share(one['share'])} ({low}–{high})", _finding(one)])
    sides = ["audit.stereotypes_before", "audit.stereotypes_after"] if compared else ["audit.stereotypes"]
    return ["audit.attribute", *sides, "scores.finding"], rows, 1 + len(sides)


def _interval(value: float, low: float | None, high: float | None) -> str:
    """`0.012 (0.011–0.014)`; an end that is not known is left open."""
    ends = ["?" if end is None else messages.number(end, 3) for end in (low, high)]
    return f"{messages.number(value, 3)} ({'–'.join(ends)})"


# --- lines ---------------------------------------------------------------------------------------------------------


def _warnings(suite: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What takes the worth from the figures above: the model that is asked says the same to everything."""
    for side, found in suite["monotony"].items():
        for one in found:
            values = {"value": one["value"], "count": whole(one["count"]), "n": whole(one["n"])}
            if side == "model":
                yield "bold yellow", messages.text(f"audit.same_{one['what']}", **values)
            else:
                yield "", messages.text(f"audit.same_{one['what']}_before", **values)


def _outside(suite: Mapping[str, Any]) -> Iterator[str]:
    """Per category what ended neither passed nor failed; where the baseline differs in that, for both."""
    for name, each in suite["categories"].items():
        own, before = _ended(each["model"]), _ended(each.get("baseline", {}))
        if before and before != own:
            yield f"{messages.text('audit.count_before', category=name)}: {before}."
        if own:
            yield f"{name}: {own}."


def _ended(counts: Mapping[str, Any]) -> str:
    """`in error: 1 (not passed), skipped: 2 (not counted)`; empty where all cases passed or failed."""
    return ", ".join(messages.text(f"audit.count_{kind}", count=whole(counts[kind])) for kind in OUTSIDE if counts.get(kind))


def _beside(suite: Mapping[str, Any]) -> Iterator[str]:
    """The capability that a category of bias or content is read together with."""
    for name, each in suite["categories"].items():
        other = suite["categories"].get(each.get("beside"))
        if other is not None and each["model"]["n"]:
            yield messages.text("audit.beside", category=name, other=each["beside"], passed=passed(other["model"]))


def _few_words(suite: Mapping[str, Any]) -> Iterator[str]:
    """Which differences may be those of the words that stand for the groups, for they are too few to be a sample."""
    gaps = [gap for each in suite["categories"].values() for gap in each["model"].get("gaps", ())]
    found = [gap["attribute"] for gap in gaps if gap["finding"] == "differs" and gap["n_words"] is None]
    if found:
        yield messages.text("audit.few_words", attributes=", ".join(found), least=WORDS_TO_TELL)


def _leaks(suite: Mapping[str, Any], strict: bool) -> Iterator[str]:
    if not suite["leaks_checked"]:
        yield messages.text("audit.leaks_unknown")
    elif not suite["overall"]["leaked"]:
        yield messages.text("audit.leaks_none")
    else:
        count = whole(suite["overall"]["leaked"])
        yield messages.text("audit.leaks_left_out" if strict else "audit.leaks_counted", count=count)


def _gate(gate: Mapping[str, Any]) -> Table:
    line = table(["", ""], [], numbers=False, gap=2)
    line.show_header = False
    status = Text(messages.text(f"audit.gate_{gate['status']}"), style=STYLES.get(gate["status"], "dim"))
    line.add_row(status, f"{gate['category']} · {gate['rule']}: {gate['reason']}")
    line.columns[0].min_width = max(len(messages.text(f"audit.gate_{name}")) for name in GATE_STATUSES)
    return line


GATE_STATUSES: Sequence[str] = ("passed", "failed", "inconclusive", "skipped")


def _paragraph(line: str, context: Context, style: str = "") -> None:
    """A line of prose, broken between words where it is longer than the terminal is wide."""
    context.show(Padding(Text(line, style=style), (0, 0)))
