"""Whether a model's attention may be replaced by ours: tried on four tokens, in families that the tests do not cover.

Of transformers' decoders some 30 families compute their attention by themselves (Bloom, Falcon, MPT, GPT-J, ...); setting
another one there only logs a warning. Others put more into it than queries, keys and values: position biases, sinks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface

from afinar.errors import ModelError
from afinar.models import attention
from afinar.models.causal import VERIFIED
from afinar.models.decoder import decoder_of
from afinar.models.modes import evaluating

_WATCHED = "afinar_watched"
_TOLERANCE = 0.02  # of the largest hidden state: more than bfloat16 rounds, less than a missing bias changes

Shape = tuple[int, int]


def check_attention(model: PreTrainedModel, shape: Shape) -> None:
    """Try whether every layer of `model` calls our attention, means by it what ours does, and has keys of `shape` (G, D).

    Raises ModelError where a layer does not call it, where the output changes, where segments of a packed row see each
    other, and where layers have keys or values of another shape.
    """
    decoder = decoder_of(model)
    name, layers = type(decoder).__name__, decoder.config.num_hidden_layers
    if decoder.config.model_type in VERIFIED:
        return
    first, other, second = (torch.tensor(ids, device=decoder.device) for ids in ([3, 1], [2, 0], [1, 2]))
    with evaluating(decoder):
        own_TD = _states(decoder, input_ids=torch.cat((first, second))[None])
        ours_TD, shapes = _watched(decoder, input_ids=torch.cat((first, second))[None])
        if ours_TD is None or len(shapes) != layers:
            raise ModelError("prefix.attention_not_reached", model=name, reached=len(shapes), layers=layers)
        difference = float((ours_TD - own_TD).abs().max() / own_TD.abs().max())
        if not difference < _TOLERANCE:
            raise ModelError("prefix.attention_differs", model=name, difference=difference)
        before_TD, after_TD = (_watched(decoder, **attention.pack([row, second]))[0] for row in (first, other))
        if before_TD is None or after_TD is None or not torch.equal(before_TD[2:], after_TD[2:]):
            raise ModelError("prefix.attention_leaks", model=name)
    if set(shapes) != {shape + shape}:
        raise ModelError("prefix.uneven_layers", model=name, shapes=", ".join(map(str, sorted(set(shapes)))))


def _watched(decoder: PreTrainedModel, **inputs: Any) -> tuple[Tensor | None, list[tuple[int, ...]]]:
    """The hidden states under our attention, and (G, D) of keys and values of each layer that called it.

    None for the states where the model's own attention cannot do with our masks.
    """
    shapes: list[tuple[int, ...]] = []

    def watching(module: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Any:
        shapes.append((key.shape[1], key.shape[3], value.shape[1], value.shape[3]))
        return attention.attention(module, query, key, value, *args, **kwargs)

    AttentionInterface.register(_WATCHED, watching)
    AttentionMaskInterface.register(_WATCHED, attention.make_mask)
    before = attention.use(decoder, _WATCHED)
    try:
        return _states(decoder, **inputs), shapes
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None, shapes
    finally:
        attention.use(decoder, before)


def _states(decoder: PreTrainedModel, **inputs: Any) -> Tensor:
    states: Tensor = decoder(**inputs, use_cache=False, return_dict=True).last_hidden_state
    return states[0].float()
