"""`afinar quickstart`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from afinar import messages
from afinar.cli.context import Context, table
from afinar.cli.libraries import quieten
from afinar.cli.progress import reporting
from afinar.cli.results import SIDES
from afinar.metrics.wording import digits, finding

LONGEST_ANSWER = 300


def quickstart(*, folder: str = "afinar-quickstart", context: Context) -> dict[str, Any]:
    """The whole story on the embedded model: train twice, compare before and after."""
    quieten()
    from afinar import quickstart as story

    with reporting(context) as reporter:
        told = story.quickstart(folder, on_event=reporter)
    show_story(told, context)
    return told


def show_story(told: Mapping[str, Any], context: Context) -> None:
    """One table of both tasks, the answer before and after, the run folders, and what to try next."""
    context.say()
    context.show(_table(told))
    answer = told["answer"]
    context.say()
    context.say(messages.text("quickstart.question", prompt=answer["prompt"]))
    for moment in ("before", "after"):
        context.say(messages.text(f"quickstart.{moment}", text=_short(answer[moment])))
    context.say(messages.text("quickstart.modest"))
    context.say()
    runs = told["runs"]
    for run in runs.values():
        context.say(messages.text("cli.run_folder", folder=run))
    context.say(messages.text("cli.next"))
    for key in ("cli.next_chat", "cli.next_generate"):
        context.say("  " + messages.text(key, folder=runs["instructions"]))
    for key in ("cli.next_evaluate", "quickstart.next_audit"):
        context.say("  " + messages.text(key, folder=runs["sentiment"]))


def _table(told: Mapping[str, Any]) -> Table:
    heads = ("quickstart.task", "scores.base", "scores.adapted", "scores.finding", "quickstart.trained")
    rows = []
    for task, metric in (("instructions", "perplexity"), ("sentiment", "accuracy")):
        results = told[task]
        training = results["training"]
        share = 100 * training["trainable_parameters"] / training["total_parameters"]
        scores = [messages.number(results[side][metric], digits(metric, results[side][metric])) for side in SIDES]
        found = finding(results["comparison"][metric])
        rows.append([messages.text(f"quickstart.row_{task}"), *scores, found, f"{messages.number(share, 1)}%"])
    return table([messages.text(head) for head in heads], rows, title=messages.text("quickstart.title"), gap=2)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_ANSWER else text[:LONGEST_ANSWER] + "..."
