"""`afinar merge RUN DIR`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.progress import reporting


def merge(
    run: str,
    directory: str,
    /,
    *,
    dtype: str = "auto",
    onto: str = "base",
    data: str | None = None,
    tolerance: float = 0.1,
    shard_size: str | None = None,
    context: Context,
) -> dict[str, Any]:
    """Write the run's merged model into `directory`. Returns `{"run", "model", "format", "parity", ...}`."""
    quieten()
    from afinar import run as pipeline

    with reporting(context) as reporter:
        made = pipeline.merge(
            run,
            directory,
            dtype=dtype,
            onto=onto,
            data=data,
            tolerance=tolerance,
            shard_size=shard_size,
            offline=context.offline,
            on_event=reporter,
        )
    show_report(made.lines(), context)
    context.say(messages.text("cli.merged", directory=directory))
    return {"run": run, "model": directory, **made.as_json()}


def show_report(lines: list[str], context: Context) -> None:
    """The comparison of what was written with the adapted model: a verdict, then the figures below it."""
    context.say(lines[0], style="bold")
    for line in lines[1:]:
        context.say(f"  {line}")
