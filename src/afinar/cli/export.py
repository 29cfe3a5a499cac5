"""`afinar export RUN DIR --format peft|safetensors|gguf`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.merge import show_report
from afinar.cli.progress import reporting


def export(
    run: str,
    directory: str,
    /,
    *,
    format: str,
    dtype: str = "auto",
    onto: str = "base",
    data: str | None = None,
    tolerance: float = 0.1,
    shard_size: str | None = None,
    context: Context,
) -> dict[str, Any]:
    """Write the run into `directory` for use elsewhere. Returns `{"run", "directory", "format", "parity", ...}`."""
    quieten()
    from afinar import run as pipeline

    with reporting(context) as reporter:
        made = pipeline.export(
            run,
            directory,
            format=format,
            dtype=dtype,
            onto=onto,
            data=data,
            tolerance=tolerance,
            shard_size=shard_size,
            offline=context.offline,
            on_event=reporter,
        )
    show_report(made.lines(), context)
    context.say(messages.text("exporting.written", directory=directory))
    return {"run": run, "directory": directory, **made.as_json()}
