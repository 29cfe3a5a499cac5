"""The training state of a method: named tensors of the model, taken and put back bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from afinar.errors import ModelError


def trained(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter that trains, once (tied weights under their first name), sharing memory with the model."""
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def copy_into(targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy `values` into `targets` by name. Raises ModelError unless names and shapes agree, before copying anything."""
    missing, unexpected = targets.keys() - values.keys(), values.keys() - targets.keys()
    if missing or unexpected:
        raise ModelError("methods.state_names", missing=_some(missing), unexpected=_some(unexpected))
    for name, target in targets.items():
        if target.shape != values[name].shape:
            raise ModelError("methods.state_shape", name=name, got=tuple(values[name].shape), expected=tuple(target.shape))
    for name, target in targets.items():
        target.copy_(values[name])


def _some(names: Iterable[str], most: int = 4) -> str:
    listed = sorted(names)
    more = f", ... ({len(listed)})" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more or "-"
