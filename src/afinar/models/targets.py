"""Which layers of a decoder an adapter goes onto: attention projections, or all linear layers but the LM head.

A target is named by the ending of its path, at whole components, as PEFT does: `q_proj` and `self_attn.q_proj` both name
`model.layers.0.self_attn.q_proj`. GPT-2 calls two layers `c_proj`, hence `attn.c_proj` in the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from afinar.errors import ConfigError

Linear = nn.Linear | Conv1D
"""What computes W x + b with a weight matrix; Conv1D is GPT-2's, whose weight is stored in × out."""

_LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj")
_OUT = ("q_proj", "k_proj", "v_proj", "out_proj")
_DENSE = ("q_proj", "k_proj", "v_proj", "dense")
_FUSED = ("query_key_value", "attention.dense")

ATTENTION: dict[str, tuple[str, ...]] = {
    "bloom": ("query_key_value", "self_attention.dense"),
    "codegen": ("qkv_proj", "out_proj"),
    "cohere": _LLAMA,
    "cohere2": _LLAMA,
    "falcon": ("query_key_value", "self_attention.dense"),
    "gemma": _LLAMA,
    "gemma2": _LLAMA,
    "gemma3_text": _LLAMA,
    "glm": _LLAMA,
    "glm4": _LLAMA,
    "gpt2": ("attn.c_attn", "attn.c_proj"),
    "gpt_bigcode": ("attn.c_attn", "attn.c_proj"),
    "gpt_neo": _OUT,
    "gpt_neox": _FUSED,
    "gpt_oss": _LLAMA,
    "gptj": _OUT,
    "granite": _LLAMA,
    "helium": _LLAMA,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "mpt": ("Wqkv", "attn.out_proj"),
    "olmo": _LLAMA,
    "olmo2": _LLAMA,
    "opt": _OUT,
    "persimmon": ("query_key_value", "self_attn.dense"),
    "phi": _DENSE,
    "phi3": ("qkv_proj", "o_proj"),
    "qwen2": _LLAMA,
    "qwen2_moe": _LLAMA,
    "qwen3": _LLAMA,
    "qwen3_moe": _LLAMA,
    "smollm3": _LLAMA,
    "stablelm": _LLAMA,
    "starcoder2": _LLAMA,
}
"""Attention projections by `config.model_type`."""

_INPUTS = ("q_proj", "k_proj", "v_proj", "query", "key", "value", "qkv_proj", "query_key_value", "Wqkv", "c_attn", "in_proj")
_OUTPUTS = ("o_proj", "out_proj", "dense", "c_proj", "wo")
_WITHIN = ("attn", "attention")


def is_linear(module: nn.Module) -> TypeGuard[Linear]:
    """Whether `module` is a layer that an adapter can go onto."""
    return isinstance(module, Linear)


def features(layer: Linear) -> tuple[int, int]:
    """(in, out) of a linear layer, whichever way its weight is stored."""
    if isinstance(layer, Conv1D):
        return layer.weight.shape[0], layer.weight.shape[1]
    return layer.in_features, layer.out_features


def linear_layers(model: PreTrainedModel) -> dict[str, Linear]:
    """Every linear layer by its path, in the model's order, without the LM head (tied or not) and the `score` head."""
    head = model.get_output_embeddings()
    return {
        path: module for path, module in model.named_modules() if is_linear(module) and module is not head and path != "score"
    }


def find_targets(model: PreTrainedModel, target_modules: str | Sequence[str]) -> dict[str, Linear]:
    """The layers that `target_modules` names, by path: "auto", "all-linear", or endings of paths.

    auto is the attention projections: the table :data:`ATTENTION`, and for an architecture that it lacks, the linear
    layers inside a module named attention whose names end as known ones do.

    Raises ConfigError for an ending that matches no layer, for the LM head, and where auto finds nothing; the error lists
    the endings that this model has.
    """
    layers = linear_layers(model)
    if target_modules == "all-linear":
        return layers
    if target_modules == "auto":
        return _attention(model, layers)
    wanted = (target_modules,) if isinstance(target_modules, str) else tuple(target_modules)
    for ending in wanted:
        if not any(matches(path, [ending]) for path in layers):
            _refuse(model, ending, layers)
    return {path: layer for path, layer in layers.items() if matches(path, wanted)}


def matches(path: str, endings: Iterable[str]) -> bool:
    """Whether `path` ends in one of `endings` at whole components."""
    return any(path == ending or path.endswith(f".{ending}") for ending in endings)


def shortest_endings(model: nn.Module, paths: Iterable[str]) -> list[str]:
    """Endings that name exactly the modules at `paths` and no other: one component if enough, else two, else all."""
    chosen = set(paths)
    for length in (1, 2):
        endings = {".".join(path.split(".")[-length:]) for path in chosen}
        if {path for path, _ in model.named_modules() if matches(path, endings)} == chosen:
            return sorted(endings)
    return sorted(chosen)


def _attention(model: PreTrainedModel, layers: dict[str, Linear]) -> dict[str, Linear]:
    endings = ATTENTION.get(model.config.model_type)
    if endings is not None:
        found = {path: layer for path, layer in layers.items() if matches(path, endings)}
    else:
        found = {path: layer for path, layer in layers.items() if _looks_like_attention(path)}
    if not found:
        raise ConfigError("methods.no_attention", architecture=model.config.model_type, candidates=_candidates(layers))
    return found


def _looks_like_attention(path: str) -> bool:
    *parents, name = path.split(".")
    inside = any(word in parent.lower() for parent in parents for word in _WITHIN)
    return inside and name in (*_INPUTS, *_OUTPUTS)


def _refuse(model: PreTrainedModel, ending: str, layers: dict[str, Linear]) -> None:
    head = model.get_output_embeddings()
    if any(matches(path, [ending]) for path, module in model.named_modules() if head is not None and module is head):
        raise ConfigError("methods.target_is_lm_head", got=ending, candidates=_candidates(layers))
    raise ConfigError("methods.no_target", got=ending, candidates=_candidates(layers))


def _candidates(layers: Iterable[str]) -> str:
    return ", ".join(sorted({path.rsplit(".", 1)[-1] for path in layers})) or "-"
