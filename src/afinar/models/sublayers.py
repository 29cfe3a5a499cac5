"""Where the two sub-layers of each decoder layer, attention and feed-forward, enter the residual stream.

    sequential:   x₁ = x + attention(norm(x))       y = x₁ + feed_forward(norm(x₁))
    parallel:     y = x + attention(norm(x)) + feed_forward(norm(x))                 GPT-NeoX, Phi, Cohere
    post-norm:    x₁ = x + norm(attention(norm(x))),  y likewise                     Gemma-2, GLM-4, OLMo-2

A *branch* is what is added: its output is that of one module (a projection, a whole MLP, the dropout or norm after it),
and the *stream* that it is added to is the input of another, mostly the norm before the sub-layer. In a parallel layer there
is no stream between attention and feed-forward.

The table is proven, not only read: the tests add up what the modules really compute on a tiny model of each architecture,
as :mod:`afinar.models.residual` does for one that the table lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from torch import nn
from transformers import PreTrainedModel

from afinar.errors import ModelError
from afinar.models.decoder import decoder_of

Kind = Literal["attention", "feed_forward"]


class Branch(NamedTuple):
    """One sub-layer, by names of modules within a decoder layer.

    output: the module whose output is added to the stream. stream: the module whose first input is that stream, and not the
    layer, whose hooks do not run again when gradient checkpointing recomputes it; None where feed-forward has no stream of
    its own, in parallel layers. before_norm: where a norm ends the branch, the module before it.
    """

    output: str
    stream: str | None
    before_norm: str | None = None


class Branches(NamedTuple):
    """Both sub-layers of a decoder layer."""

    attention: Branch
    feed_forward: Branch


_O_PROJ = Branch("self_attn.o_proj", "input_layernorm")
_LLAMA = Branches(_O_PROJ, Branch("mlp", "post_attention_layernorm"))
_GEMMA2 = Branches(
    Branch("post_attention_layernorm", "input_layernorm", "self_attn.o_proj"),
    Branch("post_feedforward_layernorm", "pre_feedforward_layernorm", "mlp"),
)
_OLMO2 = Branches(
    Branch("post_attention_layernorm", "self_attn", "self_attn.o_proj"),
    Branch("post_feedforward_layernorm", "mlp", "mlp"),
)
_GLM4 = Branches(
    Branch("post_self_attn_layernorm", "input_layernorm", "self_attn.o_proj"),
    Branch("post_mlp_layernorm", "post_attention_layernorm", "mlp"),
)
_GPT2 = Branches(Branch("attn.resid_dropout", "ln_1"), Branch("mlp", "ln_2"))
_GPT_NEO = Branches(Branch("attn.attention.resid_dropout", "ln_1"), Branch("mlp", "ln_2"))
_GPTJ = Branches(Branch("attn.resid_dropout", "ln_1"), Branch("mlp", None))
_PHI = Branches(Branch("self_attn.dense", "input_layernorm"), Branch("mlp", None))
_PHI3 = Branches(Branch("resid_attn_dropout", "input_layernorm"), Branch("resid_mlp_dropout", "post_attention_layernorm"))
_COHERE = Branches(_O_PROJ, Branch("mlp", None))
_PERSIMMON = Branches(Branch("self_attn.dense", "input_layernorm"), Branch("mlp", "post_attention_layernorm"))


def _gpt_neox(config: Any) -> Branches:
    stream = None if config.use_parallel_residual else "post_attention_layernorm"
    return Branches(Branch("post_attention_dropout", "input_layernorm"), Branch("post_mlp_dropout", stream))


def _opt(config: Any) -> Branches:
    before, after = ("self_attn_layer_norm", "final_layer_norm") if config.do_layer_norm_before else ("self_attn", "fc1")
    return Branches(Branch("self_attn.out_proj", before), Branch("fc2", after))


def _stablelm(config: Any) -> Branches:
    return Branches(_O_PROJ, Branch("dropout", None if config.use_parallel_residual else "post_attention_layernorm"))


BRANCHES: dict[str, Branches | Callable[[Any], Branches]] = {
    "codegen": _GPTJ,
    "cohere": _COHERE,
    "cohere2": _COHERE,
    "gemma": _LLAMA,
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA2,
    "glm": _LLAMA,
    "glm4": _GLM4,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": _GPT_NEO,
    "gpt_neox": _gpt_neox,
    "gpt_oss": _LLAMA,
    "gptj": _GPTJ,
    "helium": _LLAMA,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "olmo": _LLAMA,
    "olmo2": _OLMO2,
    "opt": _opt,
    "persimmon": _PERSIMMON,
    "phi": _PHI,
    "phi3": _PHI3,
    "qwen2": _LLAMA,
    "qwen2_moe": _LLAMA,
    "qwen3": _LLAMA,
    "qwen3_moe": _LLAMA,
    "smollm3": _LLAMA,
    "stablelm": _stablelm,
    "starcoder2": _LLAMA,
}
"""The branches by `config.model_type`; a function where they hang on the config."""


def known_branches(config: Any) -> Branches | None:
    """The branches of an architecture of the table, or None."""
    found = BRANCHES.get(config.model_type)
    return found(config) if callable(found) else found


def decoder_layers(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The decoder's layers by path, first to last. Raises ModelError for a model without a list of layers."""
    decoder = decoder_of(model)
    start = next(path for path, module in model.named_modules() if module is decoder)
    lists = [(name, child) for name, child in decoder.named_children() if isinstance(child, nn.ModuleList)]
    if not lists:
        raise ModelError("bottleneck.no_layers", got=type(model).__name__)
    name, layers = max(lists, key=lambda pair: sum(parameter.numel() for parameter in pair[1].parameters()))
    path = f"{start}.{name}" if start else name
    return {f"{path}.{index}": layer for index, layer in enumerate(layers)}
