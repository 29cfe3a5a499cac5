"""Paired comparisons, against scipy's exact tests and against simulations of what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from afinar.metrics.paired import (
    compare_flips,
    compare_means,
    compare_statistic,
    finding,
    mcnemar,
    sign_flip,
    tango,
)
from afinar.metrics.resampling import LARGE

# --- right and wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fixed", "broke"), [(0, 0), (1, 0), (5, 0), (0, 6), (12, 3), (40, 41), (700, 600)])
def test_mcnemar_is_the_exact_binomial_test(fixed: int, broke: int):
    expected = stats.binomtest(fixed, fixed + broke).pvalue if fixed + broke else 1.0
    assert mcnemar(fixed, broke) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_needs_counts():
    with pytest.raises(ValueError, match="counts >= 0"):
        mcnemar(-1, 3)


def flips(fixed: int, broke: int, both: int = 10, neither: int = 10) -> tuple[list[bool], list[bool]]:
    before = [False] * fixed + [True] * broke + [True] * both + [False] * neither
    after = [True] * fixed + [False] * broke + [True] * both + [False] * neither
    return before, after


def test_flips_are_counted_by_direction():
    found = compare_flips(*flips(12, 3))
    assert (found.fixed, found.broke, found.n, found.test) == (12, 3, 35, "mcnemar_exact")
    assert found.difference == pytest.approx(9 / 35)
    assert found.p == pytest.approx(stats.binomtest(3, 15).pvalue)
    assert found.finding == "better"
    assert compare_flips(*flips(3, 12)).finding == "worse"


def test_five_flips_are_too_few_and_six_are_not():
    assert compare_flips(*flips(5, 0)).finding == "too_few"
    assert compare_flips(*flips(6, 0)).finding == "better"
    assert compare_flips(*flips(0, 6)).finding == "worse"
    assert compare_flips(*flips(5, 1)).finding == "no_difference"
    assert compare_flips(*flips(0, 0)).finding == "too_few"


@pytest.mark.parametrize(("before", "after"), [([], []), ([True], [True, False])])
def test_flips_need_the_same_rows(before: list[bool], after: list[bool]):
    with pytest.raises(ValueError, match="as many"):
        compare_flips(before, after)


def score(fixed: int, broke: int, n: int, d: float) -> float:
    """Tango's score of a difference d, its nuisance share found by maximising the likelihood instead of by the formula."""
    same = n - fixed - broke

    def log_likelihood(q: float) -> float:
        return sum(count * math.log(p) for count, p in ((fixed, q + d), (broke, q), (same, 1 - 2 * q - d)) if count)

    low, high = max(0.0, -d) + 1e-13, (1 - d) / 2 - 1e-13
    for _ in range(200):  # golden section: the log-likelihood is concave
        left, right = high - 0.618034 * (high - low), low + 0.618034 * (high - low)
        low, high = (left, high) if log_likelihood(left) < log_likelihood(right) else (low, right)
    return (fixed - broke - n * d) / math.sqrt(n * (2 * low + d * (1 - d)))


@pytest.mark.parametrize(("fixed", "broke", "n"), [(12, 2, 50), (9, 3, 32), (6, 0, 20), (3, 7, 40), (1, 1, 25)])
def test_tango_ends_where_the_score_test_rejects(fixed: int, broke: int, n: int):
    low, high = tango(fixed, broke, n)
    assert score(fixed, broke, n, low) == pytest.approx(1.959964, abs=1e-4)
    assert score(fixed, broke, n, high) == pytest.approx(-1.959964, abs=1e-4)


@given(st.tuples(*[st.integers(0, 40)] * 3).filter(lambda counts: sum(counts) > 0))
def test_tango_holds_the_difference_and_turns_round_with_the_models(counts: tuple[int, int, int]):
    fixed, broke, n = counts[0], counts[1], sum(counts)
    low, high = tango(fixed, broke, n)
    assert -1 <= low <= (fixed - broke) / n <= high <= 1
    assert tango(broke, fixed, n) == pytest.approx((-high, -low), abs=1e-9)
    assert high > low


