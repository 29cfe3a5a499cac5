"""The techniques side by side on one model: what each trains, what that costs in memory, and what it can do.

    rows = techniques(ModelConfig(name="afinar-mini"))

Nothing is loaded: each method is attached to a model on the meta device, which has shapes and no values. The bytes of a
technique are those that it takes beside the base's frozen weights while it trains with AdamW: float32 masters, a gradient
and two moments for what trains (16 bytes a weight), and whatever frozen tensors it adds. Activations come on top; they hang
on the batch, not on the technique's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import nn

from afinar.methods.base import Method, create, entry, registered
from afinar.models.config import ModelConfig
from afinar.models.shapes import empty_model
from afinar.options import OpenConfig

GRADIENT_AND_MOMENTS = 12
"""Bytes that AdamW needs for a float32 weight beside the weight itself."""


@dataclass(frozen=True)
class Technique:
    """One technique with its default settings on one model.

    task: what it was tried for. trainable: weights that train, by the technique's formula; counted: the same, counted in the
    model that it was attached to. total: weights of the base. extra_bytes: see the module's text.
    The other fields are those of :class:`afinar.methods.base.Method`.
    """

    name: str
    task: str
    trainable: int
    counted: int
    total: int
    extra_bytes: int
    tasks: tuple[str, ...]
    mergeable: bool
    switchable: bool
    starts_at_base: bool
    peft_format: bool
    packing: bool
    checkpointing: bool
    quantised_base: bool

    @property
    def share(self) -> float:
        """What trains, as a share of the base's weights."""
        return self.trainable / self.total


def techniques(config: ModelConfig, *, task: str = "auto", offline: bool = False) -> list[Technique]:
    """Every technique that has default settings, on the model of `config`.

    task: "causal" or "classification"; auto is causal, and classification for what can nothing else. A technique that cannot
    do `task` is left out. Raises ModelError where there is no such model.
    """
    return [
        examine(name, method, empty_model(config, task=chosen, offline=offline), chosen)
        for name, method in _with_defaults()
        if (chosen := _task(method, task)) in method.tasks
    ]


def examine(name: str, method: Method, base: Any, task: str) -> Technique:
    """The row of `method` on `base`, which it is attached to."""
    total = sum(parameter.numel() for parameter in base.parameters())
    trainable, before = method.trainable_count(base), resident_bytes(base)
    with torch.device(base.device):
        model = method.attach(base)
    counted = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return Technique(
        name=name,
        task=task,
        trainable=trainable,
        counted=counted,
        total=total,
        extra_bytes=resident_bytes(model) - before + GRADIENT_AND_MOMENTS * counted,
        tasks=tuple(sorted(method.tasks)),
        mergeable=method.mergeable,
        switchable=method.switchable,
        starts_at_base=method.starts_at_base,
        peft_format=method.peft_format,
        packing=method.packing,
        checkpointing=method.checkpointing,
        quantised_base=method.quantised_base,
    )


def resident_bytes(model: nn.Module) -> int:
    """Bytes of the model's parameters and buffers, shared ones once."""
    return sum(tensor.numel() * tensor.element_size() for tensor in chain(model.parameters(), model.buffers()))


def _with_defaults() -> Iterator[tuple[str, Method]]:
    for name in registered():
        config = entry(name).config
        if not issubclass(config, OpenConfig):  # peft stands for many: what it does depends on its peft_type
            yield name, create(config())


def _task(method: Method, asked: str) -> str:
    if asked != "auto":
        return asked
    return "causal" if "causal" in method.tasks else "classification"
