"""`afinar merge RUN DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.errors import RefusedError


def merge(run: str, directory: str, /, *, context: Context) -> dict[str, Any]:
    """Write the run's merged model into `directory`. Returns `{"run", "model"}`."""
    target = Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError("cli.not_empty", path=directory)
    quieten()
    from afinar import run as pipeline

    pipeline.load(run, offline=context.offline).merge(directory)
    context.say(messages.text("cli.merged", directory=directory))
    return {"run": run, "model": directory}
