"""`afinar methods`: every technique on one model, what it trains, what that costs, and what it can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.cli.context import Context, listing
from afinar.cli.libraries import quieten
from afinar.errors import ConfigError
from afinar.models.config import ModelConfig

if TYPE_CHECKING:
    from afinar.run.table import Technique

TASKS = ("auto", "causal", "classification")
MARKS = ("mergeable", "switchable", "peft_format", "packing", "checkpointing", "quantised_base")
WIDE = 118  # columns from which the long heads fit


def methods(*, model: str = "afinar-mini", task: str = "auto", context: Context) -> dict[str, Any]:
    """Show the table. Returns `{"model", "dtype", "techniques": [...]}`, each with what the table shows of it."""
    if task not in TASKS:
        raise ConfigError("core.choice", field="--task", got=task, allowed=", ".join(TASKS))
    quieten()
    from afinar.models.shapes import empty_model
    from afinar.run.table import resident_bytes, techniques

    config = ModelConfig(name=model)
    base = empty_model(config, task="classification" if task == "classification" else "causal", offline=context.offline)
    rows = techniques(config, task=task, offline=context.offline)
    about = {"model": model, "dtype": str(base.dtype).removeprefix("torch.")}
    context.say(
        messages.text(
            "table.about_classifier" if task == "classification" else "table.about",
            total=messages.number(sum(parameter.numel() for parameter in base.parameters()), 0),
            size=in_bytes(resident_bytes(base)),
            **about,
        )
    )
    context.say()
    context.show(_table(rows, wide=context.out.width >= WIDE))
    context.say()
    context.show(_legend(wide=context.out.width >= WIDE))
    for row in rows:
        if len(row.tasks) == 1:
            context.say(messages.text("table.only", name=row.name, task=messages.text(f"table.task_{row.tasks[0]}")))
    context.say()
    context.say(messages.text("table.next", name="lora"))
    return {**about, "techniques": [{**asdict(row), "share": row.share} for row in rows]}


def in_bytes(count: float) -> str:
    """A number of bytes for a person: 1,536 is 1.5 kB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{messages.number(count / size, 1)} {unit}"
    return f"{messages.number(count, 0)} B"


def in_percent(share: float) -> str:
    """A share for a person, with as many digits as it takes to tell small ones apart: 0.0091 %."""
    percent = 100 * share
    digits = 1 if percent >= 10 else 2 if percent >= 0.1 else 3 if percent >= 0.01 else 4
    return f"{messages.number(percent, digits)} %"


def _table(rows: list[Technique], *, wide: bool) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column(_head("name", wide), no_wrap=True)
    for name in ("trainable", "share", "memory"):
        made.add_column(_head(name, wide), justify="right", no_wrap=True)
    for name in MARKS:
        made.add_column(_head(name, wide), justify="center", no_wrap=True)
    for row in rows:
        numbers = (messages.number(row.trainable, 0), in_percent(row.share), in_bytes(row.extra_bytes))
        made.add_row(Text(row.name, style="bold"), *numbers, *(_mark(getattr(row, name)) for name in MARKS))
    return made


def _head(name: str, wide: bool) -> str:
    return messages.text(f"table.long_{name}" if wide else f"table.{name}")


def _mark(yes: bool) -> Text:
    return Text("✓", style="green") if yes else Text("–", style="dim")


def _legend(*, wide: bool) -> Table:
    names = ("trainable", "memory", *MARKS)
    return listing([(_head(name, wide), messages.text(f"table.legend_{name}")) for name in names])
