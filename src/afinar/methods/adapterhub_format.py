"""AdapterHub's files: what is written here, its `adapters` loads (`load_adapter(folder, use_safetensors=True)`), and back.

    adapter_config.json          {"config": {"mh_adapter": true, ...}, "model_type": "llama", "hidden_size": 4096, ...}
    adapter.safetensors          model.layers.0.attention_adapters.adapters.<name>.adapter_down.0.weight (S, H), ...
    head_config.json, model_head.safetensors     of a classifier: score.weight (classes, hidden)

What the config's keys mean is the matter of :mod:`afinar.methods.adapterhub_config`. AdapterHub writes pickles unless it
is asked for safetensors (`save_adapter(..., use_safetensors=True)`); pickles are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from afinar.errors import ModelError
from afinar.methods import exports
from afinar.methods.adapterhub_config import computes, from_config, to_config
from afinar.methods.config.bottleneck import AdapterConfig
from afinar.methods.exports import Card
from afinar.methods.head import HEAD, head_state

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter.safetensors"
PICKLE_FILE = "pytorch_adapter.bin"
HEAD_CONFIG_FILE = "head_config.json"
HEAD_FILE = "model_head.safetensors"
NAME = "afinar"
VERSION = "adapters.1.3.0"
"""Whose format is written; AdapterHub looks for the prefix."""

SIDES = {"attention": "attention_adapters", "feed_forward": "output_adapters"}
_KEY = re.compile(r"(?:^|\.)(\d+)\.(attention_adapters|output_adapters)\.adapters\.([^.]+)\.(.+)$")


@dataclass(frozen=True)
class Files:
    """What the files of an adapter hold.

    tensors: by layer and sub-layer, as `0.attention.down.weight`. head: the classifier's, by names in the model.
    lm_head: the LM head that AdapterHub saves with a causal model; None where there is none.
    """

    config: AdapterConfig
    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    head: dict[str, Tensor]
    lm_head: Tensor | None
    labels: tuple[str, ...]

    def check_same(self, config: AdapterConfig) -> None:
        """Raise ModelError unless `config` computes what the saved adapters were trained to."""
        ours, theirs = computes(config), computes(self.config)
        for field, expected in theirs.items():
            if ours[field] != expected:
                raise ModelError("methods.other_config", field=f"method.{field}", got=ours[field], expected=expected)

    def check_lm_head(self, model: PreTrainedModel) -> None:
        """Raise ModelError where the file holds an LM head that is not the model's: AdapterHub trains an untied one."""
        head = model.get_output_embeddings()
        if self.lm_head is None or head is None:
            return
        weight = head.weight.detach()
        if weight.shape != self.lm_head.shape or not torch.equal(weight, self.lm_head.to(weight)):
            raise ModelError("bottleneck.other_lm_head", file=HEAD_FILE)


def is_adapterhub(directory: Path) -> bool:
    """Whether `directory` holds an adapter of AdapterHub's; PEFT's configs have the same file name."""
    path = directory / CONFIG_FILE
    return path.exists() and _is_settings(exports.read_json(path))


def read(directory: str | Path) -> Files:
    """The adapter in `directory`, ours or AdapterHub's own.

    Raises ModelError where files are missing, broken or pickles, and for what bottleneck adapters here cannot represent.
    """
    directory = Path(directory)
    settings = exports.read_json(directory / CONFIG_FILE)
    if not _is_settings(settings):
        raise ModelError("bottleneck.other_kind", path=directory / CONFIG_FILE, got=settings.get("peft_type", "?"))
    if not (directory / WEIGHTS_FILE).exists() and (directory / PICKLE_FILE).exists():
        raise ModelError("bottleneck.pickle", file=PICKLE_FILE, directory=directory)
    tensors = _by_place(directory / WEIGHTS_FILE, exports.read_tensors(directory / WEIGHTS_FILE))
    own = (directory / exports.CARD_FILE).exists()
    config = exports.read_card(directory).config if own else to_config(directory / CONFIG_FILE, settings)
    saved = exports.read_tensors(directory / HEAD_FILE) if (directory / HEAD_FILE).exists() else {}
    head = {name: tensor for name, tensor in saved.items() if name.startswith(f"{HEAD}.")}
    return Files(config, settings, tensors, head, saved.get("lm_head.weight"), _labels(directory, head) if head else ())


