"""Bottleneck adapters: a small network beside each sub-layer of a frozen decoder, through fewer units than the model has.

    h' = h + s · drop(U act(D u + d) + e)

    h (H,)    what a sub-layer adds to the residual stream          D (S, H), d (S,)   down, to the bottleneck
    u (H,)    what the adapter reads                                U (H, S), e (H,)   up, to the model's width
    s         the scaling: a number, or trained (1,) or (H,)        act                swish, relu, ...

         x ──┬── norm ── attention or feed-forward ── h ──(+)── h' ──(+)──     u = h        houlsby:  "branch"
             │                                           ↑           │         u = x + h    pfeiffer: "sum"
             │                          u ── D ── act ── U ── s      │         u = x        parallel: "stream"
             └───────────────────────────────────────────────────────┘

The adapter changes only what is added to the residual stream x, never x itself, so U = 0 and e = 0 is the base model to the
bit; training starts there (`init: mam_adapter`). Each adapter adds 2·H·S + S + H weights. What it computes depends on the
input through an activation, so it cannot be folded into the base's weights.

Sources: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", arXiv:1902.00751, section 2.1 (after both
sub-layers); Pfeiffer et al. 2020, "AdapterFusion", arXiv:2005.00247, section 3.2 (after feed-forward); He et al. 2022,
"Towards a Unified View of Parameter-Efficient Transfer Learning", arXiv:2110.04366, section 3.3 (parallel, scaled).

Where we differ: the papers put the skip connection around the adapter into post-norm encoders, before the layer norm. In a
pre-norm decoder the adapter sits where the sub-layer's output enters the stream (:mod:`afinar.models.sublayers`), as in
AdapterHub's `adapters`, whose numbers ours equal. In a parallel layer (GPT-NeoX, Phi) feed-forward is added to no stream
of its own: there "sum" reads the branch alone, as AdapterHub does, and "stream" the layer's input.

Shapes: N tokens of all sequences, H hidden units, S units of the bottleneck.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from afinar.errors import ModelError
from afinar.methods import adapterhub_format
from afinar.methods.bottleneck_places import Place, places
from afinar.methods.config.bottleneck import AdapterConfig
from afinar.methods.head import head_count, head_state, train_head
from afinar.methods.training_state import copy_into


class BottleneckAdapter(nn.Module):
    """u (..., H) → s · drop(U act(D u + d) + e) (..., H), in u's dtype; its weights are float32 whatever the base is."""

    def __init__(self, hidden_size: int, config: AdapterConfig) -> None:
        super().__init__()
        size = config.width(hidden_size)
        self.norm_before = nn.LayerNorm(hidden_size, dtype=torch.float32) if config.ln_before else None
        self.down = nn.Linear(hidden_size, size, dtype=torch.float32)
        self.activation = ACT2FN[config.activation]
        self.up = nn.Linear(size, hidden_size, dtype=torch.float32)
        self.norm_after = nn.LayerNorm(hidden_size, dtype=torch.float32) if config.ln_after else None
        self.dropout = config.dropout
        self.scaling: float | nn.Parameter = _scaling(config.scaling, hidden_size)
        initialise(self, config.init)

    def forward(self, u: Tensor) -> Tensor:
        """Dropout only in training, drawn from torch's global generator."""
        scaling = self.scaling if isinstance(self.scaling, float) else self.scaling.to(u.dtype)
        units = self.activation(_linear(_norm(u, self.norm_before), self.down))
        return _norm(F.dropout(_linear(units, self.up) * scaling, self.dropout, self.training), self.norm_after)

    def extra_repr(self) -> str:
        return f"size={self.down.out_features}, dropout={self.dropout:g}"


