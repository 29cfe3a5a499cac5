"""Where the adapters of an :class:`AdapterConfig` go in a model: which module each one wraps, and what it reads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods.config.bottleneck import AdapterConfig
from afinar.models import residual
from afinar.models.sublayers import Branch, Branches, Kind, decoder_layers, known_branches


class Place(NamedTuple):
    """One adapter's place.

    layer: the decoder layer's index, and its path. output: the path of the module whose output is adapted. stream: the
    path of the module whose input the adapter reads, and reads what it makes of it; None and "branch" where it reads the
    output alone, as under "sum" in a parallel layer.
    """

    layer: int
    path: str
    kind: Kind
    output: str
    stream: str | None
    reads: str

    def device(self, model: PreTrainedModel) -> torch.device:
        """Where the layer's weights are."""
        return next(model.get_submodule(self.path).parameters()).device


def places(model: PreTrainedModel, config: AdapterConfig) -> list[Place]:
    """The places of a model without adapters, first layer first.

    Raises ModelError for an architecture that neither the table nor a trial tells, ConfigError for modules and layers that
    the model does not have, and where nothing would be adapted.
    """
    layers = list(decoder_layers(model))
    _check_layers(config, len(layers))
    branches = branches_of(model, config)
    return [
        _place(index, path, kind, branches, config)
        for index, path in enumerate(layers)
        if index not in config.leave_out
        for kind in _kinds(config)
    ]


def branches_of(model: PreTrainedModel, config: AdapterConfig) -> Branches:
    """What the config names, else what the table says of the architecture, else what a trial finds."""
    found = known_branches(model.config)
    if found is None and any(_named(config, kind) == "auto" for kind in _kinds(config)):
        found = residual.find_branches(model)
    return Branches(_branch(model, config, "attention", found), _branch(model, config, "feed_forward", found))


def _branch(model: PreTrainedModel, config: AdapterConfig, kind: Kind, found: Branches | None) -> Branch:
    name = _named(config, kind)
    if name == "auto" and found is not None:
        return getattr(found, kind)
    if kind not in _kinds(config):
        return Branch("", None)  # not asked for
    if name == "auto":
        raise ModelError(
            "bottleneck.unknown_architecture",
            architecture=model.config.model_type,
            kind=kind,
            field=f"{kind}_output",
            candidates=_candidates(model),
        )
    return _by_name(model, config, kind, name, found)


def _by_name(model: PreTrainedModel, config: AdapterConfig, kind: Kind, name: str, found: Branches | None) -> Branch:
    layer = next(iter(decoder_layers(model).values()))
    if name not in dict(layer.named_modules()) or not name:
        raise ConfigError("bottleneck.no_module", field=f"{kind}_output", got=name, candidates=_candidates(model))
    if found is None and config.reads != "branch":
        raise ConfigError("bottleneck.no_stream", reads=config.reads, architecture=model.config.model_type, kind=kind)
    return Branch(name, None if found is None else getattr(found, kind).stream)


def _place(index: int, path: str, kind: Kind, branches: Branches, config: AdapterConfig) -> Place:
    branch: Branch = getattr(branches, kind)
    output = branch.before_norm if config.before_post_norm and branch.before_norm is not None else branch.output
    stream = branch.stream
    if stream is None and config.reads == "stream":  # a parallel layer, whose only stream is what attention is added to
        stream = branches.attention.stream
    reads = "branch" if stream is None else config.reads
    return Place(index, path, kind, f"{path}.{output}", f"{path}.{stream}" if reads != "branch" else None, reads)


def _kinds(config: AdapterConfig) -> list[Kind]:
    chosen: dict[Kind, bool | str] = {"attention": config.attention, "feed_forward": config.feed_forward}
    return [kind for kind, wanted in chosen.items() if wanted]


def _named(config: AdapterConfig, kind: Kind) -> str:
    return config.attention_output if kind == "attention" else config.feed_forward_output


def _candidates(model: PreTrainedModel) -> str:
    return ", ".join(residual.candidates(model)) or "-"


def _check_layers(config: AdapterConfig, count: int) -> None:
    beyond = [layer for layer in config.leave_out if layer >= count]
    if beyond:
        raise ConfigError("bottleneck.no_such_layer", field="method.leave_out", got=beyond[0], last=count - 1)
    if len(set(config.leave_out)) == count:
        raise ConfigError("bottleneck.all_left_out")
