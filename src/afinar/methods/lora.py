"""LoRA: low-rank adaptation of linear layers.

    y = W x + b + s · B A x,    s = alpha / r   (alpha / sqrt(r) when rank-stabilised)

    W (out, in)  the pretrained weight, frozen          A (r, in)   Kaiming uniform, a = sqrt(5)
    b (out,)     its bias, frozen                       B (out, r)  zero: training starts at the base model

         x ──────── W ──────── + ── y        r·(in + out) weights train in place of in·out, and B A can be folded
         └── drop ── A ── B ── s ┘           into W afterwards, so that the adapted model costs nothing extra.

Sources: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685, equation 3 and section
4.1; Kalajdzievski 2023, "A rank stabilization scaling factor for fine-tuning with LoRA", arXiv:2312.03732.

Where we differ: the paper draws A from a Gaussian; its code and PEFT use Kaiming uniform, as here. PEFT casts x to the
adapter's float32 and forms B A x, s · B A x and the sum, each as wide as y; here A and B are cast to x's dtype (their
float32 values stay the masters) and the product is added into W x in one step. Over a bfloat16 base the
update and the gradients of A and B therefore carry bfloat16's rounding (0.3 % of them), as the base's own products do.

Shapes: N tokens of all sequences, I in, O out, R rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from afinar.errors import ModelError
from afinar.methods import exports, peft_format
from afinar.methods.config import LoRA
from afinar.methods.head import head_count, head_state, train_head
from afinar.methods.training_state import copy_into
from afinar.models.targets import Linear, features, find_targets, is_linear, shortest_endings


def add_low_rank(y_NO: Tensor, x_NI: Tensor, A_RI: Tensor, B_OR: Tensor, scale: float) -> Tensor:
    """y + scale · x Aᵀ Bᵀ, with one temporary as wide as y: the result."""
    return torch.addmm(y_NO, F.linear(x_NI, A_RI), B_OR.t(), alpha=scale)


class LoRALayer(nn.Module):
    """A linear layer (nn.Linear, or GPT-2's Conv1D) with a low-rank update beside its frozen weight.

    x (..., in) → (..., out), in the base's dtype; A and B are float32 whatever the base is. `enabled = False` gives the
    base layer's own output.
    """

    base: Linear
    unmerged_weight: Tensor | None

    def __init__(self, base: Linear, *, r: int, scale: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_features, self.out_features = features(base)
        self.base, self.r, self.scale, self.dropout = base, r, scale, dropout
        # On the CPU first, so that one seed gives the same adapter on every device.
        A_RI = nn.init.kaiming_uniform_(torch.empty(r, self.in_features), a=math.sqrt(5))
        self.A = nn.Parameter(A_RI.to(self.weight.device))
        self.B = nn.Parameter(torch.zeros(self.out_features, r, device=self.weight.device))
        self.enabled = True
        self.register_parameter("unmerged_weight", None)  # W while merged; registered, so that it moves with the model
        self.train(base.training)

    @property
    def weight(self) -> Tensor:
        """The base's weight, for code that reads `layer.weight`; without the update unless merged."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """The base's bias."""
        return self.base.bias

    @property
    def merged(self) -> bool:
        """Whether the update is in the base's weight at the moment."""
        return self.unmerged_weight is not None

    def forward(self, x: Tensor) -> Tensor:
        """W x + b + s · B A dropout(x); dropout only in training, drawn from torch's global generator."""
        y = self.base(x)
        if not self.enabled or self.merged:
            return y
        x_NI = F.dropout(x, self.dropout, self.training).reshape(-1, self.in_features)
        y_NO = y.reshape(-1, self.out_features)
        return add_low_rank(y_NO, x_NI, self.A.to(x.dtype), self.B.to(x.dtype), self.scale).view_as(y)

    @torch.no_grad()
    def folded_weight(self) -> Tensor:
        """W + s · B A, summed in at least float32, in W's dtype and layout. Raises ModelError for a quantised W."""
        if not self.weight.is_floating_point():
            raise ModelError("methods.merge_quantised", dtype=self.weight.dtype)
        update = (self.B @ self.A) * self.scale  # float32 or wider, so the sum is too
        return (self.weight + (update.t() if isinstance(self.base, Conv1D) else update)).to(self.weight.dtype)

    def merge(self) -> None:
        """Put the update into the base's weight. The old weight is kept, so :meth:`unmerge` is exact; see :meth:`fold`."""
        if self.merged:
            return
        # A parameter of its own: a weight that another module shares must not change under it.
        self.unmerged_weight, self.base.weight = self.weight, nn.Parameter(self.folded_weight(), requires_grad=False)

    def unmerge(self) -> None:
        """Take the update out again, bit for bit."""
        if self.unmerged_weight is not None:
            self.base.weight, self.unmerged_weight = self.unmerged_weight, None

    def fold(self) -> Linear:
        """The base layer with the update in its weight for good; this layer is done."""
        self.merge()
        self.unmerged_weight = None
        return self.base

    def extra_repr(self) -> str:
        return f"r={self.r}, scale={self.scale:g}, dropout={self.dropout:g}"


def lora_layers(model: nn.Module) -> dict[str, LoRALayer]:
    """The adapted layers of `model` by path."""
    return {path: module for path, module in model.named_modules() if isinstance(module, LoRALayer)}


class LoRAMethod:
    """Puts a :class:`LoRALayer` onto each target; its export is PEFT's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = True
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: LoRA) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and adapt the targets.

        Raises ConfigError where the targets match no layer, ModelError where the model already carries an adapter.
        """
        _check_free(model)
        return self._attach(model, find_targets(model, self.config.target_modules))

    def trainable_count(self, model: PreTrainedModel) -> int:
        """Σ r·(in + out) over the targets, plus the classification head."""
        adapted = lora_layers(model)
        layers = [layer.base for layer in adapted.values()] or find_targets(model, self.config.target_modules).values()
        return self.config.r * sum(sum(features(layer)) for layer in layers) + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """A and B of each adapted layer, and the classification head."""
        layers = _attached(model)
        return {
            f"{path}.{name}": tensor.detach() for path, layer in layers.items() for name, tensor in _matrices(layer)
        } | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, and `afinar.json`."""
        layers = _attached(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        adapter = peft_format.Adapter(
            config=self.config,
            matrices={path: (layer.A.detach(), layer.B.detach()) for path, layer in layers.items()},
            head=head_state(model),
        )
        peft_format.write(
            directory,
            adapter,
            base=base,
            task=task,
            target_modules=shortest_endings(model, layers),
            fan_in_fan_out=any(isinstance(layer.base, Conv1D) for layer in layers.values()),
        )

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base; the file says which layers it adapts.

        Raises ModelError for what this layer cannot represent, and where file and model do not belong together.
        """
        adapter = peft_format.read(directory)
        adapter.check_same(self.config)
        if not lora_layers(model):
            self._attach(model, _layers_at(model, adapter.matrices))
        copy_into(self.state(model), adapter.tensors())
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Fold every update into its layer and put the plain layer back. Raises ModelError without an adapter."""
        for path, layer in _attached(model).items():
            model.set_submodule(path, layer.fold())
        return model

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's own output, bit for bit, also while layers are merged. Raises ModelError without an adapter."""
        layers = list(_attached(model).values())
        before = [(layer.enabled, layer.merged) for layer in layers]
        for layer in layers:
            layer.unmerge()
            layer.enabled = False
        try:
            yield
        finally:
            for layer, (enabled, merged) in zip(layers, before, strict=True):
                layer.enabled = enabled
                if merged:
                    layer.merge()

    def _attach(self, model: PreTrainedModel, targets: dict[str, Linear]) -> PreTrainedModel:
        model.requires_grad_(False)
        for path, base in targets.items():
            layer = LoRALayer(base, r=self.config.r, scale=self.config.scale, dropout=self.config.dropout)
            model.set_submodule(path, layer)
        train_head(model)
        return model


def _check_free(model: nn.Module) -> None:
    if lora_layers(model):
        raise ModelError("methods.already_attached")


def _attached(model: nn.Module) -> dict[str, LoRALayer]:
    layers = lora_layers(model)
    if not layers:
        raise ModelError("methods.not_attached")
    return layers


def _matrices(layer: LoRALayer) -> tuple[tuple[str, Tensor], tuple[str, Tensor]]:
    return ("A", layer.A), ("B", layer.B)


def _layers_at(model: PreTrainedModel, paths: Iterable[str]) -> dict[str, Linear]:
    layers = {path: module for path, module in model.named_modules() if is_linear(module)}
    for path in paths:
        if path not in layers:
            raise ModelError("methods.adapter_of_another_model", path=path, model=type(model).__name__)
    return {path: layers[path] for path in paths}
