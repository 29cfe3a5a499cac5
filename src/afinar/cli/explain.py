"""`afinar explain [TECHNIQUE]`."""

from __future__ import annotations

import difflib
from typing import Any

from rich.markdown import Markdown

from afinar import messages
from afinar.cli.context import Context
from afinar.errors import ConfigError


def explain(technique: str | None = None, /, *, context: Context) -> dict[str, Any]:
    """Print a technique's page, rendered on a terminal and as Markdown elsewhere. Returns `{"technique", "text"}`."""
    from afinar.messages.explain import TEXTS

    names = sorted(TEXTS)
    if technique is None:
        context.say(messages.text("cli.techniques", names=", ".join(names)))
        context.say(messages.text("cli.techniques_next", name=names[-1]))
        return {"techniques": names}
    name = technique.lower()
    if name not in TEXTS:
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            raise ConfigError("cli.unknown_technique_near", got=technique, near=near[0])
        raise ConfigError("cli.unknown_technique", got=technique, known=", ".join(names))
    text = messages.text(f"explain.{name}")
    if context.out.is_terminal:
        context.show(Markdown(text))
    else:
        context.say(text)
    return {"technique": name, "text": text}
