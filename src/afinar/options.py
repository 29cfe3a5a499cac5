"""A config field with its documentation in both languages: the single source of `--help`, YAML templates and the docs."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def option(default: Any, *, en: str, pt: str, choices: tuple[str, ...] | None = None) -> Any:
    """A dataclass field with a default and its documentation: what it means, its unit, and when to change it."""
    return field(default=default, metadata={"en": en, "pt": pt, "choices": choices})
