from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from afinar.metrics.intervals import bootstrap_interval, bootstrap_perplexity, mean_interval, wilson
from afinar.metrics.resampling import LARGE, draws, studentised


def test_wilson_of_published_examples():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score without continuity correction)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_narrows_with_rows_and_stays_in_range():
    assert wilson(10, 10)[1] == 1.0
    assert wilson(10, 10)[0] < 1.0
    assert wilson(800, 1000)[1] - wilson(800, 1000)[0] < wilson(8, 10)[1] - wilson(8, 10)[0]
    assert wilson(80, 100, 0.99)[0] < wilson(80, 100, 0.95)[0]


@pytest.mark.parametrize(("correct", "n", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 0, 0.95), (1, 1, 1.0)])
def test_wilson_refuses_impossible_counts(correct, n, confidence):
    with pytest.raises(ValueError, match="expected"):
        wilson(correct, n, confidence)


def test_bootstrap_holds_the_estimate_and_repeats_with_the_seed():
    generator = np.random.default_rng(3)
    tokens = generator.integers(5, 50, size=60)
    losses = tokens * generator.normal(2.0, 0.5, size=60)
    low, high = bootstrap_perplexity(losses, tokens, seed=1)
    assert low < math.exp(losses.sum() / tokens.sum()) < high
    assert (low, high) == bootstrap_perplexity(losses, tokens, seed=1)
    assert (low, high) != bootstrap_perplexity(losses, tokens, seed=2)


def test_bootstrap_width_follows_the_spread_between_documents():
    same = bootstrap_perplexity([2.0 * 10] * 30, [10] * 30)
    assert same == pytest.approx((math.exp(2), math.exp(2)))
    wide = bootstrap_perplexity([10.0] * 15 + [30.0] * 15, [10] * 30)
    # the mean of 30 draws from {1, 3} has standard error 1 / sqrt(30)
    assert math.log(wide[0]) == pytest.approx(2 - 1.96 / math.sqrt(30), abs=0.09)
    assert math.log(wide[1]) == pytest.approx(2 + 1.96 / math.sqrt(30), abs=0.09)


def test_bootstrap_ignores_documents_without_tokens():
    assert bootstrap_perplexity([20.0, 0.0, 20.0], [10, 0, 10]) == pytest.approx((math.exp(2), math.exp(2)))


@pytest.mark.parametrize(("losses", "tokens"), [([], []), ([1.0], [0]), ([1.0], [1, 2])])
def test_bootstrap_refuses_what_has_no_mean(losses, tokens):
    with pytest.raises(ValueError, match="expected as many"):
        bootstrap_perplexity(losses, tokens)


# --- means and any statistic ---------------------------------------------------------------------------------------


def test_draws_are_multinomial():
    counts = np.concatenate(list(draws(20, 4_000, seed=0)))
    assert counts.shape == (4_000, 20)
    assert (counts.sum(axis=1) == 20).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=0.08)
    assert counts.var() == pytest.approx(19 / 20, abs=0.02)
    assert not np.array_equal(counts, np.concatenate(list(draws(20, 4_000, seed=1))))


def test_studentised_is_what_it_says_resample_by_resample():
    generator = np.random.default_rng(0)
    w = generator.integers(1, 9, size=(25, 1)).astype(float)
    x = w * generator.normal(2, 1, size=(25, 1))
    counts = np.concatenate(list(draws(25, 50, seed=3)))
    estimate = x.sum() / w.sum()
    variance = 25 / 24 * ((x - estimate * w) ** 2).sum()
    for row, t in zip(counts, studentised(x, w, 50, 3)[:, 0], strict=True):
        drawn = np.repeat(np.arange(25), row.astype(int))
        value = x[drawn].sum() / w[drawn].sum()
        own = 25 / 24 * ((x[drawn] - value * w[drawn]) ** 2).sum()
        error = math.sqrt(own * 24 / 25 + variance / 25) / w[drawn].sum()
        assert t == pytest.approx((value - estimate) / error)


def test_the_mean_of_many_normal_rows_has_students_interval():
    values = np.random.default_rng(1).normal(5, 2, size=400)
    expected = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert mean_interval(values, resamples=4_000) == pytest.approx(expected, abs=0.02)
    narrow = stats.t.interval(0.8, 399, values.mean(), stats.sem(values))
    assert mean_interval(values, confidence=0.8, resamples=4_000) == pytest.approx(narrow, abs=0.02)


