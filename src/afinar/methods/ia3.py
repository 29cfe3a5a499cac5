"""(IA)³: learnt vectors that scale keys, values and the inputs of the feed-forward's last layer.

    k' = l_k ⊙ (W_k x + b_k)        v' = l_v ⊙ (W_v x + b_v)        y = W_2 (l_ff ⊙ σ(W_1 x)) + b_2

    attention     y = l ⊙ (W x + b)     l (out,)     W' = diag(l) W,  b' = l ⊙ b
    feed-forward  y = W (l ⊙ x) + b     l (in,)      W' = W diag(l)

Every l starts at one, so training starts at the base model, and it can be multiplied into W afterwards. For each layer of the
model 2·d_kv + d_ff weights train, the fewest of all techniques that act inside it.

Source: Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning",
arXiv:2205.05638, section 3.3.

Where we differ: nothing from PEFT, whose layers per architecture these are (:data:`TARGETS`). Some of them are not the
paper's: it has the queries of Gemma, Qwen and Phi scaled, and not their keys, and where one layer makes q, k and v, all three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from afinar.errors import ModelError
from afinar.methods import exports, ia3_format
from afinar.methods.config import IA3
from afinar.methods.head import head_count, head_state, train_head
from afinar.methods.ia3_targets import Targets, find_layers
from afinar.methods.training_state import copy_into
from afinar.models.targets import Linear, features


class IA3Layer(nn.Module):
    """A linear layer (nn.Linear, or GPT-2's Conv1D) whose outputs, or inputs with `feedforward`, are scaled by a vector.

    x (..., in) → (..., out), in the base's dtype; the vector is float32 whatever the base is, and the product too, since a
    bfloat16 vector could move away from one in steps of 1/128 only. `enabled = False` gives the base layer's own output.
    """

    base: Linear

    def __init__(self, base: Linear, *, feedforward: bool) -> None:
        super().__init__()
        self.base, self.feedforward, self.enabled = base, feedforward, True
        size = features(base)[0 if feedforward else 1]
        self.ia3_l = nn.Parameter(torch.ones(size, device=base.weight.device))
        self.train(base.training)

    @property
    def weight(self) -> Tensor:
        """The base's weight, for code that reads `layer.weight`; without the vector."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """The base's bias."""
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        """l ⊙ (W x + b), or W (l ⊙ x) + b in the feed-forward."""
        if not self.enabled:
            y: Tensor = self.base(x)
        elif self.feedforward:
            y = self.base((x * self.ia3_l).to(x.dtype))
        else:
            y = self.base(x)
            y = (y * self.ia3_l).to(y.dtype)
        return y

    @torch.no_grad()
    def fold(self) -> Linear:
        """The base layer with the vector in its weight for good. Raises ModelError for a quantised weight."""
        weight = self.base.weight
        if not weight.is_floating_point():
            raise ModelError("methods.merge_quantised", dtype=weight.dtype)
        over_columns = self.feedforward != isinstance(self.base, Conv1D)  # Conv1D's weight is stored in × out
        scaled = weight * (self.ia3_l if over_columns else self.ia3_l[:, None])
        # Parameters of its own: a weight that another module shares must not change under it.
        self.base.weight = nn.Parameter(scaled.to(weight.dtype), requires_grad=False)
        if not self.feedforward and self.base.bias is not None:
            bias = self.base.bias
            self.base.bias = nn.Parameter((bias * self.ia3_l).to(bias.dtype), requires_grad=False)
        return self.base

    def extra_repr(self) -> str:
        return f"feedforward={self.feedforward}"


def ia3_layers(model: nn.Module) -> dict[str, IA3Layer]:
    """The adapted layers of `model` by path."""
    return {path: module for path, module in model.named_modules() if isinstance(module, IA3Layer)}


class IA3Method:
    """Puts an :class:`IA3Layer` onto each target; its export is PEFT's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = True
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: IA3) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and scale the targets.

        Raises ConfigError where the targets match no layer, ModelError where the model already carries an adapter.
        """
        if any(type(module).__module__.startswith("afinar.methods.") for module in model.modules()):
            raise ModelError("ia3.already_adapted")
        return self._attach(model, find_layers(model, self.config))

    def trainable_count(self, model: PreTrainedModel) -> int:
        """Σ out over the scaled projections and Σ in over the feed-forward's, plus the classification head."""
        adapted = ia3_layers(model)
        targets = {path: (layer.base, layer.feedforward) for path, layer in adapted.items()} or find_layers(model, self.config)
        return sum(features(layer)[0 if inside else 1] for layer, inside in targets.values()) + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The vector of each adapted layer, and the classification head."""
        return {f"{path}.ia3_l": layer.ia3_l.detach() for path, layer in _attached(model).items()} | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, and `afinar.json`."""
        layers = _attached(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        vectors = {path: (layer.ia3_l.detach(), layer.feedforward) for path, layer in layers.items()}
        transposed = any(isinstance(layer.base, Conv1D) for layer in layers.values())
        ia3_format.write(directory, vectors, model=model, fan_in_fan_out=transposed, base=base, task=task)

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base; the file says which layers it scales.

        Raises ModelError for what this layer cannot represent, and where file and model do not belong together.
        """
        vectors, head = ia3_format.read(directory)
        if not ia3_layers(model):
            self._attach(model, ia3_format.layers_at(model, vectors))
        copy_into(self.state(model), {f"{path}.ia3_l": vector for path, (vector, _) in vectors.items()} | head)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Fold every vector into its layer and put the plain layer back. Raises ModelError without an adapter."""
        for path, layer in _attached(model).items():
            model.set_submodule(path, layer.fold())
        return model

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's own output, bit for bit. Raises ModelError without an adapter."""
        layers = list(_attached(model).values())
        before = [layer.enabled for layer in layers]
        for layer in layers:
            layer.enabled = False
        try:
            yield
        finally:
            for layer, enabled in zip(layers, before, strict=True):
                layer.enabled = enabled

    def _attach(self, model: PreTrainedModel, targets: Targets) -> PreTrainedModel:
        model.requires_grad_(False)
        for path, (base, feedforward) in targets.items():
            model.set_submodule(path, IA3Layer(base, feedforward=feedforward))
        train_head(model)
        return model


def _attached(model: nn.Module) -> dict[str, IA3Layer]:
    layers = ia3_layers(model)
    if not layers:
        raise ModelError("ia3.not_attached")
    return layers
