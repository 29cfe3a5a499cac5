"""Holm's correction, against the closed testing procedure that it is a shortcut for."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar.metrics.corrections import holm


def closed_testing(p_values: list[float]) -> list[float]:
    """Adjusted p by brute force: the largest Bonferroni p over all sets of hypotheses that a hypothesis belongs to."""
    tests = range(len(p_values))
    sets = [chosen for size in tests for chosen in combinations(tests, size + 1)]
    bonferroni = {chosen: min(1.0, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets}
    return [max(p for chosen, p in bonferroni.items() if i in chosen) for i in tests]


def test_as_r_adjusts():
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    adjusted = holm({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04, "e": 0.05})
    assert list(adjusted.values()) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_is_closed_testing_with_bonferroni(p_values: list[float]):
    assert list(holm(dict(enumerate(p_values))).values()) == pytest.approx(closed_testing(p_values))


def test_keeps_keys_and_their_order():
    assert list(holm({"z": 0.5, "a": 0.001, "m": 0.04})) == ["z", "a", "m"]
    assert holm({}) == {}


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_refuses_what_is_no_p(p: float):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm({"a": p})