def test_near_scipys_bootstrap_on_many_skewed_rows():
    values = np.random.default_rng(2).exponential(size=300)
    reference = stats.bootstrap((values,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    assert mean_interval(values, resamples=4_000) == pytest.approx((reference.low, reference.high), abs=0.02)
    by_statistic = bootstrap_interval(lambda counts: counts @ values / counts.sum(axis=1), 300)
    assert by_statistic == pytest.approx((reference.low, reference.high), abs=0.02)


def test_a_correlation_has_the_interval_of_fishers_transformation():
    generator = np.random.default_rng(3)
    x = generator.normal(size=400)
    y = 0.5 * x + generator.normal(size=400)
    rows = np.stack([np.ones(400), x, y, x * x, y * y, x * y], axis=1)

    def correlation(counts: np.ndarray) -> np.ndarray:
        n, sx, sy, sxx, syy, sxy = (counts @ rows).T
        return (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))

    expected = stats.pearsonr(x, y).confidence_interval()
    assert bootstrap_interval(correlation, 400) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_rows_of_a_cluster_are_one_unit():
    generator = np.random.default_rng(4)
    values = np.repeat(generator.normal(size=15), 10)
    low, high = mean_interval(values, clusters=np.repeat(np.arange(15), 10).tolist())
    assert (low, high) == pytest.approx(mean_interval(values[::10]), abs=1e-12)
    alone = mean_interval(values)
    assert (high - low) > 2.5 * (alone[1] - alone[0])


def test_where_nothing_can_be_measured():
    assert mean_interval([3.0]) == (-math.inf, math.inf)
    assert mean_interval([3.0, 4.0], clusters=["a", "a"]) == (-math.inf, math.inf)
    assert mean_interval([3.0] * 10) == (3.0, 3.0)
    assert bootstrap_interval(lambda counts: counts.sum(axis=1) / 5, 5) == (1.0, 1.0)
    assert bootstrap_interval(lambda counts: counts[:, 0], 1, bounds=(0.0, 1.0)) == (0.0, 1.0)
    assert bootstrap_perplexity([20.0], [10]) == (0.0, math.inf)
    with pytest.raises(ValueError, match="expected >= 1"):
        bootstrap_interval(lambda counts: counts[:, 0], 0)


def test_bounds_cut_the_interval():
    right = np.array([1.0] * 18 + [0.0] * 2)

    def share(counts: np.ndarray) -> np.ndarray:
        return counts @ right / counts.sum(axis=1)

    open_ended, cut = bootstrap_interval(share, 20), bootstrap_interval(share, 20, bounds=(0.0, 1.0))
    assert open_ended[1] > 1.0
    assert cut == (open_ended[0], 1.0)


def test_resamples_without_a_value_are_left_out():
    values = np.r_[np.zeros(3), np.ones(17)]

    def odds(counts: np.ndarray) -> np.ndarray:  # undefined where no row is 0
        with np.errstate(divide="ignore"):
            return counts @ values / (counts @ (1 - values))

    low, high = bootstrap_interval(odds, 20)
    assert math.isfinite(low)
    assert math.isfinite(high)


def test_rows_beyond_the_limit_have_the_normal_interval():
    values = np.random.default_rng(5).normal(size=LARGE + 500)
    low, high = bootstrap_interval(lambda counts: counts @ values / counts.sum(axis=1), LARGE + 500)
    assert (high - low) == pytest.approx(2 * 1.96 * values.std() / math.sqrt(LARGE + 500), rel=0.06)


def test_the_seed_repeats():
    values = np.random.default_rng(6).normal(size=30)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


# --- coverage, simulated -------------------------------------------------------------------------------------------

SHAPES = {
    "normal": (lambda generator, n: generator.normal(size=n), 0.0),
    "exponential": (lambda generator, n: generator.exponential(size=n), 1.0),
    "heavy tails": (lambda generator, n: generator.standard_t(3, size=n), 0.0),
    "three values": (lambda generator, n: generator.choice([-1.0, 0.0, 1.0], size=n, p=[0.2, 0.5, 0.3]), 0.1),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [20, 60])
def test_intervals_of_means_cover_the_truth(shape: str, n: int):
    """Between 364 and 394 of 400, as coverages of 93% to 97% nearly always give; larger in benchmarks/cpu/auditing.py."""
    make, truth = SHAPES[shape]
    generator = np.random.default_rng(7)
    covered = 0
    for trial in range(400):
        low, high = mean_interval(make(generator, n), resamples=400, seed=trial)
        covered += low <= truth <= high
    assert 364 <= covered <= 394


@pytest.mark.parametrize("n", [2, 4, 7])
def test_intervals_of_very_few_rows_are_at_least_students(n: int):
    """Two rows have three different resamples: the bootstrap alone would cover 63%."""
    generator = np.random.default_rng(9)
    covered = 0
    for trial in range(400):
        values = generator.normal(size=n)
        low, high = mean_interval(values, resamples=200, seed=trial)
        expected = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
        assert low <= expected[0] + 1e-9
        assert high >= expected[1] - 1e-9
        covered += low <= 0 <= high
    assert 368 <= covered <= 396


def test_intervals_of_clustered_rows_cover_the_truth():
    """Expansions of a case: 20 cases of 1 to 8 rows that share half of their variance."""
    generator = np.random.default_rng(8)
    covered = 0
    for trial in range(400):
        clusters = np.repeat(np.arange(20), generator.integers(1, 9, size=20))
        values = generator.normal(size=20)[clusters] + generator.normal(size=len(clusters))
        low, high = mean_interval(values, clusters=clusters.tolist(), resamples=400, seed=trial)
        covered += low <= 0 <= high
    assert 364 <= covered <= 394
