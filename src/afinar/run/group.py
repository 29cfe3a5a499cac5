"""One run on several processes (`torchrun ... -m afinar train config.yaml`): the first writes and tells, all of them work.

torchrun says in the environment who is who. Every process prepares the data, trains its share of each step and measures; the
first one alone makes the run folder and writes into it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate.state import PartialState

from afinar.config import RunConfig
from afinar.errors import AfinarError

T = TypeVar("T")
WAIT = timedelta(minutes=30)
"""How long a process waits for the others before it gives up, as transformers' `ddp_timeout`."""


def several() -> bool:
    """Whether this process is one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return os.environ.get("RANK", "0") == "0" or not several()


def join(config: RunConfig) -> RunConfig:
    """Meet the other processes; returns `config` with the device of this one: its own GPU, else the CPU. Collective.

    On one process, `config` itself.
    """
    if not several():
        return config
    kind = config.model.device.partition(":")[0]
    cuda = kind in ("auto", "cuda") and torch.cuda.is_available()
    device = PartialState(cpu=not cuda, timeout=WAIT).device
    if kind != "auto" and not cuda:
        return config
    return replace(config, model=replace(config.model, device=str(device)))


def on_first(work: Callable[[], T]) -> T:
    """What `work` returns on the first process, or the AfinarError that it raises there, on every process. Collective.

    The others do not call it; without this they would wait for a process that has given up.
    """
    if not several():
        return work()
    outcome: list[Any] = [None, None]
    if is_first():
        try:
            outcome[0] = work()
        except AfinarError as error:
            outcome[1] = error
    torch.distributed.broadcast_object_list(outcome, src=0)
    if outcome[1] is not None:
        raise outcome[1]
    result: T = outcome[0]
    return result


def leave() -> None:
    """Part from the other processes, so that none of them waits for this one at its end."""
    if several():
        PartialState().destroy_process_group()