class AdaptedBranch(nn.Module):
    """The module that ends a branch, with an adapter on its output h (..., H), or on the first of several outputs.

    place.reads: "branch", "sum" or "stream", see above; the last two need the stream x, which :meth:`keep_stream` is handed.
    `enabled = False` gives the base's own output.
    """

    def __init__(self, base: nn.Module, adapter: BottleneckAdapter, place: Place) -> None:
        super().__init__()
        self.base, self.adapter, self.place = base, adapter, place
        self.enabled = True
        self._stream: Tensor | None = None
        self.train(base.training)

    def keep_stream(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The pre-hook of the module that reads the stream; a method, so that a copy of the model keeps its own."""
        if self.enabled:
            self._stream = args[0] if args else kwargs["hidden_states"]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """h + adapter(u), in place of h. Raises ModelError where the module that reads the stream did not run before."""
        output = self.base(*args, **kwargs)
        stream, self._stream = self._stream, None
        if not self.enabled:
            return output
        if isinstance(output, Tensor):
            return output + self.adapter(self._read(output, stream))
        return (output[0] + self.adapter(self._read(output[0], stream)), *output[1:])

    def _read(self, branch: Tensor, stream: Tensor | None) -> Tensor:
        if self.place.reads == "branch":
            return branch
        if stream is None:
            raise ModelError("bottleneck.no_stream_seen", output=self.place.output, stream=self.place.stream)
        return stream if self.place.reads == "stream" else stream + branch

    def extra_repr(self) -> str:
        return f"reads={self.place.reads}"


@torch.no_grad()
def initialise(adapter: BottleneckAdapter, init: str) -> None:
    """Draw both layers' weights; biases are zero.

    mam_adapter: D Kaiming uniform with a = √5, U zero. bert: both normal with 0.02. houlsby: both normal with 0.01, cut at
    two deviations.
    """
    for layer in (adapter.down, adapter.up):
        nn.init.zeros_(layer.bias)
        if init == "bert":
            nn.init.normal_(layer.weight, std=0.02)
        elif init == "houlsby":
            nn.init.trunc_normal_(layer.weight, std=0.01, a=-0.02, b=0.02)
    if init == "mam_adapter":
        nn.init.kaiming_uniform_(adapter.down.weight, a=math.sqrt(5))
        nn.init.zeros_(adapter.up.weight)


def adapted_branches(model: nn.Module) -> dict[str, AdaptedBranch]:
    """The adapted branches of `model` by path."""
    return {path: module for path, module in model.named_modules() if isinstance(module, AdaptedBranch)}


class BottleneckMethod:
    """Puts an :class:`AdaptedBranch` where sub-layers enter the stream; its export is AdapterHub's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = False
    switchable: ClassVar[bool] = True
    peft_format: ClassVar[bool] = False
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: AdapterConfig) -> None:
        self.config = config

    @property
    def starts_at_base(self) -> bool:
        """Whether what the adapters add is zero before training."""
        return self.config.init == "mam_adapter"

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and adapt its branches.

        Raises ModelError where the model carries such adapters already or its architecture is not known, ConfigError where
        the config names modules or layers that it does not have.
        """
        if adapted_branches(model):
            raise ModelError("bottleneck.already_attached")
        found = places(model, self.config)
        model.requires_grad_(False)
        for place in found:
            self._adapt(model, place)
        train_head(model)
        return model

    def trainable_count(self, model: PreTrainedModel) -> int:
        """(2·H·S + S + H) for each adapter, what its norms and its scaling add, and the classification head."""
        hidden_size, config = model.config.hidden_size, self.config
        size = config.width(hidden_size)
        norms = 2 * hidden_size * (config.ln_before + config.ln_after)
        scaling = {"learned": 1, "channel": hidden_size}.get(str(config.scaling), 0)
        each = 2 * hidden_size * size + size + hidden_size + norms + scaling
        count = len(adapted_branches(model)) or len(places(model, config))
        return each * count + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The weights of each adapter, and the classification head."""
        branches = _attached(model)
        return {
            f"{path}.adapter.{name}": parameter.detach()
            for path, branch in branches.items()
            for name, parameter in branch.adapter.named_parameters()
        } | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write AdapterHub's files, which its `adapters` loads, and `afinar.json`."""
        paths = {branch.place.layer: branch.place.path for branch in _attached(model).values()}
        adapterhub_format.write(directory, self.config, model, _by_place(model), paths, base=base, task=task)

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or AdapterHub's own, onto its base.

        Raises ModelError for what these adapters cannot represent, and where file and model do not belong together.
        """
        files = adapterhub_format.read(directory)
        files.check_same(self.config)
        files.check_lm_head(model)
        if not adapted_branches(model):
            self.attach(model)
        copy_into(_by_place(model) | head_state(model), files.tensors | files.head)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Raises ModelError: what an adapter adds depends on the input, so no change of weights equals it."""
        raise ModelError("methods.no_merge", name=self.config.name)

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's own output, bit for bit. Raises ModelError without adapters."""
        branches = list(_attached(model).values())
        before = [branch.enabled for branch in branches]
        for branch in branches:
            branch.enabled = False
        try:
            yield
        finally:
            for branch, enabled in zip(branches, before, strict=True):
                branch.enabled = enabled

    def _adapt(self, model: PreTrainedModel, place: Place) -> None:
        base = model.get_submodule(place.output)
        # Drawn on the CPU, so that one seed gives the same adapters on every device.
        adapter = BottleneckAdapter(model.config.hidden_size, self.config).to(place.device(model))
        branch = AdaptedBranch(base, adapter, place)
        if place.stream is not None:
            model.get_submodule(place.stream).register_forward_pre_hook(branch.keep_stream, with_kwargs=True)
        model.set_submodule(place.output, branch)


def _attached(model: nn.Module) -> dict[str, AdaptedBranch]:
    branches = adapted_branches(model)
    if not branches:
        raise ModelError("bottleneck.not_attached")
    return branches


def _by_place(model: PreTrainedModel) -> dict[str, Tensor]:
    """The adapters' tensors by layer and sub-layer: `0.attention.down.weight`."""
    return {
        f"{branch.place.layer}.{branch.place.kind}.{name}": parameter.detach()
        for branch in _attached(model).values()
        for name, parameter in branch.adapter.named_parameters()
    }


def _scaling(scaling: float | str, hidden_size: int) -> float | nn.Parameter:
    if isinstance(scaling, str):
        return nn.Parameter(torch.ones(1 if scaling == "learned" else hidden_size, dtype=torch.float32))
    return float(scaling)


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def _norm(x: Tensor, norm: nn.LayerNorm | None) -> Tensor:
    if norm is None:
        return x
    return F.layer_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.bias.to(x.dtype), norm.eps)
