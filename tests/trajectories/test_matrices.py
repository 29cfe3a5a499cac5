"""No technique is missing in the matrices: resuming, micro-batches, two processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from afinar.methods.base import METHODS
from tests.distributed.test_equal import QUICK as DISTRIBUTED_QUICK
from tests.distributed.test_equal import SLOW as DISTRIBUTED_SLOW
from tests.distributed.training import METHODS as DISTRIBUTED
from tests.trajectories.test_resume import QUICK
from tests.trajectories.training import METHODS as TRAINED


def names(configs: Iterable[Any]) -> set[str]:
    """The techniques of the configs of afinar among `configs`."""
    return {type(config).name for config in configs if hasattr(type(config), "name")}


def test_every_technique_is_trained_in_the_matrix() -> None:
    assert names(config for config, _ in TRAINED.values()) == METHODS.keys()


def test_each_for_every_task_that_it_can() -> None:
    of_classifiers = names(config for config, task in TRAINED.values() if task == "classification")
    assert of_classifiers >= METHODS.keys() - {"peft"}


def test_every_technique_is_resumed_in_the_quick_part() -> None:
    quick = names(TRAINED[name][0] for name, _ in QUICK)
    assert quick == METHODS.keys()


@pytest.mark.parametrize("sharded", [False, True])
def test_every_technique_trains_on_two_processes(sharded: bool) -> None:
    jobs = [job for job in (*DISTRIBUTED_QUICK, *DISTRIBUTED_SLOW) if job.fsdp is sharded]
    assert names(DISTRIBUTED[job.method] for job in jobs) == METHODS.keys()
