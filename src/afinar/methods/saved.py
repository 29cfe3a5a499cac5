"""What is in the folder of an export, ours or PEFT's own: which method, on which base, for which task.

card = saved.read("runs/2026-11-22_1/adapter")
method = create(card.config)
model = method.restore(load_model(card.base, ...), "runs/2026-11-22_1/adapter")
"""

from __future__ import annotations

from pathlib import Path

from afinar.errors import ModelError
from afinar.methods import exports, peft_format
from afinar.methods.exports import Card


def read(directory: str | Path) -> Card:
    """The export's card; a foreign PEFT adapter's is made from its files, with transformers' LABEL_0, ... as labels.

    Raises ModelError where `directory` holds no export, or one that cannot be read.
    """
    directory = Path(directory)
    if (directory / exports.CARD_FILE).exists():
        return exports.read_card(directory)
    if (directory / peft_format.CONFIG_FILE).exists():
        return _card_of_peft(directory)
    raise ModelError("methods.no_export", directory=directory, card=exports.CARD_FILE, config=peft_format.CONFIG_FILE)


def _card_of_peft(directory: Path) -> Card:
    adapter = peft_format.read(directory)
    base = exports.read_json(directory / peft_format.CONFIG_FILE).get("base_model_name_or_path") or ""
    classes = adapter.head["score.weight"].shape[0] if adapter.head else 0
    labels = tuple(f"LABEL_{index}" for index in range(classes))
    return Card(adapter.config, str(base), "classification" if classes else "causal", labels, version="")
