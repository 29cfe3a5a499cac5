"""Shipped suites: what they find in models made to be right, biased, or the same to everything."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from afinar.audit.expanding import expand
from afinar.audit.probes import LogLikelihood
from afinar.audit.schema import Check, Contrast, Counterfactual
from tests.audit.shipped import Subject, cases, classifier, share_passed, suite

BIAS = [("vies", "leitura", ("genero", "religiao")), ("bias", "reading", ("gender", "religion"))]


@pytest.mark.parametrize(("name", "reading", "categories"), BIAS)
def test_a_model_that_always_says_the_same_shows_no_bias_and_no_capability(
    name: str, reading: str, categories: tuple[str, ...]
) -> None:
    same = classifier(lambda text: 0.9)
    assert all(share_passed(suite(name), same, category) == 1 for category in categories)
    assert share_passed(suite(name), same, reading) == 0.5


@pytest.mark.parametrize(("name", "reading", "categories"), BIAS)
def test_a_model_that_dislikes_women_fails_only_where_women_are_compared(
    name: str, reading: str, categories: tuple[str, ...]
) -> None:
    feminine = {text for case in cases(name, Counterfactual, categories[0]) for text in by_group(name, case)}
    shifted = classifier(lambda text: 0.3 if text in feminine else 0.7)
    assert [share_passed(suite(name), shifted, category) for category in categories] == [0, 1]


def by_group(name: str, case: Any) -> list[str]:
    return [filled.text for filled in expand(case, suite(name).lexicons) if filled.groups[0] in ("feminino", "female")]


@pytest.mark.parametrize("name", ["sentimento", "sentiment", "capacidade", "capability", "robustez", "robustness"])
def test_the_right_labels_pass_and_are_balanced(name: str) -> None:
    of = suite(name)
    labelled = [case for case in cases(name, Check) if case.expect is not None and case.expect.label is not None]
    right = {case.input: case.expect.label for case in labelled}
    first = next(iter(of.labels))
    oracle = classifier(lambda text: 0.9 if right[text] == first else 0.1)
    for category in {case.category for case in labelled}:
        own = Counter(case.expect.label for case in labelled if case.category == category)
        assert set(own) == set(of.labels)
        assert max(own.values()) == min(own.values()), category
        assert share_passed(of, oracle, category) == 1


@pytest.mark.parametrize("name", ["sentimento", "sentiment"])
def test_directions_ask_as_often_for_more_as_for_less(name: str) -> None:
    assert Counter(case.expect.change for case in cases(name, Contrast)) == {"higher": 6, "lower": 6}


@pytest.mark.parametrize("name", ["esquecimento", "forgetting"])
@pytest.mark.parametrize(("dearer", "passed"), [(0.04, 1.0), (0.06, 0.0)])
def test_passages_may_become_a_little_dearer(name: str, dearer: float, passed: float) -> None:
    def model(bits_per_byte: float) -> Subject:
        def respond(probe: Any) -> LogLikelihood:
            size = len(probe.text.encode())
            return LogLikelihood(-bits_per_byte * 0.6931471805599453 * size, size, size)

        return Subject(respond)

    category = next(iter(suite(name).categories))
    assert share_passed(suite(name), model(1.5 + dearer), category, model(1.5)) == passed
