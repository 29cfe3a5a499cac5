"""Tasks of lm-evaluation-harness by name: found, spelled right, and their data at hand, before any model is asked.

A name is a task, a group or a tag of the harness, a pattern (`assin_*`), or a task of one's own, out of a folder of the
harness's YAML files (its `include_path`), where a name hides the harness's own of that name.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2

from afinar.data.hub import failures, first_line, without_network
from afinar.errors import ConfigError, DataError
from afinar.evaluation.batches import OnBatch

BROKEN = (ValueError, KeyError, TypeError, AttributeError, ImportError, AssertionError, jinja2.TemplateError)
"""What the harness raises for a task that does not hold together, or asks what the model cannot do."""


SEED = 1234
"""The harness's own, with which it draws the examples before a question."""


@dataclass(frozen=True)
class Tasks:
    """Tasks and groups as the harness makes them, with their data; they may be run any number of times."""

    names: tuple[str, ...]
    made: tuple[Any, ...]

    def loaded(self) -> Any:
        """As the harness's `evaluate` takes them, the examples before each question to be drawn from the beginning."""
        from lm_eval.tasks import TaskManager

        found = TaskManager(include_defaults=False).load(list(self.made))
        for task in found["tasks"].values():
            task.set_fewshot_seed(seed=SEED)
        return found


def find_tasks(
    names: Sequence[str], *, folder: str | Path | None = None, shots: int | None = None, offline: bool = False
) -> Tasks:
    """The tasks of these names, loaded. A task's data is downloaded the first time that it is named, and then kept.

    folder: with task files of one's own. shots: examples before each question; a task that is asked without any stays so.
    offline: only data that is here already.

    Raises:
        ConfigError: The harness is not installed (`harness.missing`), a name is unknown, or `folder` is none.
        DataError: A task's data or its file cannot be read.
    """
    if find_spec("lm_eval") is None:
        raise ConfigError("harness.missing")
    wanted = [name for name in dict.fromkeys(name.strip() for name in names) if name]
    if not wanted:
        raise ConfigError("harness.no_names")
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError("harness.no_folder", path=str(folder))
    with quiet(), without_network(offline):
        manager, found = _manager(wanted, folder)
        made = [part for name in found for part in _loaded(manager, name, offline, shots)]
    return Tasks(tuple(found), tuple(made))


def _manager(names: Sequence[str], folder: str | Path | None) -> tuple[Any, list[str]]:
    """The harness's index that knows all `names`, and the names with patterns written out.

    Its own 14,000 tasks take many seconds to index, so they are looked at only where a folder does not answer.
    """
    from lm_eval.tasks import TaskManager

    if folder is not None:
        own = TaskManager(include_path=str(folder), include_defaults=False)
        found = _known(own, names)
        if all(found.values()):
            return own, _joined(found)
    manager = TaskManager(include_path=None if folder is None else str(folder))
    found = _known(manager, names)
    for name, matches in found.items():
        if not matches:
            near = get_close_matches(name, manager.all_tasks, n=5)
            values = {"got": name, "count": len(manager.all_tasks)}
            if near:
                raise ConfigError("harness.unknown_near", near=", ".join(near), **values)
            raise ConfigError("harness.unknown", **values)
    return manager, _joined(found)


def _known(manager: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """For each name what it stands for: itself, or all that its pattern fits; nothing where it is unknown."""
    return {
        name: [name] if name in manager.task_index else manager.match_tasks([name]) if "*" in name else [] for name in names
    }


def _joined(found: dict[str, list[str]]) -> list[str]:
    return list(dict.fromkeys(name for matches in found.values() for name in matches))


def _loaded(manager: Any, name: str, offline: bool, shots: int | None) -> list[Any]:
    """A group as one thing, a tag as its tasks. Raises DataError with what the harness said."""
    import yaml

    try:
        loaded = manager.load([name])
    except (*failures(), *BROKEN, yaml.YAMLError) as error:
        key = "harness.not_loaded_offline" if offline else "harness.not_loaded"
        raise DataError(key, task=name, reason=f"{type(error).__name__}: {first_line(error)}") from error
    for task in loaded["tasks"].values():
        fixed = task.get_config("num_fewshot")
        task.set_config(key="num_fewshot", value=fixed if fixed == 0 or shots is None else shots)
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
    groups = loaded.get("groups", {})
    return [groups[name]] if name in groups else list(loaded["tasks"].values())


@contextlib.contextmanager
def quiet(on_batch: OnBatch | None = None) -> Iterator[None]:
    """The harness's remarks left out, what its tasks print kept off stdout, its progress bars told to `on_batch` instead."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr), _bars(on_batch):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _bars(on_batch: OnBatch | None) -> Iterator[None]:
    """No bar is drawn; those over requests are counted together. The harness has no switch that reaches all of its bars."""
    import tqdm

    bars: Any = tqdm.tqdm
    make, update = bars.__init__, bars.update
    done, total = 0, 0

    def made(bar: Any, *args: Any, **options: Any) -> None:
        nonlocal total
        make(bar, *args, **{**options, "disable": True})
        bar.over_requests = str(options.get("desc")).startswith("Running")
        total += options.get("total") or 0 if bar.over_requests else 0

    def updated(bar: Any, n: float | None = 1) -> Any:
        nonlocal done
        if bar.over_requests and on_batch is not None:
            done += int(n or 0)
            on_batch(done, total)
        return update(bar, n)

    bars.__init__, bars.update = made, updated
    try:
        yield
    finally:
        bars.__init__, bars.update = make, update
