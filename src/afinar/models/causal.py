"""The loss inside the causal model's own forward: hidden states at supervised positions → head → token losses.

:func:`supervise` replaces the innermost causal model's `forward` on that one instance. Called with `labels` it runs the
decoder, keeps the hidden states whose next token is supervised, and hands them to :func:`afinar.ops.loss.head_loss`;
the full logits (batch x length x vocabulary) never exist. Called without labels it is the original forward, so
generation and everything else stay as they are. Because it is still one ordinary `forward`, DDP, FSDP and PEFT wrap it
like any other; computing the loss outside, by calling submodules, would bypass their hooks (no gradient is synchronised).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from afinar.errors import ModelError
from afinar.ops.loss import TokenLosses, head_loss, logits_loss

# Families whose logits are known (by tests against their own forward) to be soft-cap(scale * head(decoder(x))); any
# other is probed once with two tokens, and takes its own logits if it does more than that.
VERIFIED = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma2", "gpt2", "gpt_neox", "opt", "phi"})
_MARK = "_afinar_supervised"


@dataclass
class SupervisedOutput(ModelOutput):
    """What a supervised forward gives.

    loss: () sum of the token losses / `num_items_in_batch` (their mean where that is None).
    token_losses: (N,) float32, detached: the negative log-likelihood of each supervised token, row by row.
    token_correct: (N,) bool: whether it was the most likely token.
    logits: always None; there are no logits to hold.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    token_losses: Tensor | None = None
    token_correct: Tensor | None = None


@dataclass(frozen=True)
class _Head:
    """How an architecture turns hidden states into logits, beyond the linear layer."""

    softcap: float | None = None
    scale: float = 1.0
    own: bool = False  # the model does more than that: use its own logits


def supervise(model: nn.Module) -> nn.Module:
    """Give `model` (or the causal model inside its wrappers) the supervised forward; returns `model`. Idempotent.

    The new forward takes two more keywords: `num_items_in_batch`, the supervised tokens of the whole optimizer step
    (int or () tensor; None: of this batch), and `label_smoothing`. `labels` (B, T) are not shifted; -100 is ignored.
    Raises ModelError where no causal language model is found inside.
    """
    core = causal_core(model)
    if _MARK not in core.__dict__:
        if "forward" in core.__dict__:  # replaced before, by device_map's hooks for one
            core.__dict__["_afinar_forward"] = core.__dict__["forward"]
        core.__dict__[_MARK] = _inspect_head(core)
        cls: Any = type(core)
        core.forward = MethodType(_forward_for(cls), core)
    return model


def causal_core(model: nn.Module) -> PreTrainedModel:
    """The causal language model itself, inside PEFT's, DDP's or other wrappers."""
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.get_output_embeddings() is not None:
            return module
    raise ModelError("models.no_lm_head", got=type(model).__name__)


@functools.cache
def _forward_for(cls: Any) -> Any:
    # One function per class, bound per instance: a deep copy of the model is then bound to the copy's weights, and
    # `inspect.signature`, which Trainer and generate() rely on, still shows the class's own parameters.
    @functools.wraps(cls.forward)
    def forward(self: PreTrainedModel, *args: Any, labels: Tensor | None = None, **kwargs: Any) -> Any:
        if labels is None:
            for extra in ("num_items_in_batch", "label_smoothing"):
                kwargs.pop(extra, None)
            return _original(self)(*args, **kwargs)
        return _supervised(self, labels, *args, **kwargs)

    return forward


def _original(core: PreTrainedModel) -> Any:
    return core.__dict__.get("_afinar_forward") or functools.partial(type(core).forward, core)


def _supervised(
    core: PreTrainedModel,
    labels: Tensor,
    *args: Any,
    num_items_in_batch: Tensor | int | None = None,
    label_smoothing: float = 0.0,
    **kwargs: Any,
) -> SupervisedOutput:
    kept = labels[:, 1:] != -100
    targets_N = labels[:, 1:][kept]
    losses = _token_losses(core, kept, targets_N, label_smoothing, *args, **kwargs)
    count = targets_N.numel() if num_items_in_batch is None else num_items_in_batch
    if isinstance(count, int):
        count = max(count, 1)
    return SupervisedOutput(loss=losses.total / count, token_losses=losses.nll_N.float(), token_correct=losses.correct_N)


def _token_losses(
    core: PreTrainedModel, kept: Tensor, targets_N: Tensor, label_smoothing: float, *args: Any, **kwargs: Any
) -> TokenLosses:
    how: _Head = core.__dict__[_MARK]
    kwargs["use_cache"] = False
    kwargs.pop("return_dict", None)
    if how.own:
        logits = _original(core)(*args, **kwargs, return_dict=True).logits
        return logits_loss(logits[:, :-1][kept], targets_N, label_smoothing=label_smoothing)
    hidden_BTD = core.get_decoder()(*args, **kwargs, return_dict=True).last_hidden_state
    head = core.get_output_embeddings()
    hidden_ND = hidden_BTD[:, :-1][kept]
    if type(head) is nn.Linear:
        return head_loss(
            hidden_ND,
            head.weight,
            head.bias,
            targets_N,
            label_smoothing=label_smoothing,
            softcap=how.softcap,
            scale=how.scale,
        )
    return logits_loss(_finish(head(hidden_ND), how), targets_N, label_smoothing=label_smoothing)


def _finish(logits: Tensor, how: _Head) -> Tensor:
    logits = logits.float() * how.scale
    return logits if how.softcap is None else how.softcap * torch.tanh(logits / how.softcap)


def _inspect_head(core: PreTrainedModel) -> _Head:
    config = core.config.get_text_config()
    scale = 1.0
    if "logit_scale" in config:  # Cohere multiplies
        scale = float(config.logit_scale)
    elif "logits_scaling" in config:  # Granite divides
        scale = 1 / float(config.logits_scaling)
    how = _Head(softcap=config.final_logit_softcapping if "final_logit_softcapping" in config else None, scale=scale)
    return how if config.model_type in VERIFIED or _explains_logits(core, how) else _Head(own=True)


@torch.no_grad()
def _explains_logits(core: PreTrainedModel, how: _Head) -> bool:
    """Whether soft-cap(scale * head(decoder(x))) is what the model's own forward gives, on two tokens."""
    ids = torch.tensor([[0, 1]], device=next(core.parameters()).device)
    was_training = core.training
    core.eval()
    try:
        own = _original(core)(input_ids=ids, use_cache=False, return_dict=True).logits.float()
        hidden = core.get_decoder()(input_ids=ids, use_cache=False, return_dict=True).last_hidden_state
        ours = _finish(core.get_output_embeddings()(hidden), how)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False
    finally:
        core.train(was_training)
    return ours.shape == own.shape and torch.allclose(ours, own, rtol=1e-3, atol=1e-3)
