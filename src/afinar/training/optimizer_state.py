"""An optimizer's `state_dict` as tensors and plain JSON, whatever it nests, and back again to the bit.

Any structure of dicts, lists, tuples, numbers, texts and tensors goes through. In the JSON a tensor is a reference to its
name in the safetensors file, and what JSON lacks is spelled out::

    {"state": {0: {"step": 3, "exp_avg": <tensor>}}, "param_groups": [{"betas": (0.9, 0.999), "params": [0]}]}

    {"state": {"__items__": [[0, {"step": 3, "exp_avg": {"__tensor__": "state.0.exp_avg"}}]]},
     "param_groups": [{"betas": {"__tuple__": [0.9, 0.999]}, "params": [0]}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from afinar.errors import RefusedError

_TENSOR, _TUPLE, _ITEMS = "__tensor__", "__tuple__", "__items__"
_PLAIN_TENSORS = (Tensor, torch.nn.Parameter, DTensor)


def taken_apart(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], Any]:
    """(tensors by name, the rest as JSON can hold it) of an optimizer's `state_dict`.

    Raises RefusedError for anything that is neither tensor, number, text nor a container of them.
    """
    tensors: dict[str, Tensor] = {}

    def plain(value: Any, path: str) -> Any:
        if type(value) in _PLAIN_TENSORS:
            tensors[path] = value
            return {_TENSOR: path}
        if isinstance(value, dict):
            items = [(key, plain(item, f"{path}.{key}" if path else str(key))) for key, item in value.items()]
            return dict(items) if all(isinstance(key, str) for key in value) else {_ITEMS: [list(item) for item in items]}
        if isinstance(value, list | tuple):
            listed = [plain(item, f"{path}.{number}") for number, item in enumerate(value)]
            return {_TUPLE: listed} if isinstance(value, tuple) else listed
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise RefusedError("training.optimizer_state_object", got=type(value).__name__, place=path)

    return tensors, plain(dict(state), "")


def put_together(tensors: Mapping[str, Tensor], layout: Any) -> Any:
    """The `state_dict` that :func:`taken_apart` gave. Raises KeyError where a tensor is missing."""
    if isinstance(layout, list):
        return [put_together(tensors, item) for item in layout]
    if not isinstance(layout, dict):
        return layout
    if _TENSOR in layout:
        return tensors[layout[_TENSOR]]
    if _TUPLE in layout:
        return tuple(put_together(tensors, item) for item in layout[_TUPLE])
    if _ITEMS in layout:
        return {key: put_together(tensors, item) for key, item in layout[_ITEMS]}
    return {key: put_together(tensors, item) for key, item in layout.items()}


def load_exactly(optimizer: Any, state: Mapping[str, Any]) -> None:
    """`optimizer.load_state_dict(state)`, and every tensor in the precision that it was kept in.

    torch casts states to the dtype of their parameter on loading, which rounds the float32 statistics of a bfloat16 weight.
    """
    optimizer.load_state_dict(state)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    indices = [index for group in state["param_groups"] for index in group["params"]]
    for index, parameter in zip(indices, parameters, strict=True):
        loaded = optimizer.state.get(parameter, {})
        for key, value in state["state"].get(index, {}).items():
            if isinstance(value, Tensor) and key in loaded and loaded[key].dtype != value.dtype:
                loaded[key] = value.to(loaded[key].device, copy=True)


def group_sizes(groups: list[dict[str, Any]]) -> str:
    """How many parameters each group has, by name: `adapter 4, head 1`."""
    return ", ".join(f"{group.get('name', number)} {len(group['params'])}" for number, group in enumerate(groups))
