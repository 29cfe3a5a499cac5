"""Classification over a decoder: pool the last attended token, then a linear head.

For hidden states h (B, T, D), attention mask m (B, T) and head W (C, D)::

    logits_b = W h[b, max{t : m[b, t] = 1}]

transformers looks for the last token whose *id* is not the pad id instead; where pad == eos it reads the token before the real
EOS, whatever the padding side. Its losses also ignore `num_items_in_batch`, so accumulated gradients come out too large.
Both are put right here, in the model's own `forward`, so that DDP, FSDP and PEFT wrappers see one ordinary call.

Shapes: B rows, T positions, D hidden size, C classes.
"""

from __future__ import annotations

import inspect
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutputWithPast

from afinar.errors import ModelError


def pool_last(hidden_BTD: Tensor, attention_mask_BT: Tensor) -> Tensor:
    """The hidden state of each row's last attended token, (B, D), whatever the padding side.

    A row without any attended token (a dummy row that evens out processes) gives its last position; its label is -100.
    """
    length = attention_mask_BT.shape[1]
    from_the_right = (attention_mask_BT > 0).int().flip(1).argmax(1)  # argmax gives the first of equal values
    rows = torch.arange(hidden_BTD.shape[0], device=hidden_BTD.device)
    return hidden_BTD[rows, (length - 1 - from_the_right).to(hidden_BTD.device)]


def class_loss(
    logits_BC: Tensor,
    labels_B: Tensor,
    *,
    weights_B: Tensor | None = None,
    num_items_in_batch: Tensor | int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """sum_b w_b l_b / num_items_in_batch: cross-entropies l_b in float32 (float64 stays) with weights w_b (1 if None).

    `num_items_in_batch` is the number of labelled rows of the whole optimizer step, or the sum of their weights; without
    it, that of this batch. -100 stands for no label, and no label at all gives 0.
    """
    logits_BC = logits_BC if logits_BC.dtype == torch.float64 else logits_BC.float()
    loss_B = F.cross_entropy(logits_BC, labels_B, reduction="none", label_smoothing=label_smoothing)
    counts_B = (labels_B != -100).to(loss_B)
    if weights_B is not None:
        counts_B = counts_B * weights_B.to(loss_B)
    items = counts_B.sum() if num_items_in_batch is None else num_items_in_batch
    if isinstance(items, Tensor):
        items = items.to(loss_B.device)
    return (loss_B * counts_B).sum() / (items + (items == 0))


def classify(model: Any) -> Any:
    """Give a sequence-classification model a `forward` of its own that pools by attention mask; returns `model`.

    `model` may also be a wrapper (PEFT's, DDP's); the forward replaced is that of the classification model inside. It takes
    `num_items_in_batch`, `label_smoothing` and `weights` (B,) beside the usual arguments (see :func:`class_loss`), and is
    bound to that one instance as a method (not a closure), so that `copy.deepcopy(model)` runs the copy's weights. Doing it
    twice does no harm.

    Raises ModelError if there is no model with a `score` layer inside (every decoder's classification model in transformers
    has one), or if it is not one that tells classes apart: regression, or several labels at once.
    """
    core = classification_core(model)
    problem = "regression" if core.config.num_labels == 1 else core.config.problem_type
    if problem not in (None, "single_label_classification"):
        raise ModelError("models.problem_type", got=problem)
    core.forward = MethodType(forward, core)
    return model


def classification_core(model: nn.Module) -> PreTrainedModel:
    """The sequence-classification model itself, inside PEFT's, DDP's or other wrappers."""
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and "score" in dict(module.named_children()):
            return module
    raise ModelError("models.no_score_layer", architecture=type(model).__name__)


def forward(
    self: Any,
    input_ids: Tensor | None = None,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    past_key_values: Any = None,
    inputs_embeds: Tensor | None = None,
    labels: Tensor | None = None,
    num_items_in_batch: Tensor | int | None = None,
    label_smoothing: float = 0.0,
    weights: Tensor | None = None,
    output_logits: bool = True,
    return_dict: bool | None = None,
    **kwargs: Any,
) -> SequenceClassifierOutputWithPast | tuple[Any, ...]:
    """Logits (B, C) in float32, and the loss where `labels` (B,) are given; see :func:`classify`.

    `output_logits` is the keyword of :func:`afinar.models.causal.supervise`; here the logits always come.
    """
    tokens = input_ids if input_ids is not None else inputs_embeds
    if tokens is None:
        raise TypeError("forward() needs input_ids or inputs_embeds")
    rows, length = tokens.shape[:2]
    if attention_mask is None:
        attention_mask = torch.ones((rows, length), dtype=torch.long, device=tokens.device)
    kwargs = {name: value for name, value in kwargs.items() if value is not None}  # PEFT passes None for what is not set
    kwargs.setdefault("use_cache", False)
    if past_key_values is not None:
        kwargs["past_key_values"] = past_key_values
    decoder = self.base_model
    if _takes_positions(decoder):
        kwargs["position_ids"] = _positions(attention_mask, length) if position_ids is None else position_ids
    output = decoder(
        input_ids=input_ids, inputs_embeds=inputs_embeds, attention_mask=attention_mask, return_dict=True, **kwargs
    )
    # Cached prefixes lengthen the mask on the left but not the hidden states, hence the last `length` columns.
    pooled_BD = pool_last(output.last_hidden_state, attention_mask[:, -length:])
    logits_BC = self.score(pooled_BD.to(self.score.weight.dtype)).float()
    loss = None
    if labels is not None:
        labels = labels.to(logits_BC.device)
        loss = class_loss(
            logits_BC,
            labels,
            weights_B=weights,
            num_items_in_batch=num_items_in_batch,
            label_smoothing=label_smoothing,
        )
    result = SequenceClassifierOutputWithPast(
        loss=loss,
        logits=logits_BC,
        past_key_values=output.get("past_key_values"),
        hidden_states=output.get("hidden_states"),
        attentions=output.get("attentions"),
    )
    return result.to_tuple() if return_dict is False else result


def _positions(attention_mask_BT: Tensor, length: int) -> Tensor:
    """Positions that count attended tokens only: without them GPT-2 reads a left-padded row at shifted positions."""
    return (attention_mask_BT.long().cumsum(1) - 1).clamp(min=0)[:, -length:]


def _takes_positions(decoder: nn.Module) -> bool:
    """Whether the decoder has `position_ids`; ALiBi models (Bloom, MPT) have none."""
    return "position_ids" in inspect.signature(decoder.forward).parameters
