from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from afinar.errors import DataError
from afinar.metrics.abstaining import aurc, coverage_curve, row_risks, threshold_for
from afinar.metrics.intervals import wilson

SURE = [0.9, 0.8, 0.8, 0.6, 0.5]
RIGHT = [True, True, False, True, False]
ROWS = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30)


def test_the_curve_keeps_rows_of_one_confidence_together():
    points = coverage_curve(SURE, RIGHT)
    assert [(point.threshold, point.kept, point.accuracy) for point in points] == [
        (0.9, 1, 1.0),
        (0.8, 3, pytest.approx(2 / 3)),
        (0.6, 4, 0.75),
        (0.5, 5, 0.6),
    ]
    assert points[1].coverage == 3 / 5
    assert (points[1].accuracy_low, points[1].accuracy_high) == wilson(2, 3)
    assert (points[1].coverage_low, points[1].coverage_high) == wilson(3, 5)


@given(ROWS)
def test_a_threshold_keeps_the_rows_that_reach_it(rows):
    sure, right = np.array([row[0] / 10 for row in rows]), np.array([row[1] for row in rows])
    for point in coverage_curve(sure, right):
        kept = right[sure >= point.threshold]
        assert (point.kept, point.accuracy) == (len(kept), pytest.approx(kept.mean()))


def mean_risk(sure: np.ndarray, wrong: np.ndarray, generator: np.random.Generator) -> float:
    """The area for one order of the rows, ties shuffled."""
    order = np.lexsort([generator.random(len(sure)), -sure])
    return float(np.mean(np.cumsum(wrong[order]) / np.arange(1, len(sure) + 1)))


def test_the_area_is_the_mean_over_the_orders_of_ties():
    generator = np.random.default_rng(0)
    sure, wrong = generator.integers(1, 5, 12) / 5, generator.random(12) < 0.4
    orders = [mean_risk(sure, wrong, generator) for _ in range(20_000)]
    assert aurc(sure, ~wrong) == pytest.approx(np.mean(orders), abs=3e-3)


@given(ROWS)
def test_the_area_without_ties_is_the_mean_risk(rows):
    sure = np.linspace(0.1, 0.9, len(rows))
    wrong = np.array([row[1] for row in rows])
    assert aurc(sure, ~wrong) == pytest.approx(mean_risk(sure, wrong, np.random.default_rng(0)))


@given(ROWS)
def test_risks_of_rows_have_the_area_as_their_mean(rows):
    sure, right = np.array([row[0] / 10 for row in rows]), np.array([row[1] for row in rows])
    assert row_risks(sure, right).mean() == pytest.approx(aurc(sure, right))


@pytest.mark.parametrize("ties", [False, True])
def test_the_risk_of_a_row_is_its_influence(ties):
    """Against the jackknife: n times the area less (n - 1) times what it is without the row."""
    generator = np.random.default_rng(0)
    n = 300
    sure = generator.integers(50, 100, n) / 100 if ties else generator.random(n)
    right = generator.random(n) < sure
    left_out = [aurc(np.delete(sure, row), np.delete(right, row)) for row in range(n)]
    jackknife = n * aurc(sure, right) - (n - 1) * np.array(left_out)
    risks = row_risks(sure, right)
    assert np.corrcoef(risks, jackknife)[0, 1] > 0.995
    assert risks.std() == pytest.approx(jackknife.std(), rel=0.03)


def test_the_order_of_the_rows_does_not_matter():
    shuffled = [3, 1, 4, 0, 2]
    again = row_risks([SURE[row] for row in shuffled], [RIGHT[row] for row in shuffled])
    risks = row_risks(SURE, RIGHT)
    assert again == pytest.approx([risks[row] for row in shuffled])
    assert risks[1] < risks[2]  # of one confidence, one right and one wrong


def test_the_area_falls_when_confidence_tells_right_from_wrong():
    right = np.array([True] * 15 + [False] * 5)
    best, worst = np.linspace(1, 0, 20), np.linspace(0, 1, 20)
    assert aurc(best, right) < 0.25 < aurc(worst, right)
    assert aurc(np.full(20, 0.5), right) == pytest.approx(0.25)


def test_the_threshold_reached_is_the_lowest():
    found = threshold_for(SURE, RIGHT, 0.7)
    assert found.reached is not None
    assert (found.reached.threshold, found.reached.accuracy) == (0.6, 0.75)
    assert found.proven is None  # five rows prove nothing
    assert threshold_for([0.9, 0.8], [False, True], 0.9).reached is None
    assert threshold_for(SURE, RIGHT, 1.0).reached.kept == 1  # type: ignore[union-attr]


def test_the_threshold_proven_is_backed_by_an_exact_test():
    sure = np.linspace(0.999, 0.5, 1000)
    right = np.random.default_rng(0).random(1000) < sure
    found = threshold_for(sure, right, 0.9)
    assert found.proven is not None
    assert found.reached is not None
    assert 30 <= found.proven.kept < found.reached.kept
    hits = round(found.proven.accuracy * found.proven.kept)
    assert binomtest(hits, found.proven.kept, 0.9, alternative="greater").pvalue <= 0.05


def promises_broken(simulations: int, accuracy: float = 0.9, n: int = 300) -> float:
    """How often the true accuracy at the proven threshold is below the asked one. Confidences are what they say."""
    broken = 0
    for seed in range(simulations):
        generator = np.random.default_rng(seed)
        sure = generator.beta(3, 1.2, n) / 2 + 0.5
        proven = threshold_for(sure, generator.random(n) < sure, accuracy).proven
        broken += proven is not None and sure[sure >= proven.threshold].mean() < accuracy
    return broken / simulations


def test_a_proven_threshold_keeps_its_promise():
    assert promises_broken(100) <= 0.05 + 2 * (0.05 * 0.95 / 100) ** 0.5


@pytest.mark.slow
def test_a_proven_threshold_keeps_its_promise_at_full_size():
    assert promises_broken(2000) <= 0.05 + 2 * (0.05 * 0.95 / 2000) ** 0.5


def test_what_has_no_threshold():
    with pytest.raises(DataError) as caught:
        coverage_curve([], [])
    assert caught.value.key == "evaluation.no_rows"
    with pytest.raises(ValueError, match="expected as many"):
        aurc([0.5], [True, False])
    for asked in (0.0, 1.1):
        with pytest.raises(ValueError, match="expected above 0"):
            threshold_for(SURE, RIGHT, asked)
