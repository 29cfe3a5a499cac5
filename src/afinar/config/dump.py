"""A RunConfig written back: as plain values, and as YAML that loads to the same config."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from afinar.config.schema import SECTIONS, RunConfig
from afinar.options import values_of


def to_mapping(config: RunConfig) -> dict[str, Any]:
    """The config as plain values, ready for JSON or YAML; the method's name stands first in its section."""
    mapping: dict[str, Any] = {}
    for section in SECTIONS:
        stage = getattr(config, section)
        values = {name: _plain(value) for name, value in values_of(stage).items()}
        mapping[section] = {"name": stage.name, **values} if section == "method" else values
    return {**mapping, "output": config.output}


def to_yaml(config: RunConfig) -> str:
    """The config as YAML 1.2 text; :func:`afinar.config.load` reads it back to an equal config."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel annotates it as None
    yaml.allow_unicode = True
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(to_mapping(config), stream)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
