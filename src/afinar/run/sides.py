"""The two models of a comparison: the one that is measured, and its base or any other beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afinar.errors import ConfigError
from afinar.run.measure import base_of
from afinar.run.session import Session, load
from afinar.training.reporting import Reporter

BASE, NONE = "base", "none"  # as a baseline: the base under the adapted model; no other model
Source = Session | str | Path


@dataclass(frozen=True)
class Side:
    """A model and what it is called."""

    name: str
    session: Session

    @property
    def longest(self) -> int:
        """Where its rows are cut where nothing else is asked: as in training, and never beyond its positions."""
        positions = self.session.positions
        return self.session.max_length if positions is None else min(self.session.max_length, positions)


def opened(source: Source, reporter: Reporter, *, offline: bool = False) -> Side:
    """The model of `source`, loaded where it is a name. Raises ModelError as :func:`afinar.run.session.load`."""
    if isinstance(source, Session):
        return Side(source.base_model.name, source)
    reporter.on_stage("evaluating.stage_load", name=str(source))
    return Side(str(source), load(source, offline=offline))


def rival(own: Side, baseline: Source | None, reporter: Reporter, *, offline: bool = False) -> Side | None:
    """The model to compare with, where it is another than the model's own base (`baseline` None or "base"); none for "none".

    Raises ConfigError for "base" of a model without one, and for a rival of another task or with other labels.
    """
    if baseline is None or (isinstance(baseline, str) and baseline == NONE):
        return None
    if isinstance(baseline, str) and baseline == BASE:
        if not own.session.adapted:
            raise ConfigError("run.nothing_to_compare", got=own.name)
        return None
    other = opened(baseline, reporter, offline=offline)
    names = {"model": own.name, "baseline": other.name}
    if other.session.task != own.session.task:
        raise ConfigError("evaluating.other_task", ours=own.session.task, theirs=other.session.task, **names)
    ours, theirs = own.session.label_names, other.session.label_names
    if set(ours) != set(theirs):
        raise ConfigError("evaluating.other_labels", ours=", ".join(ours), theirs=", ".join(theirs), **names)
    return other


@contextmanager
def beside(own: Side, other: Side | None, reporter: Reporter, *, offline: bool = False) -> Iterator[Side]:
    """The other side while inside: `other`, or the base under `own`, which must not be used meanwhile."""
    if other is not None:
        yield other
        return
    session, name = own.session, own.session.base_model.name
    if session.method is not None and not session.method.switchable:
        reporter.on_stage("evaluating.stage_beside", name=name)
    elif session.task == "classification":
        reporter.on_stage("evaluating.stage_load", name=name)
    with base_of(session, offline=offline) as base:
        yield Side(name, base)
