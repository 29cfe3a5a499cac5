"""PEFT's LoRA files, both ways: what is written here loads in `peft.PeftModel.from_pretrained`, and PEFT's own here.

    adapter_config.json           {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", ...], ...}
    adapter_model.safetensors     base_model.model.<path>.lora_A.weight  (r, in)     .lora_B.weight  (out, r)
                                  base_model.model.score.weight          the head, through modules_to_save

A foreign adapter that uses what a plain LoRA layer cannot represent (DoRA, ranks per layer, trained biases, initialisations
that change the base, ...) is refused by name: leaving it out silently would give another model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from afinar.errors import AfinarError, ModelError
from afinar.methods import peft_files
from afinar.methods.config import LoRA
from afinar.methods.peft_files import CONFIG_FILE, PREFIX, WEIGHTS_FILE

_READ = {"peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "init_lora_weights", "bias"}
# Without meaning for a trained adapter; which layers it adapts, its weights say themselves.
_INERT = {
    "auto_mapping", "base_model_name_or_path", "exclude_modules", "fan_in_fan_out", "inference_mode", "layers_pattern",
    "layers_to_transform", "loftq_config", "megatron_core", "modules_to_save", "peft_version", "qalora_group_size",
    "revision", "task_type",
}  # fmt: skip
_HARMLESS_INITS = (True, False, "gaussian", "eva", "orthogonal")  # the others (pissa, olora, ...) change the base's weights


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter away from its model."""

    config: LoRA
    matrices: dict[str, tuple[Tensor, Tensor]]
    """A (r, in) and B (out, r) by the path of the layer."""
    head: dict[str, Tensor]
    """The classification head's tensors by their names in the model; empty for a causal model."""

    def tensors(self) -> dict[str, Tensor]:
        """The training state that it stands for."""
        pairs = ((f"{path}.A", f"{path}.B", matrices) for path, matrices in self.matrices.items())
        flat = {name: tensor for A, B, matrices in pairs for name, tensor in zip((A, B), matrices, strict=True)}
        return {**flat, **self.head}

    def check_same(self, config: LoRA) -> None:
        """Raises ModelError unless `config` computes what this adapter was trained to compute."""
        for name in ("r", "alpha", "rank_stabilised"):
            got, expected = getattr(config, name), getattr(self.config, name)
            if got != expected:
                raise ModelError("methods.other_config", field=f"method.{name}", got=got, expected=expected)


def write(
    directory: str | Path, adapter: Adapter, *, base: str, task: str, target_modules: list[str], fan_in_fan_out: bool
) -> None:
    """Write the adapter as PEFT does. `fan_in_fan_out`: its layers are GPT-2's Conv1D, with weights stored in × out."""
    config = adapter.config
    settings = {
        "peft_type": "LORA",
        "r": config.r,
        "lora_alpha": int(config.alpha) if float(config.alpha).is_integer() else config.alpha,
        "lora_dropout": config.dropout,
        "use_rslora": config.rank_stabilised,
        "target_modules": target_modules,
        "fan_in_fan_out": fan_in_fan_out,
        "bias": "none",
        "init_lora_weights": True,
    }
    tensors = {f"{PREFIX}{path}.lora_{name}.weight": matrix
               for path, matrices in adapter.matrices.items()
               for name, matrix in zip("AB", matrices, strict=True)}  # fmt: skip
    peft_files.write(directory, settings, tensors, base=base, task=task, head=adapter.head)


def read(directory: str | Path) -> Adapter:
    """A LoRA adapter that this package or PEFT wrote.

    Raises ModelError where files are missing or broken, for another kind of adapter, and for what would be lost.
    """
    directory = Path(directory)
    settings = peft_files.read_settings(directory)
    if settings["peft_type"] != "LORA":
        raise ModelError("methods.other_peft_type", path=directory / CONFIG_FILE, got=settings["peft_type"])
    return _adapter(peft_files.read(directory))


def read_config(directory: str | Path) -> LoRA:
    """The config of the adapter in `directory`; layers chosen by a pattern are given as their paths."""
    return read(directory).config


def config_of_files(files: peft_files.Files) -> LoRA:
    """The config of an adapter's files."""
    return _adapter(files).config


def _adapter(files: peft_files.Files) -> Adapter:
    _check_settings(files)
    matrices = _sort(files.directory / WEIGHTS_FILE, files.tensors, files.settings.get("r"))
    return Adapter(_to_config(files.directory, files.settings, tuple(matrices)), matrices, files.head)


def _check_settings(files: peft_files.Files) -> None:
    values = files.settings
    lost = [f"{key}={value!r}" for key, value in values.items() if key not in _READ | _INERT and value]
    if values.get("bias", "none") != "none":
        lost.append(f"bias={values['bias']!r}")
    if values.get("init_lora_weights", True) not in _HARMLESS_INITS:
        lost.append(f"init_lora_weights={values['init_lora_weights']!r}")
    if lost:
        raise ModelError("methods.unsupported_peft", path=files.path, got=", ".join(sorted(lost)))


def _sort(path: Path, tensors: dict[str, Tensor], r: Any) -> dict[str, tuple[Tensor, Tensor]]:
    pairs: dict[str, dict[str, Tensor]] = {}
    strange = []
    for key, tensor in tensors.items():
        name = key.removeprefix(PREFIX)
        layer, _, matrix = name.removesuffix(".weight").partition(".lora_")
        if matrix in ("A", "B") and name.endswith(".weight") and name != key and _has_rank(tensor, matrix, r):
            pairs.setdefault(layer, {})[matrix] = tensor
        else:
            strange.append(f"{key} {tuple(tensor.shape)}")
    strange += [f"{layer}.lora_{matrix}.weight" for layer, pair in pairs.items() if len(pair) < 2 for matrix in pair]
    if strange or not pairs:
        raise ModelError("methods.strange_tensors", path=path, got=", ".join(strange[:3]) or "-")
    return {layer: (pair["A"], pair["B"]) for layer, pair in pairs.items()}


def _has_rank(tensor: Tensor, matrix: str, r: Any) -> bool:
    return tensor.dim() == 2 and tensor.shape[0 if matrix == "A" else 1] == r


def _to_config(directory: Path, values: dict[str, Any], paths: tuple[str, ...]) -> LoRA:
    targets = values.get("target_modules")
    try:
        return LoRA(
            r=values["r"],
            alpha=values["lora_alpha"],
            dropout=values.get("lora_dropout", 0.0),
            rank_stabilised=values.get("use_rslora", False),
            target_modules=tuple(sorted(targets)) if isinstance(targets, list) else paths,
        )
    except (AfinarError, KeyError, TypeError) as error:
        raise ModelError("methods.broken_file", path=directory / CONFIG_FILE, reason=error) from error
