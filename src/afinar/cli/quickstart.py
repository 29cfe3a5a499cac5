"""`afinar quickstart`."""

from __future__ import annotations

from typing import Any

from afinar.cli.context import Context
from afinar.cli.progress import reporting


def quickstart(*, folder: str = "afinar-quickstart", context: Context) -> dict[str, Any]:
    """The whole story on the embedded model: train twice, compare before and after."""
    from afinar import quickstart as story

    with reporting(context) as reporter:
        return story.quickstart(folder, on_event=reporter)
