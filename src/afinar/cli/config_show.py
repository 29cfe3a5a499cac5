"""`afinar config show [CONFIG] [--section.field VALUE ...] [--origin]`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.context import Context, table
from afinar.config import Loaded, load_with_origins, to_mapping, to_yaml


def config_show(config: str | None = None, /, *, origin: bool = False, context: Context) -> dict[str, Any]:
    """Print the settings of CONFIG, the environment and the flags. Returns `{"config"}`, and `{"origins"}` with `origin`."""
    loaded = load_with_origins(config, flags=context.settings)
    if not origin:
        context.say(to_yaml(loaded.config).rstrip())
        return {"config": to_mapping(loaded.config)}
    columns = [messages.text(f"cli.origin_{name}") for name in ("setting", "value", "place")]
    context.show(table(columns, _rows(loaded), numbers=False))
    return {"config": to_mapping(loaded.config), "origins": {path: str(place) for path, place in loaded.origins.items()}}


def _rows(loaded: Loaded) -> list[list[str]]:
    mapping = to_mapping(loaded.config)
    rows = []
    for path, place in loaded.origins.items():
        section, _, field = path.partition(".")
        value = mapping[section][field] if field else mapping[section]
        rows.append([path, _written(value), str(place)])
    return rows


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
