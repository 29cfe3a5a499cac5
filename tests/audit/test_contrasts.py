"""Directional expectations on a label's probability."""

from __future__ import annotations

from typing import Any

import pytest

from afinar import messages
from afinar.audit import contrasts
from afinar.audit.probes import Failure, Score
from afinar.audit.verdicts import Status
from tests.audit.kinds import judged, keys, positive, probes, suite


def contrast(change: str, by: float = 0.0, label: str = "positivo") -> dict[str, Any]:
    return {
        "input": "O livro chegou.",
        "changed": "O livro chegou. Adorei!",
        "expect": {"label": label, "change": change, "by": by},
    }


def moved(case: dict[str, Any], before: float, after: float) -> tuple[str, list[str]]:
    verdict = judged(suite(case), positive(lambda text: after if "Adorei" in text else before))
    sign = 1 if case["expect"]["label"] == "positivo" else -1
    assert verdict.values["change"] == pytest.approx(sign * (after - before))
    for language in messages.LANGUAGES:
        messages.use(language)
        assert all(messages.text(reason.key, **reason.values) for reason in verdict.reasons)
    return str(verdict.status), keys(verdict)


@pytest.mark.parametrize(
    ("case", "before", "after", "status", "expected"),
    [
        (contrast("higher"), 0.4, 0.5, "pass", []),
        (contrast("higher"), 0.4, 0.4, "fail", ["kinds.not_higher"]),
        (contrast("higher"), 0.5, 0.4, "fail", ["kinds.not_higher"]),
        (contrast("higher", 0.1), 0.4, 0.5, "pass", []),
        (contrast("higher", 0.2), 0.4, 0.5, "fail", ["kinds.not_higher_by"]),
        (contrast("lower"), 0.5, 0.4, "pass", []),
        (contrast("lower"), 0.4, 0.5, "fail", ["kinds.not_lower"]),
        (contrast("lower", 0.2), 0.5, 0.4, "fail", ["kinds.not_lower_by"]),
        (contrast("same"), 0.5, 0.5, "pass", []),
        (contrast("same"), 0.5, 0.51, "fail", ["kinds.not_same"]),
        (contrast("same", 0.1), 0.4, 0.5, "pass", []),
        (contrast("same", 0.1), 0.5, 0.39, "fail", ["kinds.not_same_by"]),
        (contrast("higher", label="negativo"), 0.5, 0.4, "pass", []),
    ],
)
def test_the_direction(case: dict[str, Any], before: float, after: float, status: str, expected: list[str]) -> None:
    assert moved(case, before, after) == (status, expected)


@pytest.mark.parametrize(
    ("case", "before", "after", "status"),
    [
        (contrast("higher", 0.1), 0.97, 0.98, "inconclusive"),
        (contrast("higher", 0.1), 0.85, 0.86, "fail"),
        (contrast("higher"), 1.0, 1.0, "inconclusive"),
        (contrast("lower", 0.1), 0.05, 0.04, "inconclusive"),
        (contrast("lower"), 0.0, 0.0, "inconclusive"),
        (contrast("lower"), 0.0, 0.1, "fail"),
        (contrast("higher", 0.1), 0.97, 0.9, "fail"),
    ],
)
def test_no_room_to_move_is_no_failure(case: dict[str, Any], before: float, after: float, status: str) -> None:
    found, reasons = moved(case, before, after)
    assert found == status
    assert (reasons == ["kinds.no_room"]) == (status == "inconclusive")


def test_what_a_person_sees() -> None:
    verdict = judged(suite(contrast("higher")), positive(lambda text: 0.4 if "Adorei" in text else 0.9))
    assert [(each.kind, each.response) for each in verdict.expansions] == [
        ("input", "positivo 0.90"),
        ("changed", "negativo 0.60 · positivo 0.40"),
    ]


def test_how_models_are_asked() -> None:
    made = suite(contrast("higher"))
    assert contrasts.applies(made.cases[0], made, "classification")  # type: ignore[arg-type]
    causal, classifier = probes(made)[0], probes(made, "classification")[0]
    assert causal == Score("O livro chegou.", (("positivo", ("pos",)), ("negativo", ())), "{input}\nSentimento:")
    assert isinstance(classifier, Score)
    assert classifier.question is None
    own = probes(suite(contrast("higher") | {"question": "{input} É"}))[0]
    assert isinstance(own, Score)
    assert own.question == "{input} É"


def test_what_cannot_be_asked_is_an_error() -> None:
    verdict = judged(suite(contrast("higher")), lambda probe: Failure("audit.unknown_label", {"label": "x", "model": "y"}))
    assert (verdict.status, keys(verdict)) == (Status.ERROR, ["audit.unknown_label"])