def card(directory: Path) -> Card:
    """The card of a foreign adapter: its config, base, task and labels."""
    files = read(directory)
    task = "classification" if files.head else "causal"
    return Card(files.config, str(files.settings.get("model_name") or ""), task, files.labels, version="")


def write(
    directory: str | Path,
    config: AdapterConfig,
    model: PreTrainedModel,
    tensors: Mapping[str, Tensor],
    paths: Mapping[int, str],
    *,
    base: str,
    task: str,
) -> None:
    """Write AdapterHub's files and `afinar.json`. tensors: as in :class:`Files`; paths: the adapted layers' by index."""
    directory = Path(directory)
    exports.write_card(directory, config, model, base=base, task=task)
    common = {
        "hidden_size": model.config.hidden_size,
        "model_class": type(model).__name__.removeprefix("FSDP"),  # which FSDP2 puts before the class's name
        "model_name": base,
        "model_type": model.config.model_type,
        "version": VERSION,
    }
    settings = {**common, "name": NAME, "config": from_config(config, model.config.hidden_size)}
    exports.write_json(directory / CONFIG_FILE, settings)
    exports.write_tensors(directory / WEIGHTS_FILE, _by_name(tensors, paths, ln_before=config.ln_before))
    head = head_state(model)
    if head:
        labels = {"label2id": model.config.label2id, "num_labels": model.config.num_labels}
        exports.write_json(directory / HEAD_CONFIG_FILE, {**common, **labels, "name": None, "config": None})
        exports.write_tensors(directory / HEAD_FILE, head)


def _is_settings(values: Mapping[str, Any]) -> bool:
    return {"config", "model_type"} <= values.keys()


def _by_place(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors by our names. Raises ModelError for tensors of other kinds, or of several adapters."""
    kinds = {side: kind for kind, side in SIDES.items()}
    found: dict[str, Tensor] = {}
    strange, names = [], set()
    norms = any(".adapter_norm_before." in key for key in tensors)
    ours = {theirs: name for name, theirs in _names(ln_before=norms).items()}
    for key, tensor in tensors.items():
        match = _KEY.search(key)
        if match is None or match[4] not in ours | _copies(norms):
            strange.append(f"{key} {tuple(tensor.shape)}")
        elif match[4] in ours:
            found[f"{match[1]}.{kinds[match[2]]}.{ours[match[4]]}"] = tensor
            names.add(match[3])
    if strange or len(names) != 1:
        raise ModelError("bottleneck.strange_tensors", path=path, got=", ".join(strange[:3] or sorted(names)) or "-")
    return found


def _by_name(tensors: Mapping[str, Tensor], paths: Mapping[int, str], *, ln_before: bool) -> dict[str, Tensor]:
    """Our tensors by the file's names."""
    theirs = _names(ln_before=ln_before)
    written: dict[str, Tensor] = {}
    for place, tensor in tensors.items():
        layer, kind, name = place.split(".", 2)
        start = f"{paths[int(layer)]}.{SIDES[kind]}.adapters.{NAME}"
        written[f"{start}.{theirs[name]}"] = tensor
        for copy, original in _copies(ln_before).items():
            if original == theirs[name]:
                written[f"{start}.{copy}"] = tensor.clone()
    return written


def _names(*, ln_before: bool) -> dict[str, str]:
    """AdapterHub's names by ours: a norm before the first layer takes its place in the sequence."""
    down = 1 if ln_before else 0
    pairs = {"down": f"adapter_down.{down}", "up": "adapter_up", "norm_after": "adapter_norm_after"}
    pairs |= {"norm_before": "adapter_norm_before"} if ln_before else {}
    named = {f"{name}.{part}": f"{theirs}.{part}" for name, theirs in pairs.items() for part in ("weight", "bias")}
    return named | {"scaling": "scaling"}


def _copies(ln_before: bool) -> dict[str, str]:
    """Names under which AdapterHub keeps a tensor a second time."""
    if not ln_before:
        return {}
    return {f"adapter_down.0.{part}": f"adapter_norm_before.{part}" for part in ("weight", "bias")}


def _labels(directory: Path, head: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The class names in the order of the head's outputs; transformers' LABEL_0, ... where none are written."""
    count = head[f"{HEAD}.weight"].shape[0]
    path = directory / HEAD_CONFIG_FILE
    known = exports.read_json(path).get("label2id") if path.exists() else None
    if not isinstance(known, dict) or sorted(known.values()) != list(range(count)):
        return tuple(f"LABEL_{index}" for index in range(count))
    return tuple(sorted(known, key=lambda label: known[label]))
