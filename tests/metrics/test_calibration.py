from __future__ import annotations

import numpy as np
import pytest

from afinar.errors import DataError
from afinar.metrics.calibration import brier_scores, error_interval, expected_calibration_error, reliability

SURE = [0.95, 0.95, 0.95, 0.95, 0.55, 0.55]
RIGHT = [True, True, True, False, True, False]


def test_a_case_worked_by_hand():
    # two bins hold rows: four of confidence 0.95 and three quarters right, two of 0.55 and half right
    assert expected_calibration_error(SURE, RIGHT) == pytest.approx((4 * 0.20 + 2 * 0.05) / 6)
    assert expected_calibration_error(SURE, RIGHT, bins=1) == pytest.approx((4 * 0.95 + 2 * 0.55) / 6 - 4 / 6)


def test_bins_of_equal_mass_hold_equally_many_rows():
    generator = np.random.default_rng(0)
    sure = generator.beta(9, 1, 300) / 2 + 0.5  # most of them close to 1: equal widths would put them into one bin
    assert [part.n for part in reliability(sure, sure > 0.9, bins=10, binning="mass")] == [30] * 10
    assert max(part.n for part in reliability(sure, sure > 0.9, bins=10)) > 100


def test_the_order_of_the_rows_does_not_matter_even_with_ties():
    generator = np.random.default_rng(1)
    sure, right = generator.integers(5, 10, 40) / 10, generator.random(40) < 0.7
    shuffled = generator.permutation(40)
    for binning in ("width", "mass"):
        error = expected_calibration_error(sure, right, binning=binning)
        assert expected_calibration_error(sure[shuffled], right[shuffled], binning=binning) == pytest.approx(error, rel=1e-12)


def test_a_bin_knows_its_rows_and_its_uncertainty():
    unsure, sure = reliability(SURE, RIGHT)
    assert (unsure.n, sure.n) == (2, 4)
    assert (sure.confidence, sure.accuracy) == (pytest.approx(0.95), 0.75)
    assert unsure.low < 0.55 <= unsure.high
    assert sure.accuracy_low < 0.75 < sure.accuracy_high < 1


def drawn(n: int, gap: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Confidences and outcomes of a classifier that is right less often by `gap` than it says; and the error it really has."""
    generator = np.random.default_rng(seed)
    sure = generator.beta(5, 1.5, n) / 2 + 0.5
    return sure, generator.random(n) < sure - gap, gap


def coverage(n: int, gap: float, simulations: int) -> float:
    covered = 0
    for seed in range(simulations):
        sure, right, truth = drawn(n, gap, seed)
        low, high = error_interval(sure, right, resamples=300, seed=seed)
        covered += low - 1e-12 <= truth <= high + 1e-12
    return covered / simulations


@pytest.mark.parametrize("gap", [0.0, 0.15])
def test_the_interval_covers_the_true_error(gap):
    assert coverage(60, gap, 150) >= 0.90  # the truth is 0.95 or more; 150 simulations leave 0.018 of uncertainty


@pytest.mark.slow
@pytest.mark.parametrize(("n", "least"), [(20, 0.88), (60, 0.93), (200, 0.93)])
@pytest.mark.parametrize("gap", [0.0, 0.05, 0.15])
def test_the_interval_covers_the_true_error_at_full_size(n, least, gap):
    assert coverage(n, gap, 1000) >= least - 2 * (0.05 * 0.95 / 1000) ** 0.5


def test_the_interval_begins_at_zero_where_a_calibrated_classifier_would_show_as_much():
    sure, right, _ = drawn(60, 0.0, 4)
    assert expected_calibration_error(sure, right) > 0.03
    assert error_interval(sure, right)[0] == 0
    overconfident, mostly_wrong, _ = drawn(400, 0.25, 4)
    low, high = error_interval(overconfident, mostly_wrong)
    assert 0.1 < low < expected_calibration_error(overconfident, mostly_wrong) < high < 0.4


def test_the_interval_repeats_with_the_seed_and_narrows_with_rows():
    few, many = drawn(40, 0.1, 0)[:2], drawn(4000, 0.1, 0)[:2]
    assert error_interval(*few, seed=1) == error_interval(*few, seed=1) != error_interval(*few, seed=2)
    low, high = error_interval(*many)
    assert high - low < 0.05


def test_brier_is_halved_for_two_classes():
    assert brier_scores([[0.8, 0.2], [0.3, 0.7]], [0, 0]).tolist() == pytest.approx([0.04, 0.49])
    assert brier_scores([[0.8, 0.2, 0.0]], [2]).tolist() == pytest.approx([0.64 + 0.04 + 1])


def test_what_has_no_error():
    with pytest.raises(DataError) as caught:
        expected_calibration_error([], [])
    assert caught.value.key == "evaluation.no_rows"
    with pytest.raises(ValueError, match="expected as many"):
        reliability([0.5], [True, False])
    with pytest.raises(ValueError, match="bins=0"):
        expected_calibration_error([0.5], [True], bins=0)
