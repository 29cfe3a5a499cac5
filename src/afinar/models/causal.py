"""The loss inside the causal model's own forward: hidden states at supervised positions → head → token losses.

:func:`supervise` replaces the innermost causal model's `forward` on that one instance. Called with `labels` it runs the
decoder, keeps the hidden states whose next token is supervised, and hands them to :func:`afinar.ops.loss.head_loss`;
the full logits (batch x length x vocabulary) never exist unless they are asked for. Called without labels it is the
original forward, so generation and everything else stay as they are. Because it is still one ordinary `forward`, DDP,
FSDP and PEFT wrap it like any other; computing the loss outside, by calling submodules, would bypass their hooks (no
gradient is synchronised).

For supervised positions i with token losses l_i and weights w_i (1 where none are given), and a router's loss R::

    loss = (sum_i w_i l_i + R sum_i w_i) / num_items_in_batch          num_items_in_batch: sum of w over the whole step

so that the losses of a step's micro-batches add up to one weighted mean, and R to its mean over them.

Shape legend: B rows, T positions, V vocabulary, D hidden size, N supervised positions.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from afinar.errors import ModelError
from afinar.models import router
from afinar.models.folder import check_decoder
from afinar.ops.loss import TokenLosses, head_loss, logits_loss

# Families whose logits are known (by tests against their own forward) to be soft-cap(scale * head(decoder(x))); any
# other is probed once with two tokens, and takes its own logits if it does more than that.
VERIFIED = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma2", "gpt2", "gpt_neox", "opt", "phi"})
_MARK = "_afinar_supervised"


@dataclass
class SupervisedOutput(ModelOutput):
    """What a supervised forward gives.

    loss: () weighted sum of the token losses / `num_items_in_batch`, with the router's share (see above).
    token_losses: (N,) float32, detached: the negative log-likelihood of each supervised token, row by row, without
        weights or smoothing. token_correct: (N,) bool: whether it was the most likely token.
    logits: (B, T, V) as the model itself gives them, where `output_logits` asked for them; else None.
    aux_loss: () the router's loss as the model itself gives it, without its coefficient; None without a router's loss.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    token_losses: Tensor | None = None
    token_correct: Tensor | None = None
    aux_loss: Tensor | None = None


@dataclass(frozen=True)
class _Head:
    """How an architecture turns hidden states into logits, beyond the linear layer."""

    softcap: float | None = None
    scale: float = 1.0
    own: bool = False  # the model does more than that, or its router's loss comes no other way: use its own logits
    router: router.Way = "none"  # how to get the loss of its router, if it has one


def supervise(model: nn.Module) -> nn.Module:
    """Give `model` (or the causal model inside its wrappers) the supervised forward; returns `model`. Idempotent.

    Called with `labels` (B, T), not shifted and -100 where nothing is learnt, the new forward takes four more keywords.
    Labels (B, T+1) name what follows the last position too, so that a model scores as many tokens as it reads.

    num_items_in_batch: supervised tokens of the whole optimizer step (int or () tensor), or the sum of their weights;
        None: of this batch.
    label_smoothing: the factor e of :mod:`afinar.ops.loss`.
    weights: (B, T), aligned with `labels`: what each token counts. Wrappers that put virtual tokens before a row
        (prompt tuning) lengthen the labels; weights are then aligned on the right.
    output_logits: give the model's own logits (B, T, V) too, and take the loss from them, in the one forward pass.

    Raises ModelError where no causal language model is found inside, or only an encoder.
    """
    core = causal_core(model)
    if _MARK not in core.__dict__:
        check_decoder(core.config)
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
            for extra in ("num_items_in_batch", "label_smoothing", "weights", "output_logits"):
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
    weights: Tensor | None = None,
    output_logits: bool = False,
    **kwargs: Any,
) -> SupervisedOutput:
    how: _Head = core.__dict__[_MARK]
    kwargs.update(use_cache=False, return_dict=True)
    whole = output_logits or how.own
    routed = None
    if how.router != "none" and router.is_on(core, kwargs):
        if how.router == "unknown":
            raise ModelError("models.router_loss", got=type(core).__name__)
        routed = router.forward(_original(core), labels, whole, *args, **kwargs)
        states_BT = routed.states_BT
    elif whole:
        states_BT = _original(core)(*args, **kwargs).logits
    else:
        states_BT = core.get_decoder()(*args, **kwargs).last_hidden_state
    losses, own_items = _token_losses(core, states_BT, whole, labels, weights, label_smoothing)
    items = own_items if num_items_in_batch is None else torch.as_tensor(num_items_in_batch, device=own_items.device)
    items = items + (items == 0)  # a batch without supervised tokens, alone
    loss = losses.total / items
    if routed is not None:
        loss = loss + routed.term.to(loss.device) * (own_items / items)
    return SupervisedOutput(
        loss=loss,
        logits=states_BT if output_logits else None,
        token_losses=losses.nll_N.float(),
        token_correct=losses.correct_N,
        aux_loss=None if routed is None else routed.aux_loss,
    )


