from __future__ import annotations

import math

import numpy as np
import pytest

from afinar.metrics.intervals import bootstrap_perplexity, wilson


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
