"""The innermost decoder of a model: token embeddings, layers, last norm; what comes before any head.

    causal:          model ─┬─ [base model ─] decoder        core.get_decoder() is the decoder
                            └─ LM head
    classification:  model ─┬─ [base model ─] decoder        models/heads.classify calls the base model
                            └─ score

OPT keeps its decoder inside a base model that only passes the call on; in most families base model and decoder are one. A
hook on the innermost one sees every call exactly once: the model's own forward, the supervised forward of
:mod:`afinar.models.causal`, the pooled one of :mod:`afinar.models.heads`, and each step of `generate`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from afinar.errors import ModelError
from afinar.models.folder import check_decoder


def decoder_of(model: nn.Module) -> PreTrainedModel:
    """The innermost decoder of a causal or classification model, also inside PEFT's, DDP's or other wrappers.

    Raises ModelError where there is no model of transformers inside, and for encoders and encoder-decoders.
    """
    core = next((module for module in model.modules() if isinstance(module, PreTrainedModel)), None)
    if core is None:
        raise ModelError("prompts.no_decoder", got=type(model).__name__)
    check_decoder(core.config)
    found: PreTrainedModel = core
    while (inner := found.get_decoder()) is not found:
        if not isinstance(inner, PreTrainedModel):
            raise ModelError("prompts.no_decoder", got=type(model).__name__)
        found = inner
    return found


@runtime_checkable
class TakesPositions(Protocol):
    """A module, somewhere in a model, that puts `virtual_tokens` positions before each sequence."""

    virtual_tokens: int


def virtual_tokens(model: nn.Module) -> int:
    """Positions that a prompt or prefix attached to `model` takes from those that the model knows; 0 without one."""
    return sum(module.virtual_tokens for module in model.modules() if isinstance(module, TakesPositions))


def last_position(model: nn.Module, config: PretrainedConfig) -> int | None:
    """How many tokens a model of `config` can read at most, with what is attached to it; None: ALiBi models have no limit."""
    positions: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return None if positions is None else positions - virtual_tokens(model)
