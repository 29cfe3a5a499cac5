"""Models that were loaded quantised (`BitsAndBytesConfig` and others): taken as they are, trained through an adapter.

Quantised weights have no gradient, so what trains must be beside them: an adapter, ours or PEFT's, or a classification head.
transformers' Trainer knows PEFT's adapters only and refuses such a model with any other, which is put right here; what
bitsandbytes' layers get wrong on the CPU, in :mod:`afinar.models.quantised_layers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError


def quantised_core(model: nn.Module) -> PreTrainedModel | None:
    """The quantised model of transformers in `model` (itself, or inside PEFT's wrapper); None where nothing is quantised."""
    for module in model.modules():
        # transformers sets the attribute on a model that it quantises, and on no other
        if isinstance(module, PreTrainedModel) and module.__dict__.get("is_quantized", False):
            return module
    return None


def check_adapted(model: nn.Module, *, adapted: bool) -> None:
    """Raise ConfigError where a quantised model is to train without an adapter, or in a format without gradients.

    Calls for `adapted` False where the method trains the model's own weights.
    """
    core: Any = quantised_core(model)
    if core is None:
        return
    kind = str(getattr(core.hf_quantizer.quantization_config.quant_method, "value", "?"))
    if core.hf_quantizer.is_qat_trainable:
        return
    if not core.hf_quantizer.is_trainable:
        raise ConfigError("models.quantised_frozen", got=kind)
    if not adapted:
        raise ConfigError("models.quantised_needs_adapter", got=kind)


@contextmanager
def accepted_by_trainer(model: nn.Module) -> Iterator[None]:
    """While transformers' Trainer is made: its check sees a model like any other; :func:`check_adapted` replaces it."""
    core = quantised_core(model)
    if core is None:
        yield
        return
    core.__dict__["is_quantized"] = False
    try:
        yield
    finally:
        core.__dict__["is_quantized"] = True
