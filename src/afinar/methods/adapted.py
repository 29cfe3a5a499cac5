"""A layer of the base with something trained beside it: what LoRA layers, trained tokens and trained modules share.

The base's own layer is kept under `base`, untouched, so that `enabled = False` gives its output bit for bit, and so does
:meth:`Adapted.unmerge` after :meth:`Adapted.merge`.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from afinar.errors import ModelError
from afinar.models.quantize import float_weight
from afinar.models.targets import Linear

Kind = Literal["linear", "embedding", "tokens", "layer"]
"""What is at a place: a low-rank update of a linear layer or of embeddings, trained tokens, a layer that trains whole."""


class Adapted(nn.Module):
    """Base of the layers that adapt another. A subclass has a forward, and says what the base becomes by :meth:`folded`."""

    base: Any
    enabled: bool
    """Whether it does anything; False gives the base's own output."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base
        self.enabled = True
        self.unmerged = nn.ParameterDict()  # the base's parameters while merged; registered, so that they move with the model
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
        """Whether the update is in the base's parameters at the moment."""
        return len(self.unmerged) > 0

    @property
    def follows(self) -> bool:
        """Whether it uses the trained values of the embeddings that its base is one weight with."""
        return False

    @property
    def active(self) -> bool:
        """Whether the update is to be added to the base's output."""
        return self.enabled and not self.merged

    def tensors(self) -> dict[str, Tensor]:
        """Its training state by name, sharing memory; empty where it uses another layer's."""
        raise NotImplementedError

    def count(self) -> int:
        """How many weights it trains, by its formula."""
        raise NotImplementedError

    def folded(self) -> dict[str, Tensor]:
        """The base's parameters with the update in them, by name, in their own dtype and layout."""
        raise NotImplementedError

    def merge(self) -> None:
        """Put the update into the base's parameters. The old ones are kept, so :meth:`unmerge` is exact; see :meth:`fold`.

        Raises ModelError for quantised parameters.
        """
        if self.merged:
            return
        for name, value in self.folded().items():
            self.unmerged[name] = self.base.get_parameter(name)
            # A parameter of its own: a weight that another module shares must not change under it.
            self.base.register_parameter(name, nn.Parameter(value, requires_grad=False))

    def unmerge(self) -> None:
        """Take the update out again, bit for bit."""
        for name, parameter in list(self.unmerged.items()):
            self.base.register_parameter(name, parameter)
            del self.unmerged[name]

    def fold(self) -> Any:
        """The base layer with the update in it for good; this layer is done."""
        self.merge()
        self.unmerged = nn.ParameterDict()
        return self.base


def foldable_weight(layer: nn.Module) -> Tensor:
    """The weight of `layer`. Raises ModelError where it is quantised: nothing can be folded into it without loss."""
    weight: Any = layer.weight
    if not weight.is_floating_point():
        raise ModelError("methods.merge_quantised", dtype=weight.dtype)
    return weight


def matrix(layer: Linear) -> Tensor:
    """The weight of a linear layer as (out, in), whichever way it is stored; dequantised where it is quantised."""
    weight = layer.weight.detach() if layer.weight.is_floating_point() else float_weight(layer)
    return weight.t() if isinstance(layer, Conv1D) else weight


def adapted_layers(model: nn.Module) -> dict[str, Adapted]:
    """The adapted layers of `model` by path."""
    return {path: module for path, module in model.named_modules() if isinstance(module, Adapted)}


def embedding_scale(layer: nn.Module) -> Tensor | None:
    """What an embedding multiplies its rows by (Gemma 3 and its relatives do), or None."""
    return layer._buffers.get("embed_scale")
