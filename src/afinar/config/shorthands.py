"""Names that stand for settings: `method: qlora` is lora with customary values on a base in 4 bits.

They are written out before anything is built, so what is shown, saved and resumed are the settings themselves, each with
the place of the name as its origin; what somebody set stays.
"""

from __future__ import annotations

from afinar.config.tree import Entry, Layer
from afinar.errors import ConfigError
from afinar.methods.config import LoRA, QLoRA


def expanded(entries: Layer) -> Layer:
    """`entries` without shorthands. Raises ConfigError for qlora where model.quantize is set to none."""
    name = entries.get("method.name")
    if name is None or name.value != QLoRA.name:
        return entries
    quantize = entries.get("model.quantize")
    if quantize is not None and quantize.value == "none":
        problem = ConfigError("quantised.qlora_on_float")
        raise ConfigError("config.at", where=str(quantize.origin), problem=problem)
    meant = {f"method.{field}": value for field, value in QLoRA.customary().items()} | {"model.quantize": QLoRA.quantize}
    written = {path: Entry(value, name.origin) for path, value in meant.items()}
    return written | entries | {"method.name": name._replace(value=LoRA.name)}
