"""Checks of a model folder before its weights are read: each names the file and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    PretrainedConfig,
)

from afinar.errors import ModelError

INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Saved:
    """What a model folder says of itself: its task, the labels of its head (empty without a trained one), its model type."""

    task: str
    label_names: tuple[str, ...]
    model_type: str


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ModelError, naming the file, if it is not JSON in UTF-8."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both
        raise ModelError("models.broken_json", path=str(path), reason=str(error)) from error


def read_config(folder: Path, *, trust_remote_code: bool = False) -> PretrainedConfig:
    """The configuration in `folder`. Raises ModelError where it is missing, broken, unknown, or an adapter's."""
    path = folder / "config.json"
    if (folder / "adapter_config.json").is_file():
        raise ModelError("models.adapter_folder", path=str(folder))
    if not path.is_file():
        raise ModelError("models.no_config", path=str(folder))
    content = read_json(path)
    model_type = content.get("model_type") if isinstance(content, dict) else None
    if not isinstance(model_type, str):
        raise ModelError("models.no_model_type", path=str(path))
    if "auto_map" in content and not trust_remote_code and model_type not in CONFIG_MAPPING:
        raise ModelError("models.remote_code", path=str(folder))
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except (StrictDataclassError, ValueError, TypeError, KeyError, OSError) as error:
        if model_type not in CONFIG_MAPPING and not trust_remote_code:
            raise ModelError("models.unknown_architecture", got=model_type, path=str(path)) from error
        raise ModelError("models.bad_config", path=str(path), reason=last_line(error)) from error
    return config


def saved(config: PretrainedConfig) -> Saved:
    """What a configuration says of the model saved with it."""
    if not any(name.endswith("ForSequenceClassification") for name in config.architectures or ()):
        return Saved("causal", (), config.model_type)
    names = tuple(name for _, name in sorted((config.id2label or {}).items()))
    return Saved("classification", names, config.model_type)


def check_architecture(config: PretrainedConfig, task: str) -> None:
    """Raises ModelError for encoders, encoder-decoders, and decoders that transformers cannot load for `task`."""
    check_decoder(config)
    kind = type(config)
    if _has_own_code(config):
        return
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError("models.not_causal", got=config.model_type)
    if task == "classification" and kind not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError("models.no_classification", got=config.model_type)


def check_decoder(config: PretrainedConfig) -> None:
    """Raises ModelError for encoders and encoder-decoders; a causal loss would shift labels that they do not."""
    if config.is_encoder_decoder:
        raise ModelError("models.encoder_decoder", got=config.model_type)
    # BERT and its kin are registered as causal models too, for use inside an encoder-decoder; as decoders they are untrained.
    if type(config) in MODEL_FOR_MASKED_LM_MAPPING and not config.is_decoder:
        raise ModelError("models.encoder", got=config.model_type)


def check_weights(folder: Path) -> None:
    """Raises ModelError if the weights are missing, incomplete, or only there as pickle files."""
    if (folder / INDEX).is_file():
        files = _shards(folder)
    elif (folder / "model.safetensors").is_file():
        files = [folder / "model.safetensors"]
    else:
        pickles = sorted(path.name for path in folder.glob("pytorch_model*.bin"))
        if pickles:
            raise ModelError("models.pickle", path=str(folder), files=", ".join(pickles[:3]))
        raise ModelError("models.no_weights", path=str(folder))
    for path in files:
        try:
            with safe_open(path, framework="pt"):
                pass  # opening reads the header and compares it with the file's length
        except (SafetensorError, OSError) as error:
            raise ModelError("models.broken_weights", path=str(path), reason=last_line(error)) from error


def _shards(folder: Path) -> list[Path]:
    index = read_json(folder / INDEX)
    if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
        raise ModelError("models.broken_json", path=str(folder / INDEX), reason="weight_map")
    shards = [folder / name for name in sorted(set(index["weight_map"].values()))]
    missing = [path.name for path in shards if not path.is_file()]
    if missing:
        raise ModelError("models.missing_shards", path=str(folder), files=", ".join(missing[:3]), n=len(missing))
    return shards


def _has_own_code(config: PretrainedConfig) -> bool:
    return not type(config).__module__.startswith("transformers.")


def last_line(error: BaseException) -> str:
    """The last line of an error's text, which says what is wrong; its type where there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
