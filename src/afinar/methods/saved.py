"""What is in the folder of an export, ours, PEFT's own or AdapterHub's: which method, on which base, for which task.

card = saved.read("runs/2026-11-22_1/adapter")
method = create(card.config)
model = method.restore(load_model(card.base, ...), "runs/2026-11-22_1/adapter")
"""

from __future__ import annotations

from pathlib import Path

from afinar.errors import ModelError
from afinar.methods import adapterhub_format, exports, peft_files
from afinar.methods.exports import Card


def read(directory: str | Path) -> Card:
    """The export's card; a foreign adapter's is made from its files, with transformers' LABEL_0, ... as labels.

    Raises ModelError where `directory` holds no export, or one that cannot be read.
    """
    directory = Path(directory)
    if (directory / exports.CARD_FILE).exists():
        return exports.read_card(directory)
    if adapterhub_format.is_adapterhub(directory):
        return adapterhub_format.card(directory)
    if (directory / peft_files.CONFIG_FILE).exists():
        return _card_of_peft(directory)
    raise ModelError("methods.no_export", directory=directory, card=exports.CARD_FILE, config=peft_files.CONFIG_FILE)


def _card_of_peft(directory: Path) -> Card:
    found = peft_files.read(directory)
    base = found.settings.get("base_model_name_or_path") or ""
    classes = found.head["score.weight"].shape[0] if found.head else 0
    labels = tuple(f"LABEL_{index}" for index in range(classes))
    config = peft_files.config_of(found)
    return Card(config, str(base), "classification" if classes else "causal", labels, version="")
