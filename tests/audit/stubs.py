"""A subject in plain Python, and kinds of cases that do what their `about` says, to test the runner without a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from afinar.audit import verdicts
from afinar.audit.probes import Answer, Ask, Failure, LogLikelihood, Probe, Response, Score, Scores
from afinar.audit.schema import Suite
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict

LABELS = (("positivo", ()), ("negativo", ()))


class Stub:
    """A model that answers by a function of the question, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str], Any], name: str = "stub", task: str = "causal") -> None:
        self.answer = answer
        self.name = name
        self.task = task
        self.asked: list[Probe] = []

    def respond(self, probes: Sequence[Probe], on_progress: Any = None) -> list[Response]:
        self.asked += probes
        if on_progress is not None:
            on_progress(len(probes), len(probes))
        return [self._one(probe) for probe in probes]

    def _one(self, probe: Probe) -> Response:
        text = probe.prompt if isinstance(probe, Ask) else probe.text
        given = self.answer(str(text))
        if isinstance(given, Answer | Scores | LogLikelihood | Failure):
            return given
        if isinstance(given, str):
            return Answer(given)
        return Scores({"positivo": given, "negativo": 1 - given}) if isinstance(probe, Score) else LogLikelihood(given, 1, 1)


def suite(*cases: dict[str, Any], categories: dict[str, Any] | None = None, **more: Any) -> Suite:
    """A suite of `cases`, which are numbered and of the category `um` where they do not say otherwise."""
    known = {"um": {"about": "x", "measures": "capability"}, **(categories or {})}
    rows = [{"id": f"c{number}", "category": "um", **case} for number, case in enumerate(cases)]
    tree = {"afinar_suite": 1, "name": "prova", "version": "1.0.0", "language": "pt", "about": "x"}
    return Suite.model_validate({**tree, "categories": known, "cases": rows, **more}, strict=False)


def check(text: str, want: str = "sim", **more: Any) -> dict[str, Any]:
    """A case that passes where the answer to `text` is `want`."""
    return {"input": text, "expect": {"exact": want}, **more}


@pytest.fixture
def stub_kinds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Every kind of case is judged by comparing the one answer with `expect.exact`; `about` may ask for more."""
    module: Any = ModuleType("tests.audit.stub_kind")

    def applies(case: Any, suite: Suite, task: str) -> bool:
        return case.about != f"not {task}"

    def probes(case: Any, suite: Suite, task: str) -> list[Probe]:
        if case.about == "no probes":
            raise ZeroDivisionError("in probes")
        return [Score(case.input, LABELS)] if case.about == "score" else [Ask(case.input, 8)]

    def judge(case: Any, suite: Suite, task: str, responses: Any, baseline: Any) -> Verdict:
        if case.about == "no verdict":
            raise KeyError("in judge")
        given = responses[0]
        if case.about == "blind":
            return Verdict(Status.PASS)
        if isinstance(given, Failure):
            return Verdict(Status.ERROR, (Reason(given.key, given.values),))
        text = given.label if isinstance(given, Scores) else given.text
        if text == "?":
            return Verdict(Status.INCONCLUSIVE)
        status = Status.PASS if text == case.expect.exact else Status.FAIL
        return Verdict(status, expansions=(Expansion(case.input, text, status),))

    module.applies, module.probes, module.judge = applies, probes, judge
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(verdicts, "KINDS", dict.fromkeys(verdicts.KINDS, module.__name__))
    return module
