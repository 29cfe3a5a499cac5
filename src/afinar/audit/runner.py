"""A suite put to a model, and to a baseline where there is one.

    audit = run_suite(suite, subject, baseline)
    audit.outcomes[0].verdict.status            # pass, fail, error, inconclusive or skipped

Each case is turned into probes; equal probes of the whole suite are put to the model once; each case is judged by its own
responses. What goes wrong in one case (in making its probes, in an answer, in judging) is an error of that case alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from afinar.audit.leakage import Leak, find_leaks, leak_of, texts_of
from afinar.audit.monotony import Monotony, monotony
from afinar.audit.probes import Ask, Failure, Likelihood, Probe, Response, Score, Subject
from afinar.audit.schema import Suite
from afinar.audit.verdicts import Reason, Status, Verdict, kind_of
from afinar.errors import AfinarError, ConfigError

ASKS_FOR = {Ask: "answer", Score: "label", Likelihood: "likelihood"}
"""What each probe asks for, by the words of :class:`~afinar.audit.monotony.Monotony`."""

T = TypeVar("T")
OnProgress = Callable[[int, int], None]
"""Called with the probes answered so far and the probes in all."""


@dataclass(frozen=True)
class Outcome:
    """One case and what was found out about it: for the model, and for the baseline where there is one."""

    case: Any
    verdict: Verdict
    baseline: Verdict | None = None
    leak: Leak | None = None
    """Where a text of the case was found in the training data."""


@dataclass(frozen=True)
class Audit:
    """All that was found out; :func:`afinar.audit.summary.summarise` counts and compares it.

    outcomes: of the cases that were chosen, in the suite's order. monotony, baseline_monotony: what one label or one answer
    was given for everything. leaks_checked: whether there were training data to look for the suite's texts in. asked: for each
    category what was asked in it: label, answer, likelihood.
    """

    suite: Suite
    model: str
    task: str
    outcomes: tuple[Outcome, ...]
    baseline: str | None = None
    monotony: tuple[Monotony, ...] = ()
    baseline_monotony: tuple[Monotony, ...] = ()
    leaks_checked: bool = False
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A case and what it asks; `verdict` where it is settled before anything is asked."""

    case: Any
    probes: tuple[Probe, ...] = ()
    verdict: Verdict | None = None
    leak: Leak | None = None


@dataclass(frozen=True)
class Asked:
    """A model's responses to the probes of a suite."""

    responses: Mapping[Probe, Response] = field(default_factory=dict)

    def to(self, planned: Planned) -> list[Response]:
        """The responses to a case's probes, in their order."""
        return [self.responses[probe] for probe in planned.probes]


def run_suite(
    suite: Suite,
    subject: Subject,
    baseline: Subject | None = None,
    *,
    categories: Sequence[str] | None = None,
    training: Iterable[str] | None = None,
    strict: bool = False,
    on_progress: OnProgress | None = None,
) -> Audit:
    """Put `suite` to `subject`, and to `baseline` the same probes.

    categories: those whose cases are chosen; None: all. training: the texts that the model was trained on, to look for the
    suite's in. strict: leave out the cases found there.
    Raises ConfigError where the two models have different tasks, or the suite lacks a category; hands on what a model raises
    (no memory, for instance).
    """
    if baseline is not None and baseline.task != subject.task:
        raise ConfigError("audit.other_task", model=subject.task, baseline=baseline.task)
    planned = [_plan(case, suite, subject.task) for case in choose(suite, categories)]
    if training is not None:
        planned = _marked(planned, training, strict)
    before = None if baseline is None else _ask(planned, baseline, on_progress)
    after = _ask(planned, subject, on_progress)
    return Audit(
        suite,
        subject.name,
        subject.task,
        tuple(_outcome(each, suite, subject.task, after, before) for each in planned),
        None if baseline is None else baseline.name,
        monotony(after.responses),
        () if before is None else monotony(before.responses),
        training is not None,
        _asked(planned),
    )


