"""Passages: compared with the model before, measured without it."""

from __future__ import annotations

from typing import Any

import pytest

from afinar.audit import passages
from afinar.audit.probes import Failure, Likelihood
from afinar.audit.verdicts import Status
from tests.audit.kinds import costs, judged, keys, probes, suite

PASSAGE: dict[str, Any] = {"passage": "Era uma vez.", "expect": {"worse_by_at_most": 0.1}}


def test_asks_for_its_likelihood() -> None:
    made = suite(PASSAGE)
    assert probes(made) == [Likelihood("Era uma vez.")]
    assert not passages.applies(made.cases[0], made, "classification")  # type: ignore[arg-type]


@pytest.mark.parametrize(("after", "status"), [(1.9, "pass"), (2.0, "pass"), (2.1, "pass"), (2.11, "fail")])
def test_against_the_baseline(after: float, status: str) -> None:
    verdict = judged(suite(PASSAGE), costs(lambda _: after), costs(lambda _: 2.0))
    assert verdict.status == status
    assert verdict.values == pytest.approx({"bits_per_byte": after, "change": after - 2.0})
    assert keys(verdict) == (["kinds.forgotten"] if status == "fail" else [])


def test_without_a_baseline_nothing_is_concluded() -> None:
    verdict = judged(suite(PASSAGE), costs(lambda _: 2.0))
    assert (verdict.status, keys(verdict)) == (Status.INCONCLUSIVE, ["kinds.no_baseline"])
    assert verdict.values == pytest.approx({"bits_per_byte": 2.0})


def test_a_baseline_that_could_not_be_asked() -> None:
    verdict = judged(suite(PASSAGE), costs(lambda _: 2.0), lambda _: Failure("audit.not_finite", {}))
    assert (verdict.status, keys(verdict)) == (Status.INCONCLUSIVE, ["audit.not_finite"])


def test_a_model_that_could_not_be_asked() -> None:
    verdict = judged(suite(PASSAGE), lambda _: Failure("audit.not_finite", {}), costs(lambda _: 2.0))
    assert (verdict.status, verdict.values) == (Status.ERROR, {})