@pytest.mark.parametrize(("fixed", "broke", "n"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_tango_refuses_impossible_counts(fixed: int, broke: int, n: int):
    with pytest.raises(ValueError, match="sum to n"):
        tango(fixed, broke, n)


@pytest.mark.parametrize(("p_fixed", "p_broke"), [(0.1, 0.1), (0.2, 0.05), (0.4, 0.3)])
@pytest.mark.parametrize("n", [20, 40, 60])
def test_tango_covers_the_truth(n: int, p_fixed: float, p_broke: float):
    """Exactly, not by simulation: the probability of every table whose interval holds the true difference."""
    tables = [(fixed, broke, n - fixed - broke) for fixed in range(n + 1) for broke in range(n + 1 - fixed)]
    likely = stats.multinomial.pmf(tables, n, [p_fixed, p_broke, 1 - p_fixed - p_broke])
    covered = 0.0
    for (fixed, broke, _), weight in zip(tables, likely, strict=True):
        if weight > 1e-6:
            low, high = tango(fixed, broke, n)
            covered += weight * (low <= p_fixed - p_broke <= high)
    assert 0.93 <= covered <= 0.97


# --- numbers -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 8), st.integers(0, 8))
def test_sign_flip_of_ones_is_mcnemar(fixed: int, broke: int):
    if fixed + broke > 13:
        fixed, broke = fixed // 2, broke // 2
    changes = np.array([1.0] * fixed + [-1.0] * broke + [0.0] * 5)
    assert sign_flip(changes) == pytest.approx(mcnemar(fixed, broke))


def test_sign_flip_is_scipys_permutation_test():
    generator = np.random.default_rng(0)
    few = generator.normal(0.4, 1, size=11)
    exact = stats.permutation_test((few, np.zeros(11)), lambda a, b: np.mean(a - b), permutation_type="samples")
    assert sign_flip(few) == pytest.approx(exact.pvalue)
    many = generator.normal(0.2, 1, size=80)
    drawn = stats.permutation_test(
        (many, np.zeros(80)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=generator,
    )
    assert sign_flip(many) == pytest.approx(drawn.pvalue, abs=0.015)


def test_sign_flip_beyond_its_draws_is_the_normal_limit():
    changes = np.random.default_rng(1).normal(0.02, 1, size=6_000)
    expected = 2 * stats.norm.sf(abs(changes.sum()) / math.sqrt((changes**2).sum()))
    assert sign_flip(changes) == pytest.approx(expected)
    assert sign_flip(changes[:4_900]) == pytest.approx(
        2 * stats.norm.sf(abs(changes[:4_900].sum()) / math.sqrt((changes[:4_900] ** 2).sum())), abs=0.02
    )


def test_means_follow_the_sign_and_what_is_better():
    generator = np.random.default_rng(2)
    before = generator.normal(size=50)
    after = before + generator.normal(0.5, 0.5, size=50)
    found = compare_means(before, after)
    assert found.difference == pytest.approx(np.mean(after - before))
    assert found.low < found.difference < found.high
    assert (found.finding, found.test, found.n) == ("better", "sign_flip", 50)
    assert compare_means(before, after, higher_is_better=False).finding == "worse"
    assert compare_means(after, before).finding == "worse"
    assert found == compare_means(before, after)
    assert found != compare_means(before, after, seed=1)


def test_weighted_means_are_ratios_of_sums():
    generator = np.random.default_rng(3)
    tokens = generator.integers(1, 100, size=40)
    before, after = tokens * generator.normal(3, 0.3, size=40), tokens * generator.normal(2.9, 0.3, size=40)
    found = compare_means(before, after, weights=tokens, higher_is_better=False)
    assert found.difference == pytest.approx((after.sum() - before.sum()) / tokens.sum())


def test_clusters_count_as_one_unit_each():
    generator = np.random.default_rng(4)
    change = np.repeat(generator.normal(0.3, 1, size=12), 20)
    clusters = np.repeat(np.arange(12), 20)
    rows = compare_means(np.zeros(240), change)
    units = compare_means(np.zeros(240), change, clusters=clusters.tolist())
    assert (rows.n, units.n) == (240, 12)
    assert units.difference == pytest.approx(rows.difference)
    assert (units.high - units.low) > 3.5 * (rows.high - rows.low)
    assert units.p == pytest.approx(sign_flip(change[::20]))
    shuffled = generator.permutation(240)
    again = compare_means(np.zeros(240), change[shuffled], clusters=clusters[shuffled].tolist())
    assert (again.n, again.p) == (12, pytest.approx(units.p))


def test_few_changed_units_cannot_tell():
    before = np.zeros(30)
    after = np.r_[np.ones(5), np.zeros(25)]
    assert compare_means(before, after).finding == "too_few"
    assert compare_means(before[:3], np.ones(3)).finding == "too_few"
    assert compare_means([1.0], [2.0]).low is None
    assert compare_means(before, before).as_dict() == {
        "difference": 0.0, "n": 30, "test": "sign_flip", "finding": "too_few", "p": 1.0
    }  # fmt: skip


def test_a_constant_change_is_found_and_has_no_interval():
    before = np.random.default_rng(5).normal(size=20)
    found = compare_means(before, before + 0.1)
    assert found.finding == "better"
    assert (found.low, found.high) == (None, None)  # a point would look like certainty


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 2.0], [1.0]])
def test_means_need_weights_that_sum_to_something(weights: list[float]):
    with pytest.raises(ValueError, match="expected"):
        compare_means([1.0, 2.0], [2.0, 3.0], weights=weights)


