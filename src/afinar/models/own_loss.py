"""Models that compute their own loss: what afinar cannot enter is called as it is, and its mean loss is put to scale.

A plain `nn.Module`, or a model of transformers without a head that :mod:`afinar.models.causal` knows, takes `labels` and
returns the mean loss over its own items. Means of micro-batches do not add up to the mean of the step, so for a
micro-batch with n items of the step's N

    loss = mean_loss * n / N                n, N: supervised tokens (labels shifted), or labelled rows

whose sum over the micro-batches is the mean over the step. The model is never told N, so it makes no difference whether it
would use it, ignore it, or count in another way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel
from transformers.utils import ModelOutput, is_peft_available

from afinar.errors import ModelError

_MARK = "_afinar_own_forward"


@dataclass
class OwnLossOutput(ModelOutput):
    """What a model with a loss of its own gives.

    loss: () its mean loss times n / `num_items_in_batch`; the mean itself where that is None. n_items: () float32, the items
    of this batch, so that evaluation can weigh the means of batches. logits: whatever the model returned under that name.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    n_items: Tensor | None = None


def can_enter(model: nn.Module, task: str) -> bool:
    """Whether the loss can live inside `model`: a causal model with its LM head, or a classifier with its `score` layer.

    It may be inside wrappers known to hand every keyword on (PEFT, DDP, torch.compile). A wrapper of somebody's own may
    compute anything around the model inside, so its own loss counts.
    """
    inner = _unwrapped(model)
    if not isinstance(inner, PreTrainedModel):
        return False
    if task == "classification":
        return "score" in dict(inner.named_children())
    return inner.get_output_embeddings() is not None


def own_loss(model: nn.Module, *, shifted: bool = True) -> nn.Module:
    """Give `model` a forward that scales its own mean loss; returns `model`. Idempotent.

    The new forward takes the keywords of :func:`afinar.models.causal.supervise` and gives an :class:`OwnLossOutput` where
    `labels` are given; without them it is the original forward. Inputs that the model's forward does not name are left
    out, as transformers' Trainer does. shifted: labels (B, T) are those of a causal model, which predicts from one position
    the next; labels (B,) are counted as they are.

    Raises ModelError where the forward has no `labels`; in the call, where it returns no loss, or where `weights` or
    `label_smoothing` are asked for, which only whoever computes the loss can apply.
    """
    if _MARK in model.__dict__:
        return model
    # Every forward of transformers takes **kwargs and drops what it does not know; a plain wrapper may hand them on.
    named = "labels" in inspect.signature(model.forward).parameters
    if not named and (isinstance(model, PreTrainedModel) or not _accepts(model.forward, "labels")):
        raise ModelError("models.no_own_loss", got=type(model).__name__)
    model.__dict__[_MARK] = model.__dict__.get("forward")
    cls: Any = type(model)
    model.forward = MethodType(_forward_for(cls, shifted), model)
    return model


@functools.cache
def _forward_for(cls: Any, shifted: bool) -> Any:
    @functools.wraps(cls.forward)
    def forward(
        self: nn.Module,
        *args: Any,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        label_smoothing: float = 0.0,
        weights: Tensor | None = None,
        output_logits: bool = False,
        **kwargs: Any,
    ) -> Any:
        own = self.__dict__[_MARK] or functools.partial(cls.forward, self)
        kwargs = {name: value for name, value in kwargs.items() if _accepts(own, name)}
        if labels is None:
            return own(*args, **kwargs)
        _refuse(self, {"label_smoothing": bool(label_smoothing), "weights": weights is not None})
        targets = labels[:, 1:] if shifted and labels.dim() == 2 else labels
        n_items = (targets != -100).sum().float()
        # A row that only evens out processes has no item, and a mean over nothing is NaN: any label, times zero.
        empty = n_items == 0
        output = own(*args, labels=torch.where(empty, labels.clamp(min=0), labels), **kwargs)
        items = n_items if num_items_in_batch is None else torch.as_tensor(num_items_in_batch, device=n_items.device)
        loss, logits = _parts(self, output)
        share = n_items / (items + (items == 0))
        return OwnLossOutput(loss=loss * share.to(loss.device), logits=logits, n_items=n_items)

    return forward


def _parts(model: nn.Module, output: Any) -> tuple[Tensor, Tensor | None]:
    """The loss and the logits, whatever the forward returns them in."""
    if isinstance(output, Mapping):
        loss, logits = output.get("loss"), output.get("logits")
    elif isinstance(output, tuple | list) and output:
        loss, logits = output[0], output[1] if len(output) > 1 else None
    else:
        loss, logits = output, None
    if not isinstance(loss, Tensor) or loss.dim() > 0:
        raise ModelError("models.own_loss_missing", got=type(model).__name__)
    return loss, logits


def _refuse(model: nn.Module, asked: dict[str, bool]) -> None:
    for option, wanted in asked.items():
        if wanted:
            raise ModelError("models.own_loss_options", got=type(model).__name__, option=option)


def _accepts(function: Any, name: str) -> bool:
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _unwrapped(model: nn.Module) -> nn.Module:
    if isinstance(model, DistributedDataParallel):
        return _unwrapped(model.module)
    if isinstance(model, torch._dynamo.OptimizedModule):
        return _unwrapped(model._orig_mod)
    if is_peft_available():
        from peft import PeftModel

        if isinstance(model, PeftModel):
            return model.get_base_model()
    return model
