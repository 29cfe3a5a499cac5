"""What every export carries: `afinar.json`, and tensors in safetensors files.

{"method": {"name": "lora", "r": 8, ...}, "base": "afinar-mini", "task": "classification",
 "labels": ["negativo", "positivo"], "version": "0.1.0"}
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from afinar import __version__, messages
from afinar.errors import AfinarError, ModelError
from afinar.methods.base import config_class
from afinar.models.quantize import STORED, double_quantised, kind_of
from afinar.options import OpenConfig, values_of

CARD_FILE = "afinar.json"


@dataclass(frozen=True)
class Card:
    """What `afinar.json` says of an export."""

    config: Any
    """The method's config."""
    base: str
    """The base model: the folder or hub name that it was trained on."""
    task: str
    """causal or classification."""
    labels: tuple[str, ...]
    """Class names in the order of the head's outputs; empty for a causal model."""
    version: str
    """The version of afinar that wrote it."""
    quantize: str = "none"
    """How the base was quantised (see :class:`afinar.models.config.ModelConfig`)."""
    double_quant: bool = True
    """Whether the scales of a base in nf4 were too."""


def write_card(directory: str | Path, config: Any, model: PreTrainedModel, *, base: str, task: str) -> None:
    """Make `directory` and write `afinar.json`; warn where other libraries will read the classifier differently."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    labels = _labels(model) if task == "classification" else []
    card: dict[str, Any] = {"method": {"name": config.name, **values_of(config)}, "base": base, "task": task, "labels": labels}
    if (kind := kind_of(model)) in STORED:
        card |= {"quantize": kind, "double_quant": double_quantised(model)}
    write_json(directory / CARD_FILE, {**card, "version": __version__})
    if task == "classification":
        _warn_of_pooling(model)


def read_card(directory: str | Path) -> Card:
    """What `afinar.json` in `directory` says. Raises ModelError where it is missing, broken, or of an unknown method."""
    path = Path(directory) / CARD_FILE
    values = read_json(path)
    try:
        method, base, task = dict(values["method"]), str(values["base"]), str(values["task"])
        labels, written_by = tuple(values["labels"]), str(values["version"])
        name = method.pop("name")
        quantisation = str(values.get("quantize", "none")), bool(values.get("double_quant", True))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("methods.broken_card", path=path, reason=f"{type(error).__name__}: {error}") from error
    return Card(_config(path, name, method), base, task, labels, written_by, *quantisation)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object, readable, with accents as they are."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises ModelError where there is no such file or it holds something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError("methods.no_file", file=path.name, directory=path.parent) from error
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not UTF-8
        raise ModelError("methods.broken_file", path=path, reason=error) from error
    if not isinstance(value, dict):
        raise ModelError("methods.broken_file", path=path, reason=f"{type(value).__name__}, not an object")
    return value


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors as safetensors, with the metadata that transformers and PEFT look for."""
    save_file(dict(tensors), path, metadata={"format": "pt"})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ModelError where it is missing or broken."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ModelError("methods.no_file", file=path.name, directory=path.parent) from error
    except (OSError, SafetensorError) as error:
        raise ModelError("methods.broken_file", path=path, reason=error) from error


def load_model(cls: type[PreTrainedModel], directory: str | Path) -> PreTrainedModel:
    """The float32 model that `save_pretrained` wrote into `directory`. Raises ModelError where it cannot be read."""
    directory = Path(directory)
    read_json(directory / "config.json")  # from_pretrained would take a missing folder for a hub name
    try:
        return cls.from_pretrained(directory, dtype="float32", local_files_only=True, use_safetensors=True)
    except (OSError, SafetensorError) as error:
        raise ModelError("methods.broken_file", path=directory, reason=error) from error


def _labels(model: PreTrainedModel) -> list[str]:
    names = {int(index): name for index, name in (model.config.id2label or {}).items()}
    return [names[index] for index in sorted(names)]


def _config(path: Path, name: str, values: dict[str, Any]) -> Any:
    try:
        cls = config_class(name)
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown and not issubclass(cls, OpenConfig):  # which tells itself what it does not know
            raise ModelError("methods.broken_card", path=path, reason=", ".join(sorted(unknown)))
        return cls(**values)
    except AfinarError as error:
        raise ModelError("methods.broken_card", path=path, reason=error) from error


def _warn_of_pooling(model: PreTrainedModel) -> None:
    pad, end = model.config.pad_token_id, model.config.eos_token_id
    if pad is not None and pad in (end if isinstance(end, list) else [end]):
        warnings.warn(messages.text("methods.pad_is_eos"), UserWarning, stacklevel=4)
