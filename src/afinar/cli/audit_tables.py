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
    for about in (_passages(suite), _groups(suite, bool(baseline), context), _stereotypes(suite, bool(baseline))):
        if about is not None:
            context.say()
            context.show(about)
    notes = [*_outside(suite), *_beside(suite), *_leaks(suite, report["strict"]), messages.text("audit.footnote")]
    context.say()
    for style, line in _warnings(suite):
        _paragraph(line, context, style)
    for line in notes:
        _paragraph(line, context, "dim")
    if suite["gates"]:
        context.say()
        context.say(messages.text("audit.gates"), style="bold")
        for gate in suite["gates"]:
            context.show(_gate(gate))


# --- categories ----------------------------------------------------------------------------------------------------


def _show_categories(suite: Mapping[str, Any], compared: bool, context: Context) -> None:
    """One table where it fits, else the shares first and what became of them below."""
    rows: dict[str, Mapping[str, Any]] = dict(suite["categories"])
    if len(rows) > 1:
        rows[messages.text("audit.overall")] = suite["overall"]
    heads = [messages.text("audit.category")]
    if not compared:
        cells = [[name, passed(each["model"])] for name, each in rows.items()]
        context.show(table([*heads, messages.text("audit.passed")], cells))
        return
    sides = [messages.text("audit.passed_before"), messages.text("audit.passed_after")]
    changes = [messages.text("audit.changed"), messages.text("scores.finding")]
    shares: list[Row] = [[name, passed(each["baseline"]), passed(each["model"])] for name, each in rows.items()]
    found: list[Row] = [_change(each.get("comparison")) for each in rows.values()]
    both: list[Row] = [[*one, *other] for one, other in zip(shares, found, strict=True)]
    wide = _left(table([*heads, *sides, *changes], both, gap=2))
    if context.out.measure(wide).maximum <= context.out.width:
        context.show(wide)
        return
    context.show(table([*heads, *sides], shares, gap=2))
    context.say()
    context.show(_left(table([*heads, *changes], [[one[0], *other] for one, other in zip(shares, found, strict=True)], gap=2)))


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
    p = test.get("p_holm", test.get("p"))
    told = messages.text(f"audit.found_{test['finding']}", p="" if p is None else p_value(p), n=messages.number(test["n"], 0))
    return Text(told, style=STYLES.get(test["finding"], ""))


def _left(made: Table) -> Table:
    made.columns[-1].justify = "left"
    return made


# --- passages, groups, stereotypes ---------------------------------------------------------------------------------


def _passages(suite: Mapping[str, Any]) -> Table | None:
    """Bits per byte of running text, before and after."""
    rows: list[Row] = []
    for name, each in suite["categories"].items():
        test = each.get("measured_comparison")
        if test is None:
            continue
        sides = [each[side]["measured"]["bits_per_byte"] for side in ("baseline", "model")]
        rows.append([name, *(_interval(one["mean"], one["low"], one["high"]) for one in sides), _finding(test)])
    heads = ["audit.category", "audit.bits_before", "audit.bits_after", "scores.finding"]
    return _left(table([messages.text(head) for head in heads], rows, gap=2)) if rows else None


def _groups(suite: Mapping[str, Any], compared: bool, context: Context) -> Table | None:
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
    heads = [messages.text(head) for head in ("audit.attribute", "audit.groups", *sides, "scores.finding")]
    if not rows:
        return None
    made = _left(table(heads, rows, gap=2))
    made.columns[1].justify = "left"
    return made


def _stereotypes(suite: Mapping[str, Any], compared: bool) -> Table | None:
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
    heads = [messages.text(head) for head in ("audit.attribute", *sides, "scores.finding")]
    return _left(table(heads, rows, gap=2)) if rows else None


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
    """Per category what ended neither passed nor failed."""
    for name, each in suite["categories"].items():
        told = [
            messages.text(f"audit.count_{kind}", count=whole(each["model"][kind])) for kind in OUTSIDE if each["model"][kind]
        ]
        if told:
            yield f"{name}: {', '.join(told)}."


def _beside(suite: Mapping[str, Any]) -> Iterator[str]:
    """The capability that a category of bias or content is read together with."""
    for name, each in suite["categories"].items():
        other = suite["categories"].get(each.get("beside"))
        if other is not None:
            yield messages.text("audit.beside", category=name, other=each["beside"], passed=passed(other["model"]))


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
