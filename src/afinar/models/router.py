"""The load-balancing loss of a mixture of experts, in the model's own words.

Mixtral, Qwen-MoE, OLMoE and their kin add to the loss, where `config.output_router_logits` is on,

    R = c * f(router logits, attention mask)            c: the model's coefficient, f: its function

f and c differ between architectures. Instead of writing them again, the model's own forward runs over labels that are all
-100: their cross-entropy is 0, so the loss that comes back is R itself. Unless the logits are wanted, it makes those of
one position only; the hidden states come from the same pass.

Source: Fedus et al. 2021 (Switch Transformers), arXiv:2101.03961, eq. 4 to 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Routed:
    """One forward pass of a mixture of experts."""

    term: Tensor  # () what the model adds to its loss: coefficient times aux_loss
    aux_loss: Tensor | None  # (); None where the model has none
    states_BT: Tensor  # logits (B, T, V), or hidden states before the head (B, T, D)


Way = Literal["none", "states", "logits", "unknown"]


def is_on(core: PreTrainedModel, kwargs: dict[str, Any]) -> bool:
    """Whether this call is to add the router's loss: its keyword `output_router_logits`, or else the config's."""
    asked = kwargs.get("output_router_logits")
    config = core.config.get_text_config()
    return bool("output_router_logits" in config and config.output_router_logits if asked is None else asked)


def forward(own: Callable[..., Any], labels: Tensor, whole: bool, *args: Any, **kwargs: Any) -> Routed:
    """Run the model's own forward; `whole` gives its logits, otherwise its hidden states before the head."""
    kwargs.update(output_router_logits=True, num_items_in_batch=1)
    if whole:
        output = own(*args, **kwargs, labels=torch.full_like(labels, -100))
        return Routed(output.loss, output.get("aux_loss"), output.logits)
    nothing = labels.new_full((len(labels), 1), -100)
    kwargs.update(output_hidden_states=True, logits_to_keep=labels.new_zeros(1))
    output = own(*args, **kwargs, labels=nothing)
    return Routed(output.loss, output.get("aux_loss"), output.hidden_states[-1])


def way_of(core: PreTrainedModel, own: Callable[..., Any], ids: Tensor) -> Way:
    """How :func:`forward` gets the router's loss of this model, tried on `ids` (1, T).

    none: it has no such loss. states: from one pass without its logits. logits: its logits must be made. unknown: neither
    way gives it, so it cannot be trained with it.
    """
    if "output_router_logits" not in core.config.get_text_config():
        return "none"
    for whole in (False, True):
        try:
            routed = forward(own, ids, whole, input_ids=ids, use_cache=False, return_dict=True)
            if routed.aux_loss is None:
                return "none"
            same = whole or torch.equal(routed.states_BT, _hidden_states(core, ids))
        except (AttributeError, TypeError, ValueError, RuntimeError):
            continue  # it takes no logits_to_keep, for one
        if same and torch.isfinite(routed.term):
            return "logits" if whole else "states"
    return "unknown"


def _hidden_states(core: PreTrainedModel, ids: Tensor) -> Tensor:
    return core.get_decoder()(input_ids=ids, use_cache=False, return_dict=True).last_hidden_state