def choose(suite: Suite, categories: Sequence[str] | None) -> tuple[Any, ...]:
    """The suite's cases of `categories`; all of them for None.

    Raises ConfigError naming the nearest category for one that the suite has not.
    """
    if categories is None:
        return suite.cases
    for name in categories:
        if name not in suite.categories:
            near = difflib.get_close_matches(name, suite.categories, n=1, cutoff=0)
            known = ", ".join(suite.categories)
            raise ConfigError("audit.unknown_category", got=name, suite=suite.name, near=near[0], known=known)
    return tuple(case for case in suite.cases if case.category in categories)


# --- asking --------------------------------------------------------------------------------------------------------


def _plan(case: Any, suite: Suite, task: str) -> Planned:
    kind = kind_of(case)

    def planned() -> Planned:
        if not kind.applies(case, suite, task):
            return Planned(case, verdict=Verdict(Status.SKIPPED, (Reason("audit.not_for_task", {"task": task}),)))
        return Planned(case, tuple(_alone(probe) for probe in kind.probes(case, suite, task)))

    found = _isolated(planned)
    return Planned(case, verdict=found) if isinstance(found, Verdict) else found


def _asked(planned: Sequence[Planned]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for each in planned:
        found.setdefault(each.case.category, set()).update(ASKS_FOR[type(probe)] for probe in each.probes)
    return {category: frozenset(kinds) for category, kinds in found.items()}


def _alone(probe: Probe) -> Probe:
    """A probe without what changes no answer: a greedy one has no use for a seed, so equal questions are asked once."""
    if isinstance(probe, Ask) and probe.temperature == 0:
        return replace(probe, seed=0, top_p=1.0)
    return probe


def _marked(planned: Sequence[Planned], training: Iterable[str], strict: bool) -> list[Planned]:
    """The cases with what leaked of them; where `strict`, those are settled and asked nothing."""
    leaks = find_leaks((text for each in planned for probe in each.probes for text in texts_of(probe)), training)
    marked = []
    for each in planned:
        leak = leak_of(each.probes, leaks)
        if leak is not None and strict:
            each = Planned(each.case, verdict=Verdict(Status.SKIPPED, (leak.reason,)))
        marked.append(replace(each, leak=leak))
    return marked


def _ask(planned: Sequence[Planned], subject: Subject, on_progress: OnProgress | None) -> Asked:
    probes = list(dict.fromkeys(probe for each in planned for probe in each.probes))
    if not probes:
        return Asked()
    return Asked(dict(zip(probes, subject.respond(probes, on_progress), strict=True)))


# --- judging -------------------------------------------------------------------------------------------------------


def _outcome(planned: Planned, suite: Suite, task: str, after: Asked, before: Asked | None) -> Outcome:
    if planned.verdict is not None:
        return Outcome(planned.case, planned.verdict, planned.verdict if before is not None else None, planned.leak)
    base = None if before is None else before.to(planned)
    own = _judge(planned.case, suite, task, after.to(planned), base)
    other = None if base is None else _judge(planned.case, suite, task, base, None)
    return Outcome(planned.case, own, other, planned.leak)


def _judge(case: Any, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None) -> Verdict:
    verdict = _isolated(lambda: kind_of(case).judge(case, suite, task, responses, baseline))
    failed = next((response for response in responses if isinstance(response, Failure)), None)
    if failed is not None and verdict.status is Status.PASS:
        return replace(verdict, status=Status.ERROR, reasons=(*verdict.reasons, Reason(failed.key, failed.values)))
    return verdict


def _isolated(work: Callable[[], T]) -> T | Verdict:
    """What `work` gives, or an error of its case: as in a test runner, one case's defect costs no other its answers."""
    try:
        return work()
    except AfinarError as error:
        return Verdict(Status.ERROR, (Reason(error.key, error.values),))
    except Exception as error:  # noqa: BLE001
        return Verdict(Status.ERROR, (Reason("audit.case_crashed", {"type": type(error).__name__, "problem": str(error)}),))
