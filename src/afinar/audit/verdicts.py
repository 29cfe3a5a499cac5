"""What is found out about one case, by the module of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol

from afinar.audit.probes import Probe, Response
from afinar.audit.schema import Suite


class Status(StrEnum):
    """An error is never a pass; a case that the model's task rules out is skipped and not counted."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Reason:
    """Why, as a text of the catalogue: `messages.text(key, **values)`."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """A group's score in one comparable setting; observations of one `block` differ in nothing but the group.

    block: unique within the suite (case, filling). case: the unit that is resampled. words: which word stands for the group,
    by lexicon and place, `nomes/3`, the same in every case; words of one place are compared with each other. A second unit,
    so that one odd name in every case is not taken for its group.
    """

    attribute: str
    group: str
    case: str
    block: str
    value: float
    words: str = ""


@dataclass(frozen=True)
class Expansion:
    """One of the texts that a case stands for, and what became of it."""

    text: str
    response: str
    """What a person should see of the response: the answer, `positivo 0.93`, `1.84 bits per byte`."""
    status: Status
    kind: str = "input"
    """input | the perturbation | the group | prefer, over, stereotype, anti, ..."""
    truncated: bool = False
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The outcome of one case for one model."""

    status: Status
    reasons: tuple[Reason, ...] = ()
    expansions: tuple[Expansion, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    """Measured numbers, such as `max_gap`, `bits_per_byte`, `share`."""
    observations: tuple[Observation, ...] = ()


class Kind(Protocol):
    """The module of one kind of case."""

    @staticmethod
    def applies(case: Any, suite: Suite, task: str) -> bool:
        """Whether a model of `task` can be asked this at all."""

    @staticmethod
    def probes(case: Any, suite: Suite, task: str) -> list[Probe]:
        """What to ask. Depends on the case, the suite's lexicons, labels and question, and the task; not on other cases."""

    @staticmethod
    def judge(
        case: Any, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None
    ) -> Verdict:
        """The verdict, from the responses to :meth:`probes` in their order; the baseline's where there is one."""


KINDS = {
    "Check": "afinar.audit.checks",
    "Contrast": "afinar.audit.contrasts",
    "Counterfactual": "afinar.audit.counterfactuals",
    "Pair": "afinar.audit.pairs",
    "Passage": "afinar.audit.passages",
}
"""Class of a case → module with `applies`, `probes` and `judge`."""


def kind_of(case: Any) -> Kind:
    """The module of the case's kind."""
    module: Any = import_module(KINDS[type(case).__name__])
    return module
