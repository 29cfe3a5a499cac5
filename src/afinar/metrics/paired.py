"""Did a model become better or worse? Both models answer the same rows, and the differences row by row are what is tested."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist

import numpy as np

from afinar.metrics.difference import FLIPS_TO_TELL, Difference, Finding
from afinar.metrics.intervals import mean_interval, units
from afinar.metrics.resampling import CELLS, Floats, linearised, reach

LEVEL = 0.05
"""p at which something is called a difference."""

PairedStatistic = Callable[[Floats], tuple[Floats, Floats]]
"""counts (m, n), how often each row is drawn, to the statistic (m,) of the model before and (m,) of the one after."""


def mcnemar(fixed: int, broke: int) -> float:
    """Exact two-sided p of McNemar's test, from the rows that changed sides.

    If the models were equally good, each of the n = fixed + broke changes would go either way like a fair coin::

        p = min(1, 2 · P(X <= min(fixed, broke))),   X ~ Binomial(n, 1/2)

    Raises ValueError for a negative count. Source: McNemar 1947, Psychometrika 12(2); the exact form is the sign test.
    """
    if fixed < 0 or broke < 0:
        raise ValueError(f"fixed={fixed}, broke={broke}; expected counts >= 0.")
    from scipy.special import bdtr  # the binomial distribution function, without the second that scipy.stats takes to import

    n = fixed + broke
    return min(1.0, 2 * float(bdtr(min(fixed, broke), n, 0.5))) if n else 1.0


def compare_flips(before: Sequence[bool], after: Sequence[bool]) -> Difference:
    """Share of right rows after - before, by the exact test of :func:`mcnemar`.

    The interval is Tango's (:func:`tango`). Below six changed rows no outcome could reach p = 0.05: `too_few`.
    Raises ValueError if lengths differ or there is no row.
    """
    if len(before) != len(after) or len(after) == 0:
        raise ValueError(f"{len(before)} rows before, {len(after)} after; expected as many, and at least one.")
    was, is_now = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    n = len(was)
    fixed, broke = int(np.sum(~was & is_now)), int(np.sum(was & ~is_now))
    p = mcnemar(fixed, broke)
    low, high = tango(fixed, broke, n)
    difference = (fixed - broke) / n
    found = finding(difference, p, fixed + broke)
    return Difference(difference, n, "mcnemar_exact", found, p, low, high, fixed, broke)


def tango(fixed: int, broke: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval for the difference (fixed - broke) / n of two shares of the same n rows: what Wilson's is for one share.

    The differences d that a score test of them would not reject, with z the normal quantile of the confidence::

        |fixed - broke - n d| <= z sqrt(n (2 q + d (1 - d)))
        q = (sqrt(b² - 8 n c) - b) / 4n,   b = (2 n - fixed + broke) d - fixed - broke,   c = -broke d (1 - d)

    where q is the likeliest share of broken rows if d were the truth. It stays within [-1, 1] and does not collapse when
    nothing changed. It is less cautious than the exact test: five fixed rows and none broken leave out zero, at p = 0.06.

    Raises ValueError unless counts are >= 0 and fixed + broke <= n.
    Source: Tango 1998, Statistics in Medicine 17(8).
    """
    if min(fixed, broke) < 0 or fixed + broke > n or n < 1:
        raise ValueError(f"fixed={fixed}, broke={broke}, n={n}; expected counts >= 0 that sum to n at most.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (fixed - broke) / n
    return _crossing(fixed, broke, n, z, (-1.0, middle)), _crossing(fixed, broke, n, -z, (middle, 1.0))


def _crossing(fixed: int, broke: int, n: int, z: float, between: tuple[float, float]) -> float:
    """The d at which the score falls to z; it falls all the way, so the bracket is halved until floats end."""
    low, high = between
    for _ in range(60):
        d = (low + high) / 2
        b, c = (2 * n - fixed + broke) * d - fixed - broke, -broke * d * (1 - d)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        spread = math.sqrt(max(0.0, n * (2 * q + d * (1 - d))))
        above = fixed - broke - n * d > z * spread
        low, high = (d, high) if above else (low, d)
    return (low + high) / 2


def compare_means(
    before: Sequence[float],
    after: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    clusters: Sequence[Hashable] | None = None,
    higher_is_better: bool = True,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Mean after - mean before; with `weights` sum(after) / sum(weights) - sum(before) / sum(weights).

    before, after (n,): a number for each row; with weights per-row sums, such as losses in nats over tokens. clusters (n,):
    rows that belong together change together and count as one unit; n of the result counts units.

    The interval is :func:`~afinar.metrics.intervals.mean_interval` of the differences; p is that of :func:`sign_flip`, exact
    for any distribution. A difference is called one where p <= 0.05 and the interval leaves out zero; with fewer than six
    units that changed at all, it is `too_few`. A single unit, and units that all changed alike, have no interval.

    Raises ValueError if lengths differ, a value is not finite or the weights sum to nothing.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} values before, {len(after)} after; expected as many.")
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    if not np.isfinite(change).all():
        raise ValueError("a value is infinite or not a number; expected finite ones.")
    low, high = mean_interval(change, weights=weights, clusters=clusters, resamples=resamples, seed=seed)
    x, w = units(change, weights, clusters)
    difference = float(x.sum() / w.sum())
    p = sign_flip(x[:, 0], seed=seed)
    found = finding(difference, p, int(np.count_nonzero(x)), (low, high), higher_is_better)
    return Difference(difference, len(x), "sign_flip", found, p, *_ends(low, high, len(x)))


def sign_flip(changes: Floats, *, resamples: int = 9_999, seed: int = 0) -> float:
    """Two-sided p of the permutation test that swaps before and after within units.

    If the models were alike, each unit's change could as well have had the other sign. p is the share of sign patterns whose
    sum is at least as far from zero as the one seen: over all 2^k patterns of the k units that changed up to k = 13, over
    random ones (the seen one counted in) up to 5,000, by the normal limit beyond. On changes of ±1 it is McNemar's exact test.

    Source: Fisher 1935, The Design of Experiments, section 21.
    """
    moved = changes[changes != 0]
    if len(moved) == 0:
        return 1.0
    seen = abs(moved.sum()) * (1 - 1e-9)  # patterns that tie with it must count as ties after rounding, too
    if len(moved) > 5_000:
        return math.erfc(float(seen / math.sqrt(2 * np.sum(moved**2))))
    if len(moved) <= 13:
        patterns = (np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ moved) >= seen))
    generator = np.random.default_rng(seed)
    step, reached = max(1, CELLS // len(moved)), 0
    for start in range(0, resamples, step):
        signs = generator.integers(2, size=(min(step, resamples - start), len(moved)), dtype=np.int8)
        sums = moved.sum() - 2 * (signs @ moved)
        reached += int(np.sum(np.abs(sums) >= seen))
    return (1 + reached) / (1 + resamples)


def compare_statistic(
    statistic: PairedStatistic,
    n: int,
    *,
    changed: int | None = None,
    higher_is_better: bool = True,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """A corpus statistic (BLEU, F1, calibration error) after - before, by the paired bootstrap over n rows.

    statistic: see :data:`PairedStatistic`; both models see the same draws. changed: rows on which the models' outputs differ
    at all, where that is known; below six it is `too_few`. Interval as
    :func:`~afinar.metrics.intervals.bootstrap_interval`; p is the share of resamples with |t*| at least |difference| / SE,
    and no smaller than Student's, so that the two agree; nor is it smaller than 2 / 2^k of k changed rows, which no exact test
    of them could go below. Rows that all pull alike have no interval.

    Raises ValueError unless n >= 1.
    Source: Koehn 2004, EMNLP, section 4 (the paired bootstrap); Hall 1988, as at
    :func:`~afinar.metrics.intervals.mean_interval`.
    """
    if n < 1:
        raise ValueError(f"n={n}; expected >= 1.")
    from scipy.special import stdtr

    def shift(counts: Floats) -> Floats:
        first, second = statistic(counts)
        return np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)

    if n == 1:
        return Difference(float(shift(np.ones((1, 1)))[0]), 1, "paired_bootstrap", "too_few")
    difference, error, t = linearised(shift, n, resamples, seed)
    half = reach(t, n, 1 - LEVEL) * error
    # The two agree up to the resolution of the resamples, in which the one seen is counted.
    p = (1 + int(np.sum(np.abs(t) * error >= abs(difference) * (1 - 1e-9)))) / (1 + len(t))
    if error > 0:
        p = max(p, 2 * float(stdtr(n - 1, -abs(difference) / error)))
    moved = n if changed is None else min(n, changed)
    p = min(1.0, max(p, 2.0 ** (1 - moved)))
    interval = difference - half, difference + half
    found = finding(difference, p, moved, interval, higher_is_better)
    return Difference(difference, n, "paired_bootstrap", found, p, *_ends(*interval, n))


def _ends(low: float, high: float, n: int) -> tuple[float, float] | tuple[None, None]:
    """An interval for a person: none of a single unit, and no point, which would look like certainty."""
    return (None, None) if n == 1 or high - low <= 1e-12 * max(1.0, abs(low)) else (low, high)


def finding(
    difference: float,
    p: float,
    changed: int,
    interval: tuple[float, float] | None = None,
    higher_is_better: bool = True,
    level: float = LEVEL,
) -> Finding:
    """What to call a difference: `too_few` below six changed rows, a direction where p and interval both say so.

    p may be an adjusted one (:func:`~afinar.metrics.corrections.holm`).
    """
    if changed < FLIPS_TO_TELL:
        return "too_few"
    if p > level or difference == 0 or (interval is not None and interval[0] <= 0 <= interval[1]):
        return "no_difference"
    return "better" if (difference > 0) == higher_is_better else "worse"
