"""What the kinds of cases share: how responses are shown, and numbers that are numbers in JSON and prose in a text."""

from __future__ import annotations

import json

import pytest

from afinar import messages
from afinar.audit.asking import Number, failed, shown
from afinar.audit.probes import Answer, Failure, LogLikelihood, Response, Scores
from afinar.audit.verdicts import Status


def test_numbers_have_the_decimal_mark_of_the_language() -> None:
    number = Number(1234.5)
    assert f"{number:,.2f}" == "1,234.50"
    messages.use("pt")
    assert f"{number:,.2f}" == "1.234,50"
    assert json.dumps({"value": number}) == '{"value": 1234.5}'


@pytest.mark.parametrize(
    ("response", "label", "expected"),
    [
        (Answer("Oi."), None, "Oi."),
        (Scores({"a": 0.3, "b": 0.7}), None, "b 0.70"),
        (Scores({"a": 0.3, "b": 0.7}), "b", "b 0.70"),
        (Scores({"a": 0.3, "b": 0.7}), "a", "b 0.70 · a 0.30"),
        (LogLikelihood(-0.6931471805599453, 1, 1), None, "1.000 bits/byte"),
        (Failure("audit.no_question", {}), None, ""),
    ],
)
def test_responses_as_a_person_sees_them(response: Response, label: str | None, expected: str) -> None:
    messages.use("pt")  # data, not prose: the same bytes in every language
    assert shown(response, label) == expected


def test_each_reason_of_a_failure_is_said_once() -> None:
    responses: list[Response] = [
        Answer("x"),
        Failure("audit.long_text", {"limit": 1}),
        Failure("audit.long_text", {"limit": 1}),
    ]
    verdict = failed(responses, [("a", "A"), ("b", "B"), ("c", "C")])
    assert verdict is not None
    assert (verdict.status, [reason.key for reason in verdict.reasons]) == (Status.ERROR, ["audit.long_text"])
    assert [each.status for each in verdict.expansions] == [Status.INCONCLUSIVE, Status.ERROR, Status.ERROR]
    assert failed(responses[:1], [("a", "A")]) is None
