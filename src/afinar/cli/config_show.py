"""`afinar config show [CONFIG] [--section.field VALUE ...] [--origin]`."""

from __future__ import annotations

from collections.abc import Mapping
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
    return [[path, _written(_at(mapping, path)), str(place)] for path, place in loaded.origins.items()]


def _at(mapping: Mapping[str, Any], path: str) -> Any:
    """The value at `section.field`, or at `section.field.key`, where the key may have dots of its own."""
    value: Any = mapping
    for part in path.split(".", 2):
        value = value[part]
    return value


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_written(item)}' for key, item in value.items())}}}"
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
