"""What each parameter that trains is: adapter, embedding, head or another weight, and the layer that it lies in.

Nothing here knows names of architectures. Embeddings are the `nn.Embedding` modules, the head is what the model itself
gives as its output embeddings (or the classifier's `score`), the layers are the outermost `nn.ModuleList` that holds most of
the model, and an adapter is what a module of ours or of PEFT's holds beside its base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn
from transformers import PreTrainedModel

from afinar.methods.head import HEAD
from afinar.methods.lora import LoRALayer
from afinar.methods.lora_embedding import LoRAEmbedding

WORDS = ("bias", "norm", "embedding")
"""What `no_decay` understands beyond regular expressions."""

_ADDED_BY = ("afinar.methods.", "peft.")
# What layers and wrappers of ours and of PEFT's keep their base, or a trained copy of it, under.
_BASE = {"base", "base_layer", "base_model", "model", "modules_to_save", "original_module"}
_TRAINED_TOKENS = {"token_adapter", "token_rows", "trainable_tokens_delta"}
_LORA_B = {"lora_B", "lora_embedding_B"}
_SCALES = {"ia3_l", "lora_magnitude_vector", "magnitude"}  # they multiply activations, as a norm's weight does


@dataclass
class Trained:
    """One parameter that trains, with every name that it goes by (several where weights are tied).

    owners: the modules that hold it, one for each name. added: whether it is beside the base and not part of it.
    in_head: whether it lies in the LM head or the classifier's. layer: which of the decoder's layers it lies in.
    """

    parameter: nn.Parameter
    names: list[str] = field(default_factory=list)
    owners: list[nn.Module] = field(default_factory=list)
    added: bool = False
    in_head: bool = False
    layer: int | None = None

    @property
    def role(self) -> str:
        """adapter, embedding, head or weights. A head tied to the embeddings is an embedding, a prompt is an adapter."""
        if self.parts & _TRAINED_TOKENS or (self.is_embedding and not self.added):
            return "embedding"
        if self.added:
            return "adapter"
        return "head" if self.in_head else "weights"

    @property
    def parts(self) -> set[str]:
        """The components of its names."""
        return {part for name in self.names for part in name.split(".")}

    @property
    def is_embedding(self) -> bool:
        """Whether rows of it are looked up: tokens, positions, places of a prompt."""
        return any(isinstance(owner, nn.Embedding) for owner in self.owners) or bool(self.parts & _TRAINED_TOKENS)

    @property
    def is_lora_b(self) -> bool:
        """Whether it is the B of a LoRA, ours or PEFT's."""
        own = any(isinstance(owner, LoRALayer | LoRAEmbedding) for owner in self.owners) and self.names[0].endswith(".B")
        return own or bool(self.parts & _LORA_B)

    def matches(self, pattern: str) -> bool:
        """Whether one of :data:`WORDS` or a regular expression over its names means it."""
        if pattern == "bias":
            return any(part == "bias" or part.endswith("_bias") for part in self.parts)
        if pattern == "norm":
            return any("norm" in type(owner).__name__.lower() for owner in self.owners) or bool(self.parts & _SCALES)
        if pattern == "embedding":
            return self.is_embedding
        return any(re.search(pattern, name) for name in self.names)


def trained_parameters(model: nn.Module) -> tuple[list[Trained], int]:
    """(every parameter with `requires_grad`, once, in the order of the modules; the number of the decoder's layers)."""
    found: dict[int, Trained] = {}
    for path, owner, added in _walk(model):
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.requires_grad:
                item = found.setdefault(id(parameter), Trained(parameter))
                item.names.append(f"{path}{name}")
                item.owners.append(owner)
                item.added |= _is_added(owner, name, added)
    items = list(found.values())
    _mark_head(model, items)
    return items, _place_in_layers(model, items)


def _walk(module: nn.Module, path: str = "", added: bool = False) -> Iterator[tuple[str, nn.Module, bool]]:
    """Every module with its path and a dot, and whether it is added to a base; a shared module each time it occurs."""
    yield path, module, added
    for name, child in module.named_children():
        yield from _walk(child, f"{path}{name}.", _is_added(module, name, added))


def _is_added(parent: nn.Module, name: str, inherited: bool) -> bool:
    if not any(cls.__module__.startswith(_ADDED_BY) for cls in type(parent).__mro__):
        return inherited
    return name not in _BASE


def _mark_head(model: nn.Module, items: Sequence[Trained]) -> None:
    heads = []
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            heads += [head for head in (module.get_output_embeddings(), module._modules.get(HEAD)) if head is not None]
    paths = tuple(path for path, module, _ in _walk(model) if any(module is head for head in heads))
    for item in items:
        item.in_head = any(name.startswith(paths) for name in item.names)


def _place_in_layers(model: nn.Module, items: Sequence[Trained]) -> int:
    lists = {path: module for path, module, _ in _walk(model) if isinstance(module, nn.ModuleList)}
    outer = [path for path in lists if not any(path != other and path.startswith(other) for other in lists)]
    if not outer:
        return 0
    layers = max(outer, key=lambda path: sum(parameter.numel() for parameter in lists[path].parameters()))
    for item in items:
        for name in item.names:
            if name.startswith(layers):
                item.layer = int(name.removeprefix(layers).split(".")[0])
    return len(lists[layers])
