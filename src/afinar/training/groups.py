"""Parameter groups: which of a model's weights train at which learning rate and with which weight decay.

    rate(p) = rate of p's role · layerwise_lr_decay^(layers above p) · lora_plus_ratio where p is a LoRA's B

| role        | what it is                                                    | its own rate              |
| ----------- | ------------------------------------------------------------- | ------------------------- |
| `adapter`   | what a method or PEFT adds: LoRA's A and B, prompts, scales    | `adapter_learning_rate`   |
| `embedding` | embeddings, a head tied to them, PEFT's trained tokens         | `embedding_learning_rate` |
| `head`      | the LM head, or a classifier's `score`                        | `head_learning_rate`      |
| `weights`   | everything else                                               | `learning_rate`           |

A group is named by its role, then what sets it apart: `adapter/B`, `weights/layer_3/no_decay`.

The top layer and what lies above it (final norm, head) keep the rate itself; each layer below takes the factor once more,
and the embeddings, below the lowest layer, once more again. A rate set for the embeddings is taken as it is.

Sources: Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", arXiv:1801.06146, section 3.2
(rates by layer); Hayou et al. 2024, "LoRA+: Efficient Low Rank Adaptation of Large Models", arXiv:2402.12354.
Where we differ: transformers decays embeddings, (IA)³ scales and DoRA magnitudes towards zero; here they count as
embeddings and norms. PEFT gives LoRA on embeddings a rate of 1e-6 under LoRA+; here it is adapted like any other layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from afinar import messages
from afinar.errors import ConfigError
from afinar.methods.head import HEAD
from afinar.methods.lora import LoRALayer
from afinar.training.arguments import SFTConfig

Groups = list[dict[str, Any]]

_ADDED_BY = ("afinar.methods.", "peft.")
# What layers and wrappers of ours and of PEFT's keep their base, or a trained copy of it, under.
_BASE = {"base", "base_layer", "base_model", "model", "modules_to_save", "original_module"}
_TRAINED_TOKENS = {"token_adapter", "trainable_tokens_delta"}
_LORA_B = {"lora_B", "lora_embedding_B"}
_SCALES = {"ia3_l", "lora_magnitude_vector"}  # they multiply activations, as a norm's weight does


@dataclass
class Trained:
    """One parameter that trains, with every name that it goes by (several where weights are tied)."""

    parameter: nn.Parameter
    names: list[str] = field(default_factory=list)
    owners: list[nn.Module] = field(default_factory=list)
    added: bool = False
    layer: int | None = None

    @property
    def parts(self) -> set[str]:
        """The components of its names."""
        return {part for name in self.names for part in name.split(".")}

    @property
    def is_embedding(self) -> bool:
        """Whether rows of it are looked up by token or position."""
        return any(isinstance(owner, nn.Embedding) for owner in self.owners) or bool(self.parts & _TRAINED_TOKENS)

    @property
    def is_lora_b(self) -> bool:
        """Whether it is the B of a LoRA, ours or PEFT's."""
        own = any(isinstance(owner, LoRALayer) for owner in self.owners) and self.names[0].endswith(".B")
        return own or bool(self.parts & _LORA_B)

    def matches(self, no_decay: str) -> bool:
        """Whether a word of `no_decay` (bias, norm, embedding) or a regular expression means it."""
        if no_decay == "bias":
            return any(part == "bias" or part.endswith("_bias") for part in self.parts)
        if no_decay == "norm":
            return any("norm" in type(owner).__name__.lower() for owner in self.owners) or bool(self.parts & _SCALES)
        if no_decay == "embedding":
            return self.is_embedding
        return any(re.search(no_decay, name) for name in self.names)


@dataclass(frozen=True)
class Base:
    """The learning rate and weight decay that groups depart from."""

    rate: float
    decay: float


