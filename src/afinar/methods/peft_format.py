"""PEFT's LoRA files, both ways: what is written here loads in `peft.PeftModel.from_pretrained`, and PEFT's own here.

    adapter_config.json           {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", ...], ...}
    adapter_model.safetensors     base_model.model.<path>.
        linear                      lora_A.weight (r, in)   lora_B.weight (out, r)   lora_magnitude_vector (out,)
                                    base_layer.bias (out,)                            a bias that trains
        embeddings                  lora_embedding_A (r, V)   lora_embedding_B (D, r)
        trained tokens              token_adapter.trainable_tokens_delta (n, D)       the rows themselves
        trained layers, heads       weight, bias                                      through modules_to_save

Initialisations that do not start at zero are written as an update of twice the rank, [B, -B0] [A; A0], so that PEFT needs the
original base only. What an adapter of PEFT's covers is read from its tensors; what its settings mean is
:mod:`afinar.methods.peft_settings`. Whatever cannot be represented is refused by name: leaving it out silently would give
another model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from afinar.errors import ModelError
from afinar.methods import peft_files
from afinar.methods.adapted import Adapted, Kind
from afinar.methods.config import LoRA
from afinar.methods.head import HEAD
from afinar.methods.lora_embedding import LoRAEmbedding, TiedLoRAHead
from afinar.methods.lora_init import SHIFTED
from afinar.methods.lora_layer import LoRALayer
from afinar.methods.peft_files import CONFIG_FILE, PREFIX, WEIGHTS_FILE
from afinar.methods.peft_settings import config_from, from_peft, settings_of, token_order
from afinar.methods.trained_parts import TrainedLayer, TrainedTokens

__all__ = ["CONFIG_FILE", "WEIGHTS_FILE", "Adapter", "config_of_files", "from_peft", "read", "read_config", "write"]

_LINEAR = {"lora_A.weight": "A", "lora_B.weight": "B", "lora_magnitude_vector": "magnitude", "base_layer.bias": "trained_bias"}
_EMBEDDING = {"lora_embedding_A": "A", "lora_embedding_B": "B"}
_TOKENS = {"token_adapter.trainable_tokens_delta": "token_rows"}
_OURS: dict[str, tuple[Kind, str]] = {
    **{theirs: ("linear", ours) for theirs, ours in _LINEAR.items()},
    **{theirs: ("embedding", ours) for theirs, ours in _EMBEDDING.items()},
    **{theirs: ("tokens", ours) for theirs, ours in _TOKENS.items()},
}
"""PEFT's names of an adapter's tensors: the kind of place they lie in, and our name."""
_SAVED_BASE = ".base_layer.weight"
_COMPUTES = ("r", "alpha", "rank_stabilised", "rank_pattern", "alpha_pattern", "dora", "bias", "trainable_tokens")
"""Fields of LoRA that change what its tensors compute."""


Places = dict[str, tuple[Kind, dict[str, Tensor]]]
"""By the path of the layer, the kind of place and its tensors by our names."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter away from its model.

    head: the classification head's tensors by their names in the model; empty for a causal model.
    base_weights: embeddings of the base itself that PEFT saved along, to be compared.
    """

    config: LoRA
    places: Places
    head: dict[str, Tensor]
    base_weights: dict[str, Tensor]

    @property
    def draws(self) -> bool:
        """Whether A and B were trained from values that are to be found from the base again: PEFT's own PiSSA and OLoRA."""
        linear = [values for kind, values in self.places.values() if kind == "linear"]
        return self.config.initialisation in SHIFTED and not any("A0" in values for values in linear)

    def tensors(self) -> dict[str, Tensor]:
        """The training state that it stands for."""
        named = {f"{path}.{name}": value for path, (_, values) in self.places.items() for name, value in values.items()}
        return {**named, **self.head}

    def for_config(self, config: LoRA) -> Adapter:
        """The adapter as `config` has it: an update of twice the rank taken apart where it started elsewhere than at zero.

        Raises ModelError unless `config` computes what this adapter was trained to compute.
        """
        if config.initialisation in SHIFTED and self.config.initialisation not in SHIFTED:
            return self._taken_apart(config)
        _check_same(config, self.config)
        return self

    def _taken_apart(self, config: LoRA) -> Adapter:
        places = {}
        for path, (kind, values) in self.places.items():
            places[path] = (kind, values)
            if kind == "linear":
                r, scale = config.rank_of(path), self.config.scale_of(path)
                if len(values["A"]) != 2 * r or not math.isclose(scale, config.scale_of(path), rel_tol=1e-6):
                    _check_same(config, self.config)
                places[path] = (kind, values | _apart(values, r))
        return replace(self, config=config, places=places)


def write(
    directory: str | Path,
    config: LoRA,
    layers: Mapping[str, Adapted],
    *,
    base: str,
    task: str,
    target_modules: list[str],
    modules_to_save: list[str],
    fan_in_fan_out: bool,
    head: Mapping[str, Tensor],
) -> None:
    """Write an adapter as PEFT does. layers: the adapting layers of the model, by path.

    target_modules, modules_to_save: names for exactly the layers with a low-rank update, and those that train whole, as PEFT
    matches them. fan_in_fan_out: they are GPT-2's Conv1D, with weights
    stored in × out.
    """
    tokens = {path: layer for path, layer in layers.items() if isinstance(layer, TrainedTokens) and not layer.follows}
    saved = [*modules_to_save, *([HEAD] if head else [])]
    settings = settings_of(config, target_modules, modules_to_save=saved, trained_tokens=list(tokens))
    tensors = {
        f"{PREFIX}{path}.{name}": value.detach().contiguous()
        for path, layer in layers.items()
        for name, value in _theirs(layer).items()
    }
    settings["fan_in_fan_out"] = fan_in_fan_out
    peft_files.write(directory, settings, tensors, base=base, task=task, head=head)


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


