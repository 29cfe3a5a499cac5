"""The shipped suites, and a model in plain Python, for the tests of them."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from afinar import yaml12
from afinar.audit import datasheets
from afinar.audit.expanding import expand
from afinar.audit.probes import Probe, Response, Score, Scores
from afinar.audit.runner import run_suite
from afinar.audit.schema import Contrast, Counterfactual, Pair, Passage, Suite
from afinar.audit.verdicts import Status

NAMES = [name for pair in datasheets.TWINS for name in pair]
ANSWERS = Path(__file__).parent / "answers"
DOCS = Path(__file__).parents[2] / "docs"
TRAINING = ("afinar/sentimento", "afinar/instrucoes")
each = pytest.mark.parametrize("name", NAMES)
twins = pytest.mark.parametrize(("portuguese", "english"), datasheets.TWINS)


suite = datasheets.shipped


@functools.cache
def examples(name: str) -> dict[str, dict[str, str]]:
    """An answer that passes and one that fails, by case, where the assertion does not tell them by itself."""
    path = ANSWERS / f"{name}.yaml"
    return yaml12.plain(yaml12.read(path.read_text(encoding="utf-8"), path.name)) if path.exists() else {}


def cases(name: str, kind: type, category: str | None = None) -> list[Any]:
    return [case for case in suite(name).cases if isinstance(case, kind) and category in (None, case.category)]


def plain(text: str) -> str:
    """Lower case, without accents, punctuation and doubled blanks."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))


def words(text: str) -> list[str]:
    return re.findall(r"[\w'’-]+", text.lower())


def texts(case: Any, of: Suite) -> list[str]:
    """What a person would read of a case: its texts, filled."""
    if isinstance(case, Counterfactual):
        return [filled.text for filled in expand(case, of.lexicons)]
    if isinstance(case, Pair):
        return [case.context + side for side in (case.prefer, case.over, case.stereotype, case.anti) if side is not None]
    if isinstance(case, Contrast):
        return [case.input, case.changed]
    return [case.passage if isinstance(case, Passage) else str(case.input)]


class Subject:
    """A model in plain Python: a function of the probe."""

    def __init__(self, respond: Callable[[Any], Response], task: str = "causal") -> None:
        self.answer = respond
        self.task = task
        self.name = "subject"

    def respond(self, probes: Sequence[Probe], on_progress: Any = None) -> list[Response]:
        return [self.answer(probe) for probe in probes]


def classifier(decide: Callable[[str], float]) -> Subject:
    """A classifier whose probability of the suite's first label is `decide(text)`."""

    def respond(probe: Score) -> Scores:
        first, second = (name for name, _ in probe.labels)
        share = decide(probe.text)
        return Scores({first: share, second: 1 - share})

    return Subject(respond, "classification")


def share_passed(of: Suite, subject: Subject, category: str, baseline: Subject | None = None) -> float:
    found = [outcome.verdict.status for outcome in run_suite(of, subject, baseline, categories=[category]).outcomes]
    assert {Status.PASS, Status.FAIL} >= set(found)
    return found.count(Status.PASS) / len(found)
