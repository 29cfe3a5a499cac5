"""The two files of a PEFT adapter, whatever its technique: what is written here, `peft.PeftModel.from_pretrained` reads.

    adapter_config.json           {"peft_type": "LORA", "task_type": "CAUSAL_LM", ...}
    adapter_model.safetensors     named tensors; a classification head as base_model.model.score.weight, with a prompt
                                  method (which puts no module around the base) as base_model.score.weight

What a technique's tensors and settings are called is the matter of its own module; :data:`READERS` says which one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from afinar.errors import ConfigError, ModelError
from afinar.methods import exports
from afinar.methods.config import Peft
from afinar.methods.head import HEAD

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PICKLE_FILE = "adapter_model.bin"
PREFIX = "base_model.model."
PROMPT_PREFIX = "base_model."
PROMPT_TYPES = {"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"}
TASK_TYPES = {"causal": "CAUSAL_LM", "classification": "SEQ_CLS"}

READERS: dict[str, str] = {
    "PREFIX_TUNING": "afinar.methods.prefix_format:config_of_files",
    "LORA": "afinar.methods.peft_format:config_of_files",
    "IA3": "afinar.methods.ia3_format:config_of_files",
    "PROMPT_TUNING": "afinar.methods.prompt_format:config_of_files",
    "P_TUNING": "afinar.methods.prompt_format:config_of_files",
}
"""By `peft_type`: "module:function", which gives the config of the files of an adapter, as `function(files)`, or raises
ModelError for what the technique here cannot represent."""

INERT = {
    "auto_mapping", "base_model_name_or_path", "inference_mode", "modules_to_save", "peft_type", "peft_version", "revision",
    "task_type",
}  # fmt: skip
"""Settings without meaning for an adapter that is loaded."""
LAYERED = ("IA3", "LORA")
"""Of :data:`READERS` those that PEFT's own layers can stand in for."""


@dataclass(frozen=True)
class Files:
    """What the files of an adapter hold.

    settings: the object of `adapter_config.json`. tensors: those of the technique, by their names in the file.
    head: the classification head's tensors by their names in the model (`score.weight`); empty for a causal model.
    """

    directory: Path
    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    head: dict[str, Tensor]

    @property
    def path(self) -> Path:
        """Where the settings lie, for errors."""
        return self.directory / CONFIG_FILE

    def refuse_others(self, read: Collection[str]) -> None:
        """Raise ModelError for settings beside `read` that are on: leaving them out would give another model."""
        lost = [f"{key}={value!r}" for key, value in self.settings.items() if key not in INERT | set(read) and value]
        if lost:
            raise ModelError("methods.unsupported_peft", path=self.path, got=", ".join(sorted(lost)))


def read(directory: str | Path) -> Files:
    """The adapter in `directory`, of whichever technique. Raises ModelError where it is missing, broken or a pickle."""
    directory = Path(directory)
    settings = read_settings(directory)
    if not (directory / WEIGHTS_FILE).exists() and (directory / PICKLE_FILE).exists():
        raise ModelError("methods.pickle_adapter", file=PICKLE_FILE, directory=directory)
    tensors = exports.read_tensors(directory / WEIGHTS_FILE)
    prefix = _head_prefix(settings)
    of_head = [key for key in tensors if key.startswith(f"{prefix}{HEAD}.") and ".lora_" not in key]
    head = {key.removeprefix(prefix): tensors.pop(key) for key in of_head}
    return Files(directory, settings, tensors, head)


def read_settings(directory: Path) -> dict[str, Any]:
    """The object of `adapter_config.json`. Raises ModelError where it is missing, broken, or not PEFT's."""
    settings = exports.read_json(directory / CONFIG_FILE)
    if "peft_type" not in settings:
        kind = "AdapterHub" if settings.keys() & {"config", "model_type"} else "?"
        raise ModelError("methods.not_peft", path=directory / CONFIG_FILE, got=kind)
    return settings


def write(
    directory: str | Path,
    settings: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    *,
    base: str,
    task: str,
    head: Mapping[str, Tensor],
) -> None:
    """Write both files. settings: the technique's own, `peft_type` among them; what every adapter has is added.

    head: the classification head's tensors by their names in the model; empty for a causal model.
    """
    common = {
        "task_type": TASK_TYPES[task],
        "base_model_name_or_path": base,
        "modules_to_save": [HEAD] if head else None,
        "inference_mode": True,
    }
    exports.write_json(Path(directory) / CONFIG_FILE, {**common, **settings})
    exports.write_tensors(
        Path(directory) / WEIGHTS_FILE,
        {**tensors, **{f"{_head_prefix(settings)}{name}": tensor for name, tensor in head.items()}},
    )


def _head_prefix(settings: Mapping[str, Any]) -> str:
    return PROMPT_PREFIX if settings["peft_type"] in PROMPT_TYPES else PREFIX


def config_of(files: Files) -> Any:
    """The config that computes what `files` were trained to: ours, or PEFT's own layers for what ours has no place for.

    Raises ModelError where there is none: another technique of a newer PEFT, or a broken file.
    """
    kind = str(files.settings["peft_type"])
    if kind in READERS:
        module, _, function = READERS[kind].partition(":")
        try:
            return getattr(import_module(module), function)(files)
        except ModelError as error:
            if error.key != "methods.unsupported_peft" or kind not in LAYERED:
                raise
    try:
        return Peft.of(files.settings)
    except ConfigError as error:
        raise ModelError("methods.broken_file", path=files.path, reason=error) from error