def parameter_groups(
    model: nn.Module, args: SFTConfig, *, learning_rate: float | None = None, weight_decay: float | None = None
) -> Groups:
    """What trains in `model` as `{"name", "params", "lr", "weight_decay"}` groups, each parameter in exactly one.

    learning_rate, weight_decay: in place of those in `args`, where an optimizer was given ones of its own.
    Groups at the learning rate itself come first, because the first group's rate is the one that transformers logs.
    Raises ConfigError where nothing trains, and for a setting that applies to nothing.
    """
    base = Base(
        rate=args.learning_rate if learning_rate is None else learning_rate,
        decay=args.weight_decay if weight_decay is None else weight_decay,
    )
    trained = _trained(model)
    if not trained:
        raise ConfigError("training.nothing_trains", model=type(model).__name__)
    depth = _place_in_layers(model, trained)
    roles = _roles(model, trained)
    _check(model, args, trained, roles)
    groups: dict[tuple[str, Any], dict[str, Any]] = {}
    for item, role in zip(trained, roles, strict=True):
        name, rate, decay = _settings(item, role, depth, args, base)
        mesh = item.parameter.device_mesh if isinstance(item.parameter, DTensor) else None
        # one fused or foreach kernel cannot span two device meshes, so each mesh has groups of its own
        group = groups.setdefault((name, mesh), {"name": name, "params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(item.parameter)
    return sorted(groups.values(), key=lambda group: (group["lr"] != base.rate, _by_number(group["name"])))


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts `layer_10` behind `layer_9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def describe(groups: Sequence[dict[str, Any]]) -> list[str]:
    """One line per group for a person: its name, size, peak learning rate and weight decay.

    groups: of :func:`parameter_groups`, or an optimizer's `param_groups`.
    """
    return [
        messages.text(
            "training.group",
            name=group.get("name", number),
            values=messages.number(sum(parameter.numel() for parameter in group["params"]), 0),
            rate=_short(group.get("initial_lr", group["lr"])),  # a schedule keeps the peak under initial_lr
            decay=_short(group.get("weight_decay", 0.0)),
        )
        for number, group in enumerate(groups)
    ]


def _short(value: Any) -> str:
    return messages.decimal(f"{float(value):.3g}")


# --- what each parameter is ----------------------------------------------------------------------------------------


def _trained(model: nn.Module) -> list[Trained]:
    """Every parameter with `requires_grad`, once, in the order of the modules."""
    found: dict[int, Trained] = {}
    for path, owner, added in _walk(model, "", False):
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.requires_grad:
                item = found.setdefault(id(parameter), Trained(parameter))
                item.names.append(f"{path}{name}")
                item.owners.append(owner)
                item.added |= _is_added(owner, name, added)
    return list(found.values())


def _walk(module: nn.Module, path: str, added: bool) -> Iterator[tuple[str, nn.Module, bool]]:
    """Every module with its path, and whether it is something added to a base; shared modules each time they occur."""
    yield path, module, added
    for name, child in module.named_children():
        yield from _walk(child, f"{path}{name}.", _is_added(module, name, added))


def _is_added(parent: nn.Module, name: str, inherited: bool) -> bool:
    if not any(cls.__module__.startswith(_ADDED_BY) for cls in type(parent).__mro__):
        return inherited
    return name not in _BASE


def _roles(model: nn.Module, trained: Sequence[Trained]) -> list[str]:
    heads = _head_paths(model)

    def role(item: Trained) -> str:
        if item.is_embedding and not (item.added and not item.parts & _TRAINED_TOKENS):
            return "embedding"
        if item.added:
            return "adapter"
        return "head" if any(name.startswith(heads) for name in item.names) else "weights"

    return [role(item) for item in trained]


def _head_paths(model: nn.Module) -> tuple[str, ...]:
    """Where the LM head and the classifier's `score` lie, each path ending in a dot."""
    heads = []
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            heads += [head for head in (module.get_output_embeddings(), module._modules.get(HEAD)) if head is not None]
    return tuple(path for path, module, _ in _walk(model, "", False) if any(module is head for head in heads))


def _place_in_layers(model: nn.Module, trained: Sequence[Trained]) -> int:
    """Write the layer of each parameter that lies in one; returns how many layers the decoder has (0: none found)."""
    lists = {path: module for path, module, _ in _walk(model, "", False) if isinstance(module, nn.ModuleList)}
    outer = [path for path in lists if not any(path != other and path.startswith(other) for other in lists)]
    if not outer:
        return 0
    # the decoder's own list is the one that holds most of the model
    layers = max(outer, key=lambda path: sum(parameter.numel() for parameter in lists[path].parameters()))
    for item in trained:
        for name in item.names:
            if name.startswith(layers):
                item.layer = int(name.removeprefix(layers).split(".")[0])
    return len(lists[layers])


# --- what each group is given --------------------------------------------------------------------------------------


def _settings(item: Trained, role: str, depth: int, args: SFTConfig, base: Base) -> tuple[str, float, float]:
    """Name, learning rate and weight decay of the group that `item` belongs to."""
    name, own = [role], _own_rate(role, args)
    rate = base.rate if own is None else own
    if args.lora_plus_ratio is not None and item.is_lora_b:
        name.append("B")
        rate *= args.lora_plus_ratio
    if args.layerwise_lr_decay is not None and item.layer is not None:
        name.append(f"layer_{item.layer}")
        rate *= args.layerwise_lr_decay ** (depth - 1 - item.layer)
    elif args.layerwise_lr_decay is not None and role == "embedding" and own is None:
        rate *= args.layerwise_lr_decay**depth
    kept = any(item.matches(word) for word in args.no_decay)
    return "/".join([*name, "no_decay"] if kept else name), rate, 0.0 if kept else base.decay


def _own_rate(role: str, args: SFTConfig) -> float | None:
    return {
        "adapter": args.adapter_learning_rate,
        "embedding": args.embedding_learning_rate,
        "head": args.head_learning_rate,
        "weights": None,
    }[role]


def _check(model: nn.Module, args: SFTConfig, trained: Sequence[Trained], roles: Sequence[str]) -> None:
    """Raises ConfigError for the first setting that applies to nothing."""
    heads = _head_paths(model)
    tied = any(role == "embedding" and any(name.startswith(heads) for name in item.names)
               for item, role in zip(trained, roles, strict=True))  # fmt: skip
    if args.head_learning_rate is not None and tied and "head" not in roles:
        raise ConfigError("training.tied_head", got=args.head_learning_rate)
    applies = {
        "head_learning_rate": "head" in roles,
        "embedding_learning_rate": "embedding" in roles,
        "adapter_learning_rate": "adapter" in roles,
        "layerwise_lr_decay": any(item.layer is not None for item in trained),
        "lora_plus_ratio": any(item.is_lora_b for item in trained),
    }
    for name, found in applies.items():
        if getattr(args, name) is not None and not found:
            raise ConfigError(
                "training.applies_to_nothing", field=name, got=getattr(args, name), trained=", ".join(sorted(set(roles)))
            )
    for word in args.no_decay:
        _check_pattern(word, trained)


def _check_pattern(pattern: str, trained: Sequence[Trained]) -> None:
    if pattern in ("bias", "norm", "embedding"):
        return
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError("training.bad_pattern", got=pattern, detail=str(error)) from error
    if not any(item.matches(pattern) for item in trained):
        raise ConfigError("training.pattern_matches_nothing", got=pattern, example=trained[0].names[0])