@torch.compiler.disable
def _token_losses(
    core: PreTrainedModel,
    states_BT: Tensor,
    whole: bool,
    labels: Tensor,
    weights: Tensor | None,
    label_smoothing: float,
) -> tuple[TokenLosses, Tensor]:
    """The losses at supervised positions, from logits (`whole`) or hidden states, and the items that they count as.

    Left out of torch.compile: the number of supervised positions differs from batch to batch, and each would be compiled
    anew; the model below is compiled as ever, and the chunks of the loss gain nothing by it.
    """
    labels = labels.to(states_BT.device)
    kept = labels[:, 1:] != -100
    targets_N, states_N = labels[:, 1:][kept], states_BT[:, : kept.shape[1]][kept]
    weights_N = None
    if weights is not None:
        weights_N = F.pad(weights.to(states_BT.device), (labels.shape[1] - weights.shape[1], 0))[:, 1:][kept]
    losses = (logits_loss if whole else functools.partial(_head_losses, core))(
        states_N, targets_N, weights_N=weights_N, label_smoothing=label_smoothing
    )
    own_items = kept.sum() if weights_N is None else weights_N.sum()
    return losses, own_items.to(losses.total)


def _head_losses(
    core: PreTrainedModel, hidden_ND: Tensor, targets_N: Tensor, *, weights_N: Tensor | None, label_smoothing: float
) -> TokenLosses:
    how: _Head = core.__dict__[_MARK]
    head = core.get_output_embeddings()
    if _is_plain_linear(head):
        return head_loss(
            hidden_ND,
            head.weight,
            head.bias,
            targets_N,
            weights_N=weights_N,
            label_smoothing=label_smoothing,
            softcap=how.softcap,
            scale=how.scale,
        )
    logits_NV = _finish(head(hidden_ND), how)
    return logits_loss(logits_NV, targets_N, weights_N=weights_N, label_smoothing=label_smoothing)


def _is_plain_linear(head: nn.Module) -> bool:
    """Whether the head may be applied by its weight alone: hooks (FSDP's, device_map's) must see it called."""
    hooked = head._forward_pre_hooks or head._forward_hooks or "forward" in head.__dict__
    return type(head) is nn.Linear and not hooked


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
    if config.model_type in VERIFIED:
        return how
    way = _router_way(core)
    return replace(how, own=way == "logits" or not _explains_logits(core, how), router=way)


def _explains_logits(core: PreTrainedModel, how: _Head) -> bool:
    """Whether soft-cap(scale * head(decoder(x))) is what the model's own forward gives, on two tokens."""
    with _probing(core) as ids:
        try:
            own = _original(core)(input_ids=ids, use_cache=False, return_dict=True).logits.float()
            hidden = core.get_decoder()(input_ids=ids, use_cache=False, return_dict=True).last_hidden_state
            ours = _finish(core.get_output_embeddings()(hidden), how)
        except (AttributeError, TypeError, ValueError, RuntimeError):
            return False
    return ours.shape == own.shape and torch.allclose(ours, own, rtol=1e-3, atol=1e-3)


def _router_way(core: PreTrainedModel) -> router.Way:
    with _probing(core) as ids:
        return router.way_of(core, _original(core), ids)


@contextmanager
def _probing(core: PreTrainedModel) -> Iterator[Tensor]:
    """Two tokens to try a model on, in evaluation mode and without gradients."""
    was_training = core.training
    core.eval()
    try:
        with torch.no_grad():
            yield torch.tensor([[0, 1]], device=next(core.parameters()).device)
    finally:
        core.train(was_training)
