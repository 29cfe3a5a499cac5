"""Which layers (IA)³ scales, and which of them on their inputs: PEFT's choice for each architecture.

PEFT's table covers the families that it knows; those of Llama's build that it lacks get Llama's.
"""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel

from afinar.errors import ConfigError
from afinar.methods.config import IA3
from afinar.models.targets import Linear, linear_layers, matches

Targets = dict[str, tuple[Linear, bool]]
"""By path: a layer, and whether its inputs are scaled (feed-forward) or its outputs (attention)."""

_KEYS = (("k_proj", "v_proj"), ("down_proj",))
_QUERIES = (("q_proj", "v_proj"), ("down_proj",))
_FUSED = (("query_key_value",), ("dense_4h_to_h",))

TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bloom": (("query_key_value",), ("mlp.dense_4h_to_h",)),
    "cohere": _KEYS,
    "cohere2": _KEYS,
    "falcon": _FUSED,
    "gemma": _QUERIES,
    "gemma2": _QUERIES,
    "gemma3_text": _QUERIES,
    "glm": _KEYS,
    "glm4": _KEYS,
    "gpt2": (("c_attn",), ("mlp.c_proj",)),
    "gpt_bigcode": (("c_attn",), ("mlp.c_proj",)),
    "gpt_neo": (("q_proj", "v_proj"), ("mlp.c_proj",)),
    "gpt_neox": _FUSED,
    "gptj": (("q_proj", "v_proj"), ("fc_out",)),
    "granite": _KEYS,
    "helium": _KEYS,
    "llama": _KEYS,
    "mistral": _KEYS,
    "olmo": _KEYS,
    "olmo2": _KEYS,
    "opt": (("q_proj", "k_proj"), ("fc2",)),
    "phi": (("q_proj", "v_proj"), ("fc2",)),
    "qwen2": _QUERIES,
    "qwen3": _QUERIES,
    "smollm3": _KEYS,
    "stablelm": _KEYS,
    "starcoder2": (("k_proj", "v_proj"), ("mlp.c_proj",)),
}
"""(projections whose outputs are scaled, layers whose inputs are) by `config.model_type`."""


def find_layers(model: PreTrainedModel, config: IA3) -> Targets:
    """The layers that `config` names, by path.

    Raises ConfigError for an ending that matches no layer, where `auto` has nothing for the architecture, and for a
    feed-forward layer that is no target; the error lists the endings that this model has.
    """
    layers = linear_layers(model)
    known = TARGETS.get(model.config.model_type)
    outputs, inputs = known or ((), ())
    if known is None and "auto" in (config.target_modules, config.feedforward_modules):
        field = "target_modules" if config.target_modules == "auto" else "feedforward_modules"
        raise ConfigError("ia3.unknown_architecture", field=field, got=model.config.model_type, candidates=_endings(layers))
    targets = (*outputs, *inputs) if isinstance(config.target_modules, str) else config.target_modules
    feedforward = inputs if isinstance(config.feedforward_modules, str) else config.feedforward_modules
    _check("target_modules", targets, layers, layers)
    found = {path: layer for path, layer in layers.items() if matches(path, targets)}
    if not isinstance(config.feedforward_modules, str):
        _check("feedforward_modules", feedforward, found, layers)
    return {path: (layer, matches(path, feedforward)) for path, layer in found.items()}


def _check(field: str, endings: Sequence[str], among: dict[str, Linear], layers: dict[str, Linear]) -> None:
    for ending in endings:
        if not any(matches(path, [ending]) for path in among):
            raise ConfigError("ia3.no_match", field=field, got=ending, candidates=_endings(layers))


def _endings(layers: dict[str, Linear]) -> str:
    return ", ".join(sorted({path.rsplit(".", 1)[-1] for path in layers})) or "-"
