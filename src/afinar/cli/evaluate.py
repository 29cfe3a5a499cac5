"""`afinar evaluate RUN|MODEL --data FILE`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.results import scores, whole


def evaluate(
    model: str, /, *, data: str, format: str = "auto", max_length: int | None = None, context: Context
) -> dict[str, Any]:
    """Measure base and adapted model on `data`. Returns `{"base": {...}, "adapted": {...}, "n": ...}`."""
    from afinar import run as pipeline

    result = pipeline.evaluate(model, data, format=format, max_length=max_length, offline=context.offline)
    context.show(scores(result))
    context.say(messages.text("cli.measured_data", n=whole(result["n"]), data=data))
    return result
