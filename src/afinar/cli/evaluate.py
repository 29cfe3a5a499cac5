"""`afinar evaluate RUN|MODEL --data FILE`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.results import footer, show_scores, whole
from afinar.data.config import FORMATS
from afinar.errors import ConfigError


def evaluate(
    model: str, /, *, data: str, format: str = "auto", max_length: int | None = None, context: Context
) -> dict[str, Any]:
    """Measure base and adapted model on `data`. Returns `{"base": {...}, "adapted": {...}, "n": ...}`."""
    check_reading(format, max_length)
    quieten()
    from afinar import run as pipeline

    result = pipeline.evaluate(model, data, format=format, max_length=max_length, offline=context.offline)
    show_scores(result, context)
    context.say(footer(result, messages.text("scores.on_rows", n=whole(result["n"]), data=data)))
    return result


def check_reading(format: str, max_length: int | None) -> None:
    """Raises ConfigError for a format or a length that no data can be read with, before a model is loaded."""
    if format not in FORMATS:
        raise ConfigError("core.choice", field="--format", got=format, allowed=", ".join(FORMATS))
    if max_length is not None and max_length < 2:
        raise ConfigError("core.range", field="--max-length", got=max_length, allowed=">= 2")
