"""Decoders as GGUF describes them: settings under llama.cpp's names, tensors under its names and in its layout.

llama.cpp's program for an architecture is fixed: what is not among its settings is as its authors wrote it. A model that asks
for something else would load and answer wrongly, so :func:`describe` refuses it by name. The architectures here are those that
transformers also reads back from a GGUF file, so that each export can be compared with the model it came from.

Layouts that differ from transformers':

    llama, mistral   rows of q_proj and k_proj: a head's rotary pairs (i, i + d/2) lie side by side, (2i, 2i + 1)
    gemma2           norm weights carry the 1 that transformers adds
    gpt2             Conv1D weights (in, out) are transposed

Shapes: H heads, D dimensions of a head, I in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from afinar.errors import ModelError

Layout = Callable[[str, Tensor, Any], Tensor]


@dataclass(frozen=True)
class Architecture:
    """A model type of transformers in GGUF: the name there, what must hold, and how its tensors are laid out."""

    name: str
    fixed: Mapping[str, tuple[Any, ...]]
    """Settings that llama.cpp has built in, and the values that it has for them."""
    layout: Layout


def _pairs_side_by_side(weight: Tensor, heads: int) -> Tensor:
    """(H·D, I) or (H·D,): within each head, row j of the first half beside row j of the second."""
    halves = weight.view(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape)


def _llama(name: str, tensor: Tensor, config: Any) -> Tensor:
    if ".q_proj." in name:
        return _pairs_side_by_side(tensor, config.num_attention_heads)
    if ".k_proj." in name:
        return _pairs_side_by_side(tensor, config.num_key_value_heads)
    return tensor


def _as_it_is(name: str, tensor: Tensor, config: Any) -> Tensor:
    return tensor


def _gemma2(name: str, tensor: Tensor, config: Any) -> Tensor:
    return tensor.float() + 1 if name.endswith("norm.weight") else tensor


def _gpt2(name: str, tensor: Tensor, config: Any) -> Tensor:
    return tensor.t() if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")) else tensor


_SILU = {"hidden_act": ("silu", "swish")}
_NO_BIAS = {"attention_bias": (False,), "mlp_bias": (False,)}
ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture("llama", {**_SILU, **_NO_BIAS}, _llama),
    "mistral": Architecture("llama", _SILU, _llama),
    "qwen2": Architecture("qwen2", _SILU, _as_it_is),
    "qwen3": Architecture("qwen3", {**_SILU, "attention_bias": (False,)}, _as_it_is),
    "gemma2": Architecture("gemma2", {"hidden_activation": ("gelu_pytorch_tanh",), "attention_bias": (False,)}, _gemma2),
    "gpt2": Architecture(
        "gpt2",
        {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
        },
        _gpt2,
    ),
}


def describe(config: Any) -> tuple[Architecture, dict[str, Any]]:
    """The architecture of a model's `config`, and its settings by the names of :class:`gguf.GGUFWriter`'s `add_...`.

    Raises ModelError for an architecture, or a setting of it, that cannot be written.
    """
    if config.model_type not in ARCHITECTURES:
        raise ModelError("exporting.gguf_architecture", got=config.model_type, allowed=", ".join(ARCHITECTURES))
    architecture = ARCHITECTURES[config.model_type]
    for name, allowed in architecture.fixed.items():
        _need(config, name, getattr(config, name), allowed)
    settings = _gpt2_settings(config) if architecture.name == "gpt2" else _llama_settings(config)
    return architecture, {**settings, "vocab_size": config.vocab_size, "block_count": config.num_hidden_layers}


def extra_tensors(config: Any) -> dict[str, Tensor]:
    """Tensors that no parameter holds: by what each rotary frequency is divided, where Llama 3 stretches them."""
    if _rope_type(config) != "llama3":
        return {}
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    size = config.head_dim
    plain = config.rope_parameters["rope_theta"] ** -(torch.arange(0, size, 2, dtype=torch.float32) / size)
    return {"rope_freqs.weight": plain / stretched}


def _gpt2_settings(config: Any) -> dict[str, Any]:
    return {
        "context_length": config.n_positions,
        "embedding_length": config.n_embd,
        "feed_forward_length": config.n_inner or 4 * config.n_embd,
        "head_count": config.n_head,
        "layer_norm_eps": config.layer_norm_epsilon,
    }


def _llama_settings(config: Any) -> dict[str, Any]:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads  # Qwen2 has no such field
    rope = _rope_type(config)
    if rope not in ("default", "linear", "llama3"):
        _refuse(config, "rope_type", rope, ("default", "linear", "llama3"))
    settings = {
        "context_length": _context(config),
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "head_count": config.num_attention_heads,
        "head_count_kv": config.num_key_value_heads,
        "key_length": head,
        "value_length": head,
        "layer_norm_rms_eps": config.rms_norm_eps,
        "rope_dimension_count": head,
        "rope_freq_base": float(config.rope_parameters["rope_theta"]),
    }
    if rope == "linear":
        settings["rope_scaling_factor"] = float(config.rope_parameters["factor"])
    if config.model_type == "gemma2":
        settings |= _gemma2_settings(config, head)
    return settings


def _gemma2_settings(config: Any, head: int) -> dict[str, Any]:
    _need(config, "query_pre_attn_scalar", config.query_pre_attn_scalar, (head,))
    kinds = ["full_attention" if layer % 2 else "sliding_attention" for layer in range(config.num_hidden_layers)]
    _need(config, "layer_types", list(config.layer_types), (kinds,))
    return {
        "attn_logit_softcapping": config.attn_logit_softcapping,
        "final_logit_softcapping": config.final_logit_softcapping,
        "sliding_window": config.sliding_window,
    }


def _context(config: Any) -> int:
    """The longest text for which llama.cpp computes what the model does: it knows no sliding window but Gemma 2's."""
    positions = int(config.max_position_embeddings)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"]  # Mistral has none: each of its layers slides
    window = getattr(config, "sliding_window", None)  # Llama has no such field
    if window is None or config.model_type == "gemma2" or "sliding_attention" not in kinds:
        return positions
    return min(positions, int(window))


def _rope_type(config: Any) -> str:
    if config.model_type == "gpt2":
        return "none"
    return str(config.rope_parameters.get("rope_type", "default"))


def _need(config: Any, name: str, got: Any, allowed: tuple[Any, ...]) -> None:
    if got not in allowed:
        _refuse(config, name, got, allowed)


def _refuse(config: Any, name: str, got: Any, allowed: tuple[Any, ...]) -> None:
    raise ModelError(
        "exporting.gguf_setting", architecture=config.model_type, name=name, got=got, allowed=", ".join(map(str, allowed))
    )
