"""PEFT's files of (IA)³, both ways.

    adapter_config.json           {"peft_type": "IA3", "target_modules": [...], "feedforward_modules": [...], ...}
    adapter_model.safetensors     base_model.model.<path>.ia3_l  (out, 1) on outputs, (1, in) on inputs

Which layers are scaled, and on which side, the tensors say themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from afinar.errors import AfinarError, ModelError
from afinar.methods import peft_files
from afinar.methods.config import IA3
from afinar.methods.head import head_state
from afinar.methods.ia3_targets import Targets
from afinar.methods.peft_files import PREFIX
from afinar.models.targets import features, is_linear, shortest_endings

Vectors = dict[str, tuple[Tensor, bool]]
"""By path of the layer: its vector (n,), and whether it scales the inputs."""

_READ = {"target_modules", "feedforward_modules", "fan_in_fan_out", "init_ia3_weights", "exclude_modules"}


def write(
    directory: str | Path, vectors: Vectors, *, model: PreTrainedModel, fan_in_fan_out: bool, base: str, task: str
) -> None:
    """Write the vectors as PEFT does. `fan_in_fan_out`: the layers are GPT-2's Conv1D, with weights stored in × out."""
    settings = {
        "peft_type": "IA3",
        "target_modules": shortest_endings(model, vectors),
        "feedforward_modules": shortest_endings(model, (path for path, (_, inside) in vectors.items() if inside)),
        "fan_in_fan_out": fan_in_fan_out,
        "init_ia3_weights": True,
    }
    tensors = {
        f"{PREFIX}{path}.ia3_l": vector.view(1, -1) if inside else vector.view(-1, 1)
        for path, (vector, inside) in vectors.items()
    }
    peft_files.write(directory, settings, tensors, base=base, task=task, head=head_state(model))


def read(directory: str | Path) -> tuple[Vectors, dict[str, Tensor]]:
    """The vectors of an adapter that this package or PEFT wrote, and the classification head's tensors.

    Raises ModelError where files are missing or broken, for another kind of adapter, and for what would be lost.
    """
    files = peft_files.read(directory)
    if files.settings["peft_type"] != "IA3":
        raise ModelError("ia3.other_type", path=files.path, got=files.settings["peft_type"])
    return _vectors(files), files.head


def config_of_files(files: peft_files.Files) -> IA3:
    """The config of an adapter's files; layers chosen by a pattern are given as their paths."""
    vectors = _vectors(files)
    named = [files.settings.get(name) for name in ("target_modules", "feedforward_modules")]
    if all(isinstance(names, list) for names in named):
        targets, inside = (tuple(sorted(names or [])) for names in named)
    else:
        targets, inside = tuple(vectors), tuple(path for path, (_, inputs) in vectors.items() if inputs)
    try:
        return IA3(target_modules=targets, feedforward_modules=inside)
    except (AfinarError, TypeError) as error:
        raise ModelError("methods.broken_file", path=files.path, reason=error) from error


def from_peft(settings: Mapping[str, Any]) -> IA3 | None:
    """Our config for one of PEFT's to train with; None where it asks for more: patterns, layers left out, random vectors."""
    if any(value for name, value in settings.items() if name not in _READ | peft_files.INERT):
        return None
    if settings.get("exclude_modules") or not settings.get("init_ia3_weights", True):
        return None
    chosen = {name: settings.get(name) for name in ("target_modules", "feedforward_modules")}
    if any(isinstance(value, str) for value in chosen.values()):
        return None
    return IA3(**{name: "auto" if value is None else tuple(sorted(value)) for name, value in chosen.items()})


def layers_at(model: PreTrainedModel, vectors: Vectors) -> Targets:
    """The layers of `model` that `vectors` scale. Raises ModelError where one is missing or of another size."""
    layers = {path: module for path, module in model.named_modules() if is_linear(module)}
    for path, (vector, inside) in vectors.items():
        if path not in layers:
            raise ModelError("methods.adapter_of_another_model", path=path, model=type(model).__name__)
        expected = features(layers[path])[0 if inside else 1]
        if len(vector) != expected:
            raise ModelError("methods.state_shape", name=f"{path}.ia3_l", got=tuple(vector.shape), expected=(expected,))
    return {path: (layers[path], inside) for path, (_, inside) in vectors.items()}


def _vectors(files: peft_files.Files) -> Vectors:
    files.refuse_others(_READ)
    vectors: Vectors = {}
    for key, tensor in files.tensors.items():
        path = key.removeprefix(PREFIX).removesuffix(".ia3_l")
        if f"{PREFIX}{path}.ia3_l" != key or tensor.dim() != 2 or 1 not in tensor.shape:
            raise ModelError("ia3.strange_tensors", path=files.path, got=f"{key} {tuple(tensor.shape)}")
        vectors[path] = (tensor.flatten(), tensor.shape[0] == 1)
    if not vectors:
        raise ModelError("ia3.strange_tensors", path=files.path, got="-")
    return vectors
