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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.distributed.tensor import DTensor

from afinar import messages
from afinar.errors import ConfigError
from afinar.training.arguments import SFTConfig
from afinar.training.roles import WORDS, Trained, trained_parameters

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class Base:
    """What groups depart from: the learning rate, the weight decay, and the number of the decoder's layers."""

    rate: float
    decay: float
    layers: int


def parameter_groups(
    model: nn.Module, args: SFTConfig, *, learning_rate: float | None = None, weight_decay: float | None = None
) -> Groups:
    """What trains in `model` as `{"name", "params", "lr", "weight_decay"}` groups, each parameter in exactly one.

    learning_rate, weight_decay: in place of those in `args`, where an optimizer was given ones of its own.
    Groups at the learning rate itself come first, because the first group's rate is the one that transformers logs.
    Raises ConfigError where nothing trains, and for a setting that applies to nothing.
    """
    items, layers = trained_parameters(model)
    if not items:
        raise ConfigError("training.nothing_trains", model=type(model).__name__)
    _check(args, items)
    base = Base(
        rate=args.learning_rate if learning_rate is None else learning_rate,
        decay=args.weight_decay if weight_decay is None else weight_decay,
        layers=layers,
    )
    groups: dict[tuple[str, Any], dict[str, Any]] = {}
    for item in items:
        name, rate, decay = _settings(item, args, base)
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


# --- what each group is given --------------------------------------------------------------------------------------


def _settings(item: Trained, args: SFTConfig, base: Base) -> tuple[str, float, float]:
    """Name, learning rate and weight decay of the group that `item` belongs to."""
    name, own = [item.role], _own_rate(item.role, args)
    rate = base.rate if own is None else own
    if args.lora_plus_ratio is not None and item.is_lora_b:
        name.append("B")
        rate *= args.lora_plus_ratio
    if args.layerwise_lr_decay is not None and item.layer is not None:
        name.append(f"layer_{item.layer}")
        rate *= args.layerwise_lr_decay ** (base.layers - 1 - item.layer)
    elif args.layerwise_lr_decay is not None and item.role == "embedding" and own is None:
        rate *= args.layerwise_lr_decay**base.layers
    kept = any(item.matches(word) for word in args.no_decay)
    return "/".join([*name, "no_decay"] if kept else name), rate, 0.0 if kept else base.decay


def _own_rate(role: str, args: SFTConfig) -> float | None:
    return {
        "adapter": args.adapter_learning_rate,
        "embedding": args.embedding_learning_rate,
        "head": args.head_learning_rate,
        "weights": None,
    }[role]


def _check(args: SFTConfig, items: Sequence[Trained]) -> None:
    """Raises ConfigError for the first setting that applies to nothing."""
    roles = {item.role for item in items}
    tied = any(item.in_head and item.role == "embedding" for item in items)
    if args.head_learning_rate is not None and tied and "head" not in roles:
        raise ConfigError("training.tied_head", got=args.head_learning_rate)
    applies = {
        "head_learning_rate": "head" in roles,
        "embedding_learning_rate": "embedding" in roles,
        "adapter_learning_rate": "adapter" in roles,
        "layerwise_lr_decay": any(item.layer is not None for item in items),
        "lora_plus_ratio": any(item.is_lora_b for item in items),
    }
    for name, found in applies.items():
        if getattr(args, name) is not None and not found:
            told = ", ".join(sorted(roles))
            raise ConfigError("training.applies_to_nothing", field=name, got=getattr(args, name), trained=told)
    for pattern in args.no_decay:
        if pattern not in WORDS:
            _check_pattern(pattern, items)


def _check_pattern(pattern: str, items: Sequence[Trained]) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError("training.bad_pattern", got=pattern, detail=str(error)) from error
    if not any(item.matches(pattern) for item in items):
        raise ConfigError("training.pattern_matches_nothing", got=pattern, example=items[0].names[0])
