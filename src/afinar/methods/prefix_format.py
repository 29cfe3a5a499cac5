"""PEFT's files of prefix tuning, both ways.

adapter_config.json           {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 20, "prefix_projection": false, ...}
adapter_model.safetensors     prompt_embeddings (P, 2 · layers · heads · head size): the finished keys and values;
                              base_model.score.weight, the classification head
prefix_encoder.safetensors    ours, with projection only: the perceptron that makes them, without which training
                              cannot go on; PEFT does not write it and does not miss it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from afinar.errors import AfinarError, ModelError
from afinar.methods import exports, peft_files
from afinar.methods.config import PrefixTuning
from afinar.methods.peft_files import WEIGHTS_FILE

KIND = "PREFIX_TUNING"
FLAT = "prompt_embeddings"
ENCODER_FILE = "prefix_encoder.safetensors"
# What the prefix itself says: the model's shape, and how it was drawn.
_READ = {
    "num_virtual_tokens", "prefix_projection", "encoder_hidden_size", "init_weights", "token_dim", "num_attention_heads",
    "num_layers", "num_transformer_submodules",
}  # fmt: skip


@dataclass(frozen=True)
class SavedPrefix:
    """A prefix away from its model. trained: what :data:`ENCODER_FILE` holds, by the names of the training state."""

    directory: Path
    flat: Tensor
    trained: dict[str, Tensor]
    head: dict[str, Tensor]

    def check_same(self, config: PrefixTuning) -> None:
        """Raises ModelError unless the prefix is as long as `config` says, and has the perceptron that it asks for."""
        tokens = self.flat.shape[0]
        if tokens != config.virtual_tokens:
            raise ModelError("methods.other_config", field="method.virtual_tokens", got=config.virtual_tokens, expected=tokens)
        if config.projection and not self.trained:
            raise ModelError("prefix.no_encoder", directory=self.directory)


def write(
    directory: str | Path,
    config: PrefixTuning,
    flat: Tensor,
    trained: Mapping[str, Tensor],
    dimensions: tuple[int, int, int],
    *,
    base: str,
    task: str,
    head: Mapping[str, Tensor],
) -> None:
    """Write the prefix `flat` as PEFT does, and `trained`, if anything, beside it. dimensions: L, G and D."""
    layers, heads, head_size = dimensions
    settings = {
        "peft_type": KIND,
        "num_virtual_tokens": config.virtual_tokens,
        "prefix_projection": config.projection,
        "encoder_hidden_size": config.encoder_hidden_size or heads * head_size,
        "token_dim": heads * head_size,
        "num_attention_heads": heads,
        "num_layers": layers,
        "num_transformer_submodules": 1,
    }
    peft_files.write(directory, settings, {FLAT: flat}, base=base, task=task, head=head)
    if trained:
        exports.write_tensors(Path(directory) / ENCODER_FILE, trained)


def read(directory: str | Path) -> SavedPrefix:
    """A prefix that this package or PEFT wrote. Raises ModelError where it is missing, broken, or of another technique."""
    files = peft_files.read(directory)
    if files.settings["peft_type"] != KIND:
        raise ModelError("methods.other_peft_type", path=files.path, got=files.settings["peft_type"])
    encoder = files.directory / ENCODER_FILE
    trained = exports.read_tensors(encoder) if encoder.exists() else {}
    return SavedPrefix(files.directory, _flat(files), trained, files.head)


def config_of_files(files: peft_files.Files) -> PrefixTuning:
    """The config of an adapter's files: that of the finished prefix, since PEFT never writes the perceptron.

    Raises ModelError for what is broken, and for settings that mean more than ours.
    """
    files.refuse_others(_READ)
    return PrefixTuning(virtual_tokens=_flat(files).shape[0])


def from_peft(settings: Mapping[str, Any]) -> PrefixTuning | None:
    """The config of ours for PEFT's `PrefixTuningConfig(...).to_dict()`; None where it asks for more than ours has.

    Sizes that PEFT reads from the model (token_dim, num_layers, ...) are for PEFT where a config sets them.
    """
    sizes = ("token_dim", "num_attention_heads", "num_layers")
    if any(settings.get(name) is not None for name in sizes) or settings.get("num_transformer_submodules") not in (None, 1):
        return None
    projection = bool(settings.get("prefix_projection"))
    try:
        return PrefixTuning(
            virtual_tokens=settings["num_virtual_tokens"],
            projection=projection,
            encoder_hidden_size=settings.get("encoder_hidden_size") if projection else None,
            init=settings.get("init_weights") or "random",
        )
    except AfinarError:
        return None


def _flat(files: peft_files.Files) -> Tensor:
    path = files.directory / WEIGHTS_FILE
    strange = [f"{name} {tuple(tensor.shape)}" for name, tensor in files.tensors.items() if name != FLAT or tensor.dim() != 2]
    if strange or FLAT not in files.tensors:
        raise ModelError("methods.strange_tensors", path=path, got=", ".join(strange[:3]) or "-")
    return files.tensors[FLAT]
