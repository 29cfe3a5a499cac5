"""A trial that finds where an unknown architecture adds its sub-layers to the residual stream.

One forward pass of two tokens records what every module of a decoder layer takes and gives. The layer turns x into y, and

    y = x + a + f

holds for exactly those modules whose outputs a (attention's, earlier) and f (feed-forward's, later) are what is added.
Where several give the same tensor (a projection, the dropout after it, the whole sub-layer), the last one without modules
of its own is taken: nothing but the sum comes after it. The streams are the inputs of the first modules to
read x and x + a, mostly norms; in a parallel layer no module reads x + a.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.models.decoder import decoder_of
from afinar.models.modes import evaluating, model_device
from afinar.models.sublayers import Branch, Branches, decoder_layers
from afinar.models.targets import features, is_linear

LAYER = ""  # the layer itself, among names of its modules
TOLERANCE = 0.02
"""Relative to what is added: bfloat16 rounds the stream, which is larger."""


@dataclass
class Record:
    """What passed through the modules of one layer, by name, in the order in which they ended; float32."""

    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)


def find_branches(model: PreTrainedModel) -> Branches | None:
    """The branches of the model's first layer by trial, or None where no two modules add up to what the layer adds.

    None too on the meta device, where nothing can be computed.
    """
    if model_device(model).type == "meta":
        return None
    layer = next(iter(decoder_layers(model).values()))
    record = record_layer(model, layer)
    x, y = record.inputs[LAYER], record.outputs[LAYER]
    # A module that runs twice (one dropout for both sub-layers) stands for neither.
    names = [name for name in record.outputs if name and record.calls[name] == 1 and record.outputs[name].shape == y.shape]
    leaves = {name for name in names if not list(layer.get_submodule(name).children())}
    errors = {pair: _error(record.outputs[pair[0]] + record.outputs[pair[1]], y - x) for pair in combinations(names, 2)}
    smallest = min(errors.values(), default=math.inf)
    if smallest > TOLERANCE:
        return None
    # Modules that give the same tensor have the same error to the bit; what merely resembles it has a larger one.
    best = [pair for pair, error in errors.items() if error == smallest]
    attention, feed_forward = max(best, key=lambda pair: [(name in leaves, names.index(name)) for name in pair])
    added = record.outputs[attention]
    return Branches(Branch(attention, _reader(record, x)), Branch(feed_forward, _reader(record, x + added, scale=added)))


def candidates(model: PreTrainedModel) -> list[str]:
    """Modules of a decoder layer that may end a branch: linear ones whose output has the model's width.

    By shapes alone, so also on the meta device.
    """
    layer = next(iter(decoder_layers(model).values()))
    linear = {name: module for name, module in layer.named_modules() if is_linear(module)}
    return [name for name, module in linear.items() if features(module)[1] == model.config.hidden_size]


def record_layer(model: PreTrainedModel, layer: nn.Module) -> Record:
    """What passes through `layer` for two tokens, without gradients; the model is as before afterwards."""
    record = Record()
    handles = [
        module.register_forward_hook(_recorder(record, name), with_kwargs=True) for name, module in layer.named_modules()
    ]
    tokens = torch.tensor([[5, 6]], device=model_device(model)) % model.config.vocab_size
    try:
        with evaluating(model):
            decoder_of(model)(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return record


def _recorder(record: Record, name: str) -> Any:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        taken = args[0] if args else kwargs.get("hidden_states")
        given = output[0] if isinstance(output, tuple) else output
        record.calls[name] += 1
        for place, value in ((record.inputs, taken), (record.outputs, given)):
            if isinstance(value, Tensor) and value.is_floating_point():
                place[name] = value.detach().float().reshape(-1, value.shape[-1])

    return hook


def _reader(record: Record, stream: Tensor, scale: Tensor | None = None) -> str | None:
    """The first module to run whose input is `stream`; None where there is none. scale: what to measure differences by."""
    taken = {name: x for name, x in record.inputs.items() if name and record.calls[name] == 1 and x.shape == stream.shape}
    errors = {name: _error(x, stream, scale) for name, x in taken.items()}
    nearest = min(errors, key=lambda name: errors[name], default=None)
    return nearest if nearest is not None and errors[nearest] <= TOLERANCE else None


def _error(tensor: Tensor, expected: Tensor, scale: Tensor | None = None) -> float:
    """‖tensor - expected‖ / ‖scale‖, by default over ‖expected‖."""
    return float((tensor - expected).norm() / (expected if scale is None else scale).norm())
