"""A base in 4 or 8 bits: what its weights become, and back.

    nf4     every linear layer but the head in NF4 (:mod:`afinar.ops.nf4`): 4.5 bits a weight, 4.127 with double quantisation
    int8    the same layers in 8 bits, one scale for each row: round(127 w / max |w| of the row)

Embeddings, norms, biases and the head (LM head or `score`) keep the dtype that the model is loaded in, and nothing is
raised to float32. GPT-2's Conv1D becomes a linear layer with the transposed weight.

transformers' loader reads one tensor from the safetensors files, quantises it, and lets it go before it reads the next, so
the float model is never whole in memory (:mod:`afinar.models.allocator` has what is freed given back); a checkpoint that
holds quantised weights is read as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from afinar.errors import ConfigError, ModelError
from afinar.models.config import ModelConfig

if TYPE_CHECKING:
    from afinar.models.quantised_layers import QuantisedLinear

STORED = ("nf4", "fp4", "int8")
"""Kinds of stored quantised weights that can be read; fp4 is read, but not made."""


def told_to_loader(
    config: ModelConfig, stored: PretrainedConfig, folder: Path, device: torch.device, dtype: torch.dtype
) -> dict[str, Any]:
    """The keywords by which transformers' loader makes (or keeps) a quantised base; empty for one in float.

    stored: the checkpoint's own configuration. device: where the tensors go, one by one. dtype: of the rest of the weights,
    in which products are computed too.
    Raises ConfigError where bitsandbytes is missing or does not serve `device`, or where the checkpoint is quantised in
    another way than `config` asks for; ModelError for a stored format on which no adapter trains here.
    """
    quantisation = getattr(stored, "quantization_config", None)  # set only on quantised checkpoints
    kind = config.quantize if quantisation is None else stored_kind(quantisation)
    if kind == "none":
        return {}
    if kind not in STORED:
        raise ModelError("models.quantized", got=kind)
    if find_spec("bitsandbytes") is None:
        raise ConfigError("quantised.no_bitsandbytes", kind=kind)
    if device.type not in ("cuda", "cpu", "xpu"):
        raise ConfigError("quantised.device", kind=kind, got=device.type)
    placed = {"device_map": {"": device}}
    if quantisation is None:
        return {**placed, "quantization_config": _made(config, dtype)}
    if config.quantize not in ("none", kind):
        raise ConfigError("quantised.stored_otherwise", path=str(folder), got=kind, asked=config.quantize)
    return placed


def _made(config: ModelConfig, dtype: torch.dtype) -> BitsAndBytesConfig:
    if config.quantize == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=config.double_quant,
        bnb_4bit_compute_dtype=dtype,
    )


def stored_kind(quantisation: Any) -> str:
    """The kind that a checkpoint's `quantization_config` names (a dict or transformers' object): nf4, int8, gptq, ..."""
    told = quantisation if isinstance(quantisation, dict) else quantisation.to_dict()
    if told.get("load_in_4bit"):
        return str(told.get("bnb_4bit_quant_type", "fp4"))
    return "int8" if told.get("load_in_8bit") else str(told.get("quant_method"))


def kind_of(model: PreTrainedModel) -> str:
    """How the model's weights are quantised: none, nf4, fp4, int8, or transformers' name of another format."""
    if not model.__dict__.get("is_quantized", False):  # transformers sets it on a model that it quantises, and on no other
        return "none"
    quantiser: Any = model.hf_quantizer
    return stored_kind(quantiser.quantization_config)


def double_quantised(model: PreTrainedModel) -> bool:
    """Whether the scales of a 4-bit model are quantised too."""
    return any(layer.weight.quant_state.nested for _, layer in quantised_layers(model) if hasattr(layer.weight, "quant_state"))


def count_weights(model: nn.Module) -> int:
    """The weights of `model`, tied ones once: those in 4 bits too, of which a byte holds two."""
    packed = {id(layer.weight): layer.in_features * layer.out_features for _, layer in quantised_layers(model)}
    return sum(packed.get(id(parameter), parameter.numel()) for parameter in model.parameters())


def adopt(model: nn.Module) -> None:
    """Make bitsandbytes' layers in `model` right on the CPU (:mod:`afinar.models.quantised_layers`); without any, nothing."""
    if "bitsandbytes" in sys.modules:
        from afinar.models import quantised_layers

        quantised_layers.adopt(model)


def quantised_layers(model: nn.Module) -> Iterator[tuple[str, QuantisedLinear]]:
    """The layers in 4 or 8 bits, with their paths; those of a model that was loaded elsewhere count once it is adopted."""
    if "bitsandbytes" not in sys.modules:
        return
    from afinar.models.quantised_layers import EightBitLinear, FourBitLinear

    for path, module in model.named_modules():
        if isinstance(module, FourBitLinear | EightBitLinear):
            yield path, module


def float_weight(layer: nn.Module, dtype: torch.dtype = torch.float32) -> Tensor:
    """The weight of a linear layer as floats (out, in), dequantised where it is quantised; Conv1D's own layout is kept.

    Raises ModelError for a format whose weights are no floats and that is none of ours.
    """
    weight: Any = layer.weight
    if weight.is_floating_point():
        return weight.detach().to(dtype)
    for _, quantised in quantised_layers(layer):
        return quantised.float_weight(dtype)
    raise ModelError("quantised.unknown_layer", got=type(layer).__name__)


@torch.no_grad()
def dequantise(model: PreTrainedModel, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """Put plain layers with the dequantised weights in place of the quantised ones, layer by layer; returns `model`.

    dtype: of those weights; None takes the embeddings'. Their values are those of the quantised model, not of the one that
    was quantised. GPT-2 gets its Conv1D back.
    """
    embeddings: Any = model.get_input_embeddings()
    chosen = embeddings.weight.dtype if dtype is None else dtype
    adopt(model)
    for path, layer in list(quantised_layers(model)):
        model.set_submodule(path, _plain(layer, chosen))
    forget_quantisation(model)
    return model


def _plain(layer: QuantisedLinear, dtype: torch.dtype) -> nn.Linear | Conv1D:
    weight = layer.float_weight(dtype)
    outputs, inputs = weight.shape
    with torch.device("meta"):
        if getattr(layer, "source_cls", None) is Conv1D:  # what transformers replaced
            plain: nn.Linear | Conv1D = Conv1D(outputs, inputs)
            weight = weight.t().contiguous()
        else:
            plain = nn.Linear(inputs, outputs, bias=layer.bias is not None)
    plain.weight = nn.Parameter(weight, requires_grad=False)
    if layer.bias is not None:
        plain.bias = nn.Parameter(layer.bias.detach().to(dtype), requires_grad=False)
    return plain.train(layer.training)


def forget_quantisation(model: PreTrainedModel) -> None:
    """As if transformers had loaded it unquantised: else saving would write what is no longer so."""
    # The last is how transformers read a stored 4-bit weight, which it would undo on saving, and cannot.
    names = (
        "hf_quantizer",
        "is_quantized",
        "is_loaded_in_4bit",
        "is_loaded_in_8bit",
        "quantization_method",
        "_weight_conversions",
    )
    for name in names:
        model.__dict__.pop(name, None)
    model.config.__dict__.pop("quantization_config", None)