# --- tensors -------------------------------------------------------------------------------------------------------


def _theirs(layer: Adapted) -> dict[str, Tensor]:
    """The tensors of one adapting layer under PEFT's names."""
    if isinstance(layer, LoRALayer):
        A, B = layer.factors()
        rest = {theirs: layer.tensors().get(ours) for theirs, ours in _LINEAR.items() if ours not in "AB"}
        return {"lora_A.weight": A, "lora_B.weight": B} | {name: value for name, value in rest.items() if value is not None}
    if isinstance(layer, LoRAEmbedding):
        return {theirs: layer.tensors()[ours] for theirs, ours in _EMBEDDING.items()}
    if isinstance(layer, TiedLoRAHead):
        (embedding,) = layer.followed
        return {"lora_A.weight": embedding.B.t().clone(), "lora_B.weight": embedding.A.t().clone()}
    if isinstance(layer, TrainedTokens):
        return {theirs: layer.tensors()[ours] for theirs, ours in _TOKENS.items()} if not layer.follows else {}
    if isinstance(layer, TrainedLayer):
        return {name: value.detach().clone() for name, value in layer.modules_to_save.named_parameters()}
    raise TypeError(type(layer).__name__)


def _apart(values: Mapping[str, Tensor], r: int) -> dict[str, Tensor]:
    A, B = values["A"], values["B"]
    return {"A": A[:r], "B": B[:, :r], "A0": A[r:], "B0": -B[:, r:]}


def _adapter(files: peft_files.Files) -> Adapter:
    low_rank = [key.partition(".lora_")[0].removeprefix(PREFIX) for key in files.tensors if ".lora_" in key]
    config = config_from(files, tuple(dict.fromkeys(low_rank)))
    places, base_weights, strange = _sort(files.tensors, config)
    strange += _incomplete(places, config)
    if strange or not places:
        raise ModelError("methods.strange_tensors", path=files.directory / WEIGHTS_FILE, got=", ".join(strange[:3]) or "-")
    order = token_order(files.settings)
    for kind, values in places.values():
        if kind == "tokens":  # ours are sorted
            values["token_rows"] = values["token_rows"][torch.tensor(order).argsort()]
    return Adapter(config, places, files.head, base_weights)


def _incomplete(places: Mapping[str, tuple[Kind, dict[str, Tensor]]], config: LoRA) -> list[str]:
    """What is in the files without the tensors that belong to it."""
    lacking = []
    for path, (kind, values) in places.items():
        pair = {"A", "B"} | ({"magnitude"} if config.dora and kind == "linear" else set())
        if kind in ("linear", "embedding") and not pair <= values.keys():
            lacking += [f"{path}.{theirs}" for theirs, place in _OURS.items() if place[0] == kind and place[1] in values]
    if config.trainable_tokens and not any(kind == "tokens" for kind, _ in places.values()):
        lacking.append("trainable_token_indices")
    return lacking


def _sort(tensors: Mapping[str, Tensor], config: LoRA) -> tuple[Places, dict[str, Tensor], list[str]]:
    """(places, base weights, what belongs nowhere)."""
    places: Places = {}
    base_weights: dict[str, Tensor] = {}
    strange: list[str] = []
    for key, tensor in tensors.items():
        name = key.removeprefix(PREFIX)
        path, kind, ours = _place_of(name, config)
        if name.endswith(_SAVED_BASE):
            base_weights[name.removesuffix(_SAVED_BASE)] = tensor
        elif kind and name != key and _fits(path, kind, ours, tensor, config) and places.get(path, (kind,))[0] == kind:
            places.setdefault(path, (kind, {}))[1][ours] = tensor
        else:
            strange.append(f"{key} {tuple(tensor.shape)}")
    return places, base_weights, strange


def _place_of(name: str, config: LoRA) -> tuple[str, Kind | None, str]:
    """(path, kind, our name) of a tensor; the kind is None where it has no place here."""
    for theirs, (kind, ours) in _OURS.items():
        if name.endswith(f".{theirs}"):
            return name.removesuffix(f".{theirs}"), kind, ours
    path, _, parameter = name.rpartition(".")
    saved = path.endswith(config.modules_to_save)  # without regard to whole names, as PEFT does it
    tied = config.ensure_weight_tying and bool(config.modules_to_save)  # a tied head is saved without being named
    return (path, "layer", f"modules_to_save.{parameter}") if saved or tied else ("", None, "")


def _fits(path: str, kind: str, ours: str, tensor: Tensor, config: LoRA) -> bool:
    if kind in ("linear", "embedding") and ours in ("A", "B"):
        return tensor.dim() == 2 and tensor.shape[0 if ours == "A" else 1] == config.rank_of(path)
    if kind == "tokens":
        return tensor.dim() == 2 and len(tensor) == len(config.trainable_tokens)
    return {"magnitude": config.dora, "trained_bias": config.bias == "lora_only"}.get(ours, True)


def _check_same(config: LoRA, expected: LoRA) -> None:
    for name in _COMPUTES:
        if getattr(config, name) != getattr(expected, name):
            values = {"got": getattr(config, name), "expected": getattr(expected, name)}
            raise ModelError("methods.other_config", field=f"method.{name}", **values)


def same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors have one shape and the same values, up to bfloat16's rounding."""
    return first.shape == second.shape and torch.allclose(first.float(), second.float(), atol=1e-6, rtol=1e-2)
