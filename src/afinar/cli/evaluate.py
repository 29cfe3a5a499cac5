"""`afinar evaluate RUN|MODEL --data FILE [--baseline RUN|MODEL] [--tasks NAMES]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from afinar import messages
from afinar.cli.classes import show_classes
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.progress import reporting
from afinar.cli.results import NAMED, SIDES, footer, show_scores, whole
from afinar.data.config import FORMATS
from afinar.errors import ConfigError


def evaluate(
    model: str,
    /,
    *,
    data: str | None = None,
    format: str = "auto",
    max_length: int | None = None,
    stride: int | None = None,
    baseline: str | None = None,
    generate: bool = False,
    max_new_tokens: int = 64,
    predictions: str | None = None,
    tasks: str | None = None,
    tasks_path: str | None = None,
    tasks_shots: int | None = None,
    tasks_limit: int | None = None,
    tasks_chat: bool = False,
    context: Context,
) -> dict[str, Any]:
    """Measure base and adapted model, or any two. Returns `{"base": {...}, "adapted": {...}, "comparison": ..., "n": ...}`."""
    _check(data, tasks, format, max_length=max_length, stride=stride, max_new_tokens=max_new_tokens)
    quieten()
    from afinar import run as pipeline

    with reporting(context) as reporter:
        result = pipeline.evaluate(
            model,
            data,
            format=format,
            max_length=max_length,
            stride=stride,
            baseline=baseline,
            generate=generate,
            max_new_tokens=max_new_tokens,
            predictions=predictions,
            tasks=tasks.split(",") if tasks else (),
            tasks_path=tasks_path,
            tasks_shots=tasks_shots,
            tasks_limit=tasks_limit,
            tasks_chat=tasks_chat,
            offline=context.offline,
            on_event=reporter,
        )
    show_result(result, context, titles=SIDES if baseline in (None, "base", "none") else NAMED)
    if predictions is not None:
        context.say(messages.text("scores.predictions", path=predictions))
    return result


def _check(data: str | None, tasks: str | None, format: str, *, max_length: int | None, **counts: int | None) -> None:
    """Raises ConfigError for what no data can be read with, before a model is loaded."""
    if data is None and tasks is None:
        raise ConfigError("evaluating.nothing")
    if format not in FORMATS:
        raise ConfigError("core.choice", field="--format", got=format, allowed=", ".join(FORMATS))
    if max_length is not None and max_length < 2:
        raise ConfigError("core.range", field="--max-length", got=max_length, allowed=">= 2")
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ConfigError("core.range", field="--" + name.replace("_", "-"), got=value, allowed=">= 1")


def show_result(result: Mapping[str, Any], context: Context, titles: tuple[str, str] = SIDES) -> None:
    """The scores and what was found, the classes, the tasks; then how it was measured and which rows are not in it."""
    context.say()
    if titles == NAMED:
        for side, title in zip(SIDES, titles, strict=True):
            context.say(messages.text(f"scores.which_{title}", name=result["models"][side]))
        context.say()
    if result["n"]:
        show_scores(result, context, titles)
        about = result["data"]
        first = messages.text("scores.on_rows", n=whole(result["n"]), data=about["source"])
        for line in [footer(result, first), *_left_out(result)]:
            context.show(Text(line))
        for line in _signatures(result):
            context.say(line, style="dim")
        show_classes(result, context, titles)
    for name, task in result.get("tasks", {}).items():
        context.say()
        context.say(messages.text("scores.task", name=name, n=whole(task["base"]["n"])), style="bold")
        show_scores(task, context, titles, names=[name for name in task["base"] if _is_metric(name)])


def _is_metric(name: str) -> bool:
    """Whether a key of a task is a figure of the model, no interval's end and nothing about the task."""
    return name not in ("n", "version", "shots") and not name.endswith(("_low", "_high", "_stderr"))


def _left_out(result: Mapping[str, Any]) -> list[str]:
    """What the figures do not cover: rows cut or dropped, rows or metrics that two tokenizers do not share."""
    about = result["data"]
    said = []
    for name in ("truncated", "dropped", "not_shared", "answers_cut"):
        count = about.get(name, result.get("adapted", result["base"]).get(name, 0))
        if count:
            said.append(messages.text(f"scores.rows_{name}", rows=whole(count), length=whole(about.get("max_length", 0))))
    compared = result.get("comparison", {})
    if "bits_per_byte" in compared and "perplexity" not in compared:
        said.append(messages.text("scores.other_tokens"))
    return said


def _signatures(result: Mapping[str, Any]) -> list[str]:
    """How each number was made; once where it is the same for both models."""
    told: dict[str, list[str]] = {}
    for side in SIDES:
        for metric, signature in result.get("signatures", {}).get(side, {}).items():
            told.setdefault(metric, [])
            if signature not in told[metric]:
                told[metric].append(signature)
    return [signature for signatures in told.values() for signature in signatures]
