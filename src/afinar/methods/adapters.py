"""Several adapters of the LoRA family on one base: used by name, mixed by weights, trained one at a time.

    y = W x + Σ_i w_i · s_i B_i A_i x          w = (1, 0, 0, ...) is the first adapter, all zero the base

The adapter in use sits in the model's layers as if it were the only one, so that everything that works with one (training,
export, merging, switching off) works with it unchanged; the others wait outside, and take no time in the forward pass.
A mixture is one adapter more, exact and not fitted: its A are those of its parts one above the other and its B, times
w_i · s_i, side by side, so its rank is the sum of theirs.

    adapters = Adapters(model)
    adapters.add("formal", "runs/a/adapter")
    adapters.add("legal", LoRA(r=16))              # a new one, to be trained
    adapters.use("legal")
    adapters.mix("both", {"formal": 0.5, "legal": 1.0})
    adapters.use(None)                             # the base

Shapes: A_i (r_i, in), B_i (out, r_i).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from afinar.errors import AfinarError, ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.adapted import Adapted, adapted_layers
from afinar.methods.config import LoRA
from afinar.methods.dora import DoRALayer
from afinar.methods.head import HEAD, head_of
from afinar.methods.lora import LoRAMethod
from afinar.methods.lora_init import Factors
from afinar.methods.lora_layer import LoRALayer
from afinar.models.targets import Linear


@dataclass
class _Adapter:
    """One adapter away from the model. head: its classification head; None for a causal model."""

    method: LoRAMethod
    layers: dict[str, Adapted]
    head: nn.Module | None = None


@dataclass
class Adapters:
    """The adapters of one model, which must carry none at the beginning.

    Raises ModelError for a model that is adapted already.
    """

    model: PreTrainedModel
    active: str | None = None
    """The name of the adapter in use; None for the base."""
    _all: dict[str, _Adapter] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if adapted_layers(self.model):
            raise ModelError("methods.already_attached")
        self._base_head = head_of(self.model)
        self.model.requires_grad_(False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all adapters, in the order in which they came."""
        return tuple(self._all)

    def add(self, name: str, source: LoRA | str | Path) -> LoRAMethod:
        """Add an adapter: a new one by its config, or the folder of one, ours or PEFT's. It is not in use yet.

        Raises ModelError for a name that is taken, for a folder without an adapter that fits the model, and for adapters
        that are not of the LoRA family; ConfigError as :meth:`LoRAMethod.attach` does.
        """
        self._check_new(name)
        config = source if isinstance(source, LoRA) else saved.read(source).config
        if not isinstance(config, LoRA):
            raise ModelError("lora.other_method", got=type(config).__name__)
        method, before = LoRAMethod(config), self.active
        self._take_out()
        if self._base_head is not None:
            self.model.set_submodule(HEAD, copy.deepcopy(self._base_head))
        try:
            method.attach(self.model) if isinstance(source, LoRA) else method.restore(self.model, source)
            self._all[name] = _Adapter(method, adapted_layers(self.model), head_of(self.model))
        except AfinarError:
            self._put_plain(adapted_layers(self.model))
            self._restore_head()
            self.use(before)
            raise
        self.active = name
        self.use(before)
        return method

    def use(self, name: str | None) -> PreTrainedModel:
        """Put the adapter `name` into the model's layers, ready to compute and to train; None: the base.

        Raises ModelError for a name that no adapter has.
        """
        chosen = None if name is None else self._get(name)
        self._take_out()
        if chosen is not None:
            for path, layer in chosen.layers.items():
                device = layer.base.weight.device
                self.model.set_submodule(path, layer.train(self.model.training).to(device))
            if chosen.head is not None:
                self.model.set_submodule(HEAD, chosen.head.train(self.model.training))
            self.active = name
        return self.model

    @contextmanager
    def using(self, name: str | None) -> Iterator[PreTrainedModel]:
        """The adapter `name` inside, and the one before afterwards."""
        before = self.active
        try:
            yield self.use(name)
        finally:
            self.use(before)

    def mix(self, name: str, weights: Mapping[str, float]) -> LoRAMethod:
        """Add the adapter whose update is the sum of others' updates, each times its weight. It is not in use yet.

        It has copies of their values, so it does not follow when they are trained on.
        Raises ConfigError without any weights, ModelError for names that there are not, and for adapters whose updates do not
        add up: DoRA, trained tokens, layers and biases, and those of classifiers, whose heads are no updates.
        """
        self._check_new(name)
        if not weights:
            raise ConfigError("core.missing", field="weights")
        parts = {part: self._get(part) for part in weights}
        paths = dict.fromkeys(path for part in parts.values() for path in part.layers)
        for part, adapter in parts.items():
            _check_adds_up(part, adapter)
        layers: dict[str, Adapted] = {}
        for path in paths:
            found = [(adapter.layers[path], weights[part]) for part, adapter in parts.items() if path in adapter.layers]
            layers[path] = _sum([(layer, weight) for layer, weight in found if isinstance(layer, LoRALayer)])
        ranks = {path: len(layer.tensors()["A"]) for path, layer in layers.items()}
        patterns = {path.replace(".", r"\."): r for path, r in ranks.items()}
        alphas = {pattern: float(r) for pattern, r in patterns.items()}  # a scale of 1: the scales are in B
        config = LoRA(target_modules=tuple(ranks), rank_pattern=patterns, alpha_pattern=alphas)
        self._all[name] = _Adapter(LoRAMethod(config), layers)
        return self._all[name].method

    def remove(self, name: str) -> None:
        """Forget the adapter `name`; the base is used where it was. Raises ModelError for a name that no adapter has."""
        self._get(name)
        if self.active == name:
            self._take_out()
        del self._all[name]

    def method(self, name: str) -> LoRAMethod:
        """The method of the adapter `name`, for what can be done with the one in use: state, merge, trainable_count, ...

        Raises ModelError for a name that no adapter has.
        """
        return self._get(name).method

    def export(self, name: str, directory: str | Path, *, base: str, task: str) -> None:
        """Write the adapter `name` alone, as PEFT reads it. Raises ModelError for a name that no adapter has."""
        method = self._get(name).method
        with self.using(name):
            method.export(self.model, directory, base=base, task=task)

    def _get(self, name: str) -> _Adapter:
        if name not in self._all:
            raise ModelError("lora.no_adapter", got=name, allowed=", ".join(self._all) or "-")
        return self._all[name]

    def _check_new(self, name: str) -> None:
        if name in self._all:
            raise ModelError("lora.adapter_name", got=name)

    def _take_out(self) -> None:
        if self.active is not None:
            self._put_plain(self._all[self.active].layers)
            self._restore_head()
        self.active = None

    def _put_plain(self, layers: Mapping[str, Adapted]) -> None:
        for path, layer in layers.items():
            layer.unmerge()
            self.model.set_submodule(path, layer.base)

    def _restore_head(self) -> None:
        if self._base_head is not None:
            self.model.set_submodule(HEAD, self._base_head)


def _check_adds_up(name: str, adapter: _Adapter) -> None:
    if adapter.head is not None:
        raise ModelError("lora.no_mixing", got=name, what="score")
    for layer in adapter.layers.values():
        if not isinstance(layer, LoRALayer) or isinstance(layer, DoRALayer):
            raise ModelError("lora.no_mixing", got=name, what=type(layer).__name__)
        if layer.trained_bias is not None:
            raise ModelError("lora.no_mixing", got=name, what="bias")


@torch.no_grad()
def _sum(parts: list[tuple[LoRALayer, float]]) -> LoRALayer:
    """Σ weight · scale · B A on the base that the parts share, as one layer with a scale of 1."""
    A_RI = torch.cat([layer.factors()[0] for layer, _ in parts])
    B_OR = torch.cat([layer.factors()[1] * (layer.scale * weight) for layer, weight in parts], dim=1)
    base: Linear = parts[0][0].base
    return LoRALayer(base, r=len(A_RI), scale=1.0, factors=Factors(A_RI.clone(), B_OR.clone()))