def test_means_need_finite_values_of_the_same_rows():
    with pytest.raises(ValueError, match="finite"):
        compare_means([1.0, math.inf], [2.0, 3.0])
    with pytest.raises(ValueError, match="as many"):
        compare_means([1.0], [2.0, 3.0])
    with pytest.raises(ValueError, match="clusters"):
        compare_means([1.0, 2.0], [2.0, 3.0], clusters=["a"])


# --- any statistic -------------------------------------------------------------------------------------------------


def mean_of(before: np.ndarray, after: np.ndarray):
    return lambda counts: ((counts @ before) / counts.sum(axis=1), (counts @ after) / counts.sum(axis=1))


def test_a_mean_as_a_statistic_is_compared_as_a_mean():
    generator = np.random.default_rng(6)
    before = generator.normal(size=60)
    after = before + generator.normal(0.2, 0.6, size=60)
    by_mean, by_statistic = compare_means(before, after), compare_statistic(mean_of(before, after), 60)
    assert by_statistic.difference == pytest.approx(by_mean.difference)
    assert (by_statistic.low, by_statistic.high) == pytest.approx((by_mean.low, by_mean.high), abs=0.02)
    assert by_statistic.p == pytest.approx(by_mean.p, abs=0.02)
    assert by_statistic.test == "paired_bootstrap"


def test_interval_and_p_agree():
    generator = np.random.default_rng(7)
    for seed in range(40):
        before = generator.normal(size=30)
        after = before + generator.normal(0.18, 0.5, size=30)
        found = compare_statistic(mean_of(before, after), 30, seed=seed, resamples=500)
        assert (found.low <= 0 <= found.high) == (found.p > 0.05) or abs(found.p - 0.05) < 0.004


def test_many_rows_are_compared_without_leaving_each_out():
    generator = np.random.default_rng(8)
    before = generator.normal(size=LARGE + 1)
    after = before + generator.normal(0.05, 1, size=LARGE + 1)
    found = compare_statistic(mean_of(before, after), LARGE + 1, resamples=1000)
    error = np.std(after - before) / math.sqrt(LARGE + 1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_statistics_with_few_changed_rows_cannot_tell():
    before, after = np.zeros(40), np.ones(40)
    assert compare_statistic(mean_of(before, after), 40).finding == "better"
    assert compare_statistic(mean_of(before, after), 40, changed=5).finding == "too_few"
    assert compare_statistic(mean_of(before, after), 40, higher_is_better=False).finding == "worse"
    assert compare_statistic(mean_of(before[:1], after[:1]), 1).finding == "too_few"
    same = compare_statistic(mean_of(before, before), 40)
    assert (same.finding, same.p, same.low, same.high) == ("no_difference", 1.0, None, None)
    with pytest.raises(ValueError, match="expected >= 1"):
        compare_statistic(mean_of(before, after), 0)


@pytest.mark.parametrize("n", [6, 7, 8])
def test_no_statistic_is_surer_than_the_exact_test_of_as_many_rows(n: int):
    before, after = np.zeros(n), np.linspace(1.0, 1.001, n)
    assert compare_statistic(mean_of(before, after), n).p == pytest.approx(2 / 2**n)


def test_a_finding_needs_test_and_interval():
    assert finding(0.2, 0.01, 10, (0.1, 0.3)) == "better"
    assert finding(0.2, 0.06, 10, (0.1, 0.3)) == "no_difference"
    assert finding(0.2, 0.04, 10, (-0.01, 0.4)) == "no_difference"
    assert finding(-0.2, 0.01, 10, None, higher_is_better=False) == "better"
    assert finding(0.2, 0.01, 5, (0.1, 0.3)) == "too_few"


# --- what they promise, simulated ------------------------------------------------------------------------------------


def test_equal_models_are_rarely_called_different():
    """Unequal spread, ties and clusters: at most 5% of 400 comparisons of equally good models end in a finding."""
    generator = np.random.default_rng(9)
    alarms = 0
    for trial in range(400):
        clusters = generator.integers(12, size=40)
        shared = generator.normal(size=12)[clusters]
        before, after = generator.exponential(size=40) + shared, generator.exponential(size=40) - shared
        found = compare_means(before, after, clusters=clusters.tolist(), seed=trial, resamples=300)
        alarms += found.finding in {"better", "worse"}
    assert alarms <= 20
