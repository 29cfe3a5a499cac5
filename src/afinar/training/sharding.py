"""What FSDP2 splits into shards: gathered for saving, split again on loading.

Under FSDP2 (accelerate's `fsdp_config={"version": 2, ...}`) every parameter is a DTensor, of which this process holds some
rows. What is written is always whole, by the first process, into the same files as without sharding, so a checkpoint goes
on with any number of processes. What is read, every process reads by itself and keeps its own rows of.

    method.state(model)  --trained_state-->  whole tensors  -->  training_state.safetensors  --load_trained_state-->  shards

Functions marked *collective* must be called by every process, in the same order. On a model that is not sharded all of them
do what their plain counterparts do, so callers need not ask.

Source: Zhao et al. 2023, "PyTorch FSDP: experiences on scaling fully sharded data parallel", arXiv:2304.11277.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from afinar.methods.base import Method

_WRAPPED = "_checkpoint_wrapped_module"  # torch's CheckpointWrapper and OffloadWrapper keep their module under this name


def is_sharded(model: nn.Module) -> bool:
    """Whether FSDP2 holds parameters of `model` in shards."""
    return torch.distributed.is_available() and any(_is_dtensor(parameter) for parameter in model.parameters())


def trained_state(method: Method, model: Any, *, keep: bool = True) -> dict[str, Tensor]:
    """`method.state(model)`, whole and on the CPU; empty where `keep` is False, on processes that do not write.

    Collective. One tensor is whole at a time, so a process that keeps nothing never holds the model.
    """
    _reshard(model)
    with _unwrapped(model):
        return full_tensors(method.state(model), keep=keep)


def load_trained_state(method: Method, model: Any, state: Mapping[str, Tensor]) -> None:
    """Put back what :func:`trained_state` gave; each process takes its own rows, nothing is sent.

    Raises ModelError where names or shapes are not this model's.
    """
    _reshard(model)
    with _unwrapped(model):
        targets = method.state(model)
        method.load_state(model, {name: _shard_like(value, targets.get(name)) for name, value in state.items()})


def full_tensors(named: Mapping[str, Tensor], *, keep: bool = True) -> dict[str, Tensor]:
    """`named` with every shard gathered, on the CPU; empty where `keep` is False. Collective."""
    whole: dict[str, Tensor] = {}
    for name, tensor in named.items():
        value = _full(tensor)
        if keep:
            whole[name] = value.detach().cpu()
    return whole


@contextmanager
def whole_parameters(model: nn.Module, *, everything: bool, keep: bool = True) -> Iterator[None]:
    """Inside, the parameters that train (or `everything`) are whole CPU tensors, so that `model` can be exported as usual.

    Collective, and only for reading: the shards are put back on leaving. Where `keep` is False (on processes that do not
    write) they stay in place and only take part in the gathering.
    """
    if not is_sharded(model):
        yield
        return
    _reshard(model)
    with _unwrapped(model):
        shards = _make_whole(model, everything=everything, keep=keep)
        try:
            yield
        finally:
            for module, name, parameter in shards:
                setattr(module, name, parameter)


def _make_whole(model: nn.Module, *, everything: bool, keep: bool) -> list[tuple[nn.Module, str, nn.Parameter]]:
    """Put whole parameters in place of shards; returns where each shard was."""
    shards: list[tuple[nn.Module, str, nn.Parameter]] = []
    whole: dict[nn.Parameter, nn.Parameter] = {}  # tied weights stay one parameter
    for path, parameter in list(model.named_parameters(remove_duplicate=False)):
        if not everything and not parameter.requires_grad:
            continue
        if parameter not in whole:
            value = _full(parameter.detach())
            whole[parameter] = nn.Parameter(value.cpu(), parameter.requires_grad) if keep else parameter
        owner, _, name = path.rpartition(".")
        module = model.get_submodule(owner)
        shards.append((module, name, parameter))
        setattr(module, name, whole[parameter])
    return shards


def sharded_state(state: Mapping[str, Any], optimizer: Any) -> dict[str, Any]:
    """An optimizer's whole `state_dict`, each tensor split as the parameter of `optimizer` that it belongs to is.

    A tensor of another shape than its parameter (a factored second moment) is whole on every process.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not any(_is_dtensor(parameter) for parameter in parameters):
        return dict(state)
    owners = dict(zip((index for group in state["param_groups"] for index in group["params"]), parameters, strict=True))
    entries = {
        index: {
            key: _shard_like(value, owners.get(index)) if isinstance(value, Tensor) else value for key, value in values.items()
        }
        for index, values in state["state"].items()
    }
    return {**state, "state": entries}


def _reshard(model: nn.Module) -> None:
    """After a forward without backward FSDP2 leaves some parameters whole; writing to those would be lost."""
    if not torch.distributed.is_available():
        return
    from torch.distributed.fsdp import FSDPModule

    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


@contextmanager
def _unwrapped(model: nn.Module) -> Iterator[None]:
    """Inside, modules have their own paths again, without the wrappers of accelerate's activation checkpointing."""
    wrappers = [(path, module) for path, module in model.named_modules() if _WRAPPED in module._modules]
    outermost = [(path, module) for path, module in wrappers if not path.endswith(_WRAPPED)]
    for path, module in outermost:
        model.set_submodule(path.replace(f".{_WRAPPED}", ""), _innermost(module))
    try:
        yield
    finally:
        for path, module in outermost:
            model.set_submodule(path.replace(f".{_WRAPPED}", ""), module)


def _innermost(module: nn.Module) -> nn.Module:
    while _WRAPPED in module._modules:
        module = module.get_submodule(_WRAPPED)
    return module


def _shard_like(value: Tensor, target: Tensor | None) -> Tensor:
    if target is None or not value.ndim or not _is_dtensor(target):
        return value
    from torch.distributed.tensor import Replicate, distribute_tensor

    placements = target.placements if value.shape == target.shape else [Replicate()] * target.device_mesh.ndim  # type: ignore[attr-defined]
    whole = value.to(target.device_mesh.device_type)  # type: ignore[attr-defined]
    return distribute_tensor(whole, target.device_mesh, placements, src_data_rank=None)  # type: ignore[attr-defined]


def _full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if _is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


def _is_dtensor(tensor: Tensor) -> bool:
    if not torch.distributed.is_available():
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)
