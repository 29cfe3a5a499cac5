"""The cases of an audit that say most, with their texts and answers: first what broke, then what failed, of every category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from rich.text import Text

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.results import whole

SHOWN = 5
LONGEST = 400
"""Characters of a text or an answer."""
Line = Mapping[str, Any]


def show_failures(lines: Sequence[Line], context: Context) -> None:
    """Print up to five cases that the model failed; `lines` are those of audit.jsonl."""
    failed = [line for line in lines if line["role"] == "model" and line["status"] in ("fail", "error")]
    if not failed:
        return
    chosen = _worst(failed, {(line["suite"], line["case"]): line for line in lines if line["role"] == "baseline"})[:SHOWN]
    context.say()
    context.say(messages.text("audit.failures", shown=whole(len(chosen)), count=whole(len(failed))), style="bold")
    for line, broke in chosen:
        _show(line, broke, context)


def _worst(failed: Sequence[Line], before: Mapping[tuple[str, str], Line]) -> list[tuple[Line, bool]]:
    """Cases that had passed before, then the others; within each one of every category in turn."""
    broke = [line for line in failed if before.get((line["suite"], line["case"]), {}).get("status") == "pass"]
    others = [line for line in failed if line not in broke]
    return [(line, True) for line in _in_turn(broke)] + [(line, False) for line in _in_turn(others)]


def _in_turn(lines: Sequence[Line]) -> Iterator[Line]:
    categories: dict[str, list[Line]] = {}
    for line in lines:
        categories.setdefault(f"{line['suite']}\n{line['category']}", []).append(line)
    for round_ in zip_longest(*categories.values()):
        yield from (line for line in round_ if line is not None)


def _show(line: Line, broke: bool, context: Context) -> None:
    own = str(line["case"])
    title = Text(own if own.startswith(line["category"]) else f"{line['category']} · {own}")
    if broke:
        title.append(f"  {messages.text('audit.passed_then')}", style="red")
    context.show(title)
    shown = next((each for each in line["expansions"] if each["status"] in ("fail", "error")), None)
    if shown is not None:
        kind = f"[{shown['kind']}] " if shown["kind"] != "input" else ""
        context.show(Text(f"  {kind}{_short(shown['text'])}"))
        answer = Text(f"  → {_short(shown['response']) or messages.text('audit.empty')}")
        if shown["truncated"]:
            answer.append(f" {messages.text('audit.truncated')}", style="dim")
        context.show(answer)
    for reason in line["reasons"][:2]:
        context.show(Text(f"  {_short(reason['text'])}", style="dim"))


def _short(text: str) -> str:
    """On one line, cut where it is long, with characters that would move the terminal's cursor written out."""
    plain = "".join(one if one.isprintable() or one.isspace() else repr(one)[1:-1] for one in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + "…"
