"""Bootstrap draws of units, and the studentised ratio of sums that every interval of a mean here rests on.

A mean over rows, a mean over clusters of rows and a token-weighted loss are one thing, a ratio of sums over independent units
u = 1..U (rows, or clusters added up)::

    R   = sum(x_u) / sum(w_u)                                     w_u: rows or tokens of the unit
    SE² = U / (U - 1) · sum((x_u - R w_u)²) / sum(w_u)²           linearised (Taylor) variance

Each resample draws U units with replacement and gives t* = (R* - R) / SE*. The quantiles of |t*|, in place of the normal's,
make up for few units and for skewness, where the percentile bootstrap is too narrow. Of fewer than about ten units there are
too few different resamples; so they are never taken to be smaller than Student's. Any other smooth statistic is treated
alike, by each row's influence on it.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 12.5 (studentised), chapter 11 (jackknife).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""counts (m, n), how often each row is drawn, to the statistic's values (m,). From each row's sufficient statistics S (n, k)
it is computed as f(counts @ S), for all m resamples at once."""

CELLS = 4_000_000
"""Most cells of a matrix of draws at once: 32 MB of float64."""


def draws(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Matrices (m, n) whose rows say how often each of n units was drawn in a resample of n; the m add up to `resamples`."""
    generator = np.random.default_rng(seed)
    step = max(1, CELLS // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = generator.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def add_up(values: Floats, clusters: Sequence[Hashable] | None) -> Floats:
    """Sums (U, ...) of `values` (n, ...) over each cluster, in the order in which the clusters first occur."""
    if clusters is None:
        return values
    codes: dict[Hashable, int] = {}
    index = np.fromiter((codes.setdefault(name, len(codes)) for name in clusters), dtype=np.intp, count=len(clusters))
    sums = np.zeros((len(codes), *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums


def ratio(x: Floats, w: Floats) -> tuple[Floats, Floats]:
    """R (k,) and its standard error (k,) of x (U, k) over w (U, k), as the module says."""
    total = w.sum(axis=0)
    value = x.sum(axis=0) / total
    residual = x - value * w
    units = len(x)
    error = np.sqrt(units / max(1, units - 1) * (residual**2).sum(axis=0)) / total
    return value, error


def studentised(x: Floats, w: Floats, resamples: int, seed: int) -> Floats:
    """t* (resamples, k) of x (U, k) over w (U, k).

    One unit's worth of the sample's own variance is added to each resample's: where most units are equal, a resample that
    draws only those would have no spread, and t* no bound.
    """
    value, error = ratio(x, w)
    units = len(x)
    # The residuals, not x: their sums are small, so the squares below lose no digits to cancellation.
    e = x - value * w
    columns = np.hstack([e, w, e * e, e * w, w * w])
    prior = (error * w.sum(axis=0)) ** 2 / units
    found = []
    for counts in draws(units, resamples, seed):
        se, sw, see, sew, sww = np.split(counts @ columns, 5, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = se / sw
            spread = np.maximum(see - 2 * shift * sew + shift**2 * sww, 0) * units / max(1, units - 1)
            mixed = ((units - 1) * spread + prior * units) / units
            t = shift * sw / np.sqrt(mixed)
        found.append(np.nan_to_num(t, nan=0.0, posinf=np.inf, neginf=-np.inf))
    return np.concatenate(found)


def reach(t: Floats, units: int, confidence: float) -> float:
    """How many standard errors an interval reaches: the quantile of |t*| (resamples,), and at least Student's."""
    from scipy.special import stdtrit  # Student's quantile, without the second that scipy.stats takes to import

    return max(float(np.quantile(np.abs(t), confidence)), float(stdtrit(units - 1, (1 + confidence) / 2)))


LARGE = 2_000
"""Rows beyond which resamples are no longer studentised: the normal limit holds, and leaving out row by row is slow."""


def linearised(statistic: Statistic, n: int, resamples: int, seed: int) -> tuple[float, float, Floats]:
    """The statistic on all rows, its standard error, and t* (resamples,).

    With each row's influence u_i, (n - 1) times how far the statistic falls when the row is left out, centred::

        SE² = sum(u_i²) / (n (n - 1))        SE*²: the same over the rows drawn, mixed with 1/n of SE², as in `studentised`

    Resamples on which the statistic is not finite are left out.
    """
    value = float(np.asarray(statistic(np.ones((1, n))))[0])
    if n > LARGE:
        values = np.concatenate([statistic(counts) for counts in draws(n, resamples, seed)])
        values = values[np.isfinite(values)]
        error = float(values.std(ddof=1))
        return value, error, (values - value) / error if error else np.zeros(len(values))
    pull = (n - 1) * _leave_one_out(statistic, n)
    error = float(np.sqrt((pull**2).sum() / (n * (n - 1))))
    columns = np.stack([pull, pull**2], axis=1)
    found = []
    for counts in draws(n, resamples, seed):
        sums, squares = (counts @ columns).T
        values = np.asarray(statistic(counts), dtype=np.float64)
        spread = np.maximum(squares - sums**2 / n, 0) / (n * (n - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (values - value) / np.sqrt(spread * (n - 1) / n + error**2 / n)
        # 0 / 0: no row pulls, and the resample is where the sample is.
        found.append(np.where(np.isfinite(t), t, 0.0)[np.isfinite(values)])
    t = np.concatenate(found)
    return value, error, t if len(t) else np.zeros(1)


def _leave_one_out(statistic: Statistic, n: int) -> Floats:
    """Mean of the leave-one-out values minus each of them, (n,); 0 where a value is not finite."""
    step = max(1, CELLS // n)
    found = []
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        counts = np.ones((len(rows), n))
        counts[np.arange(len(rows)), rows] = 0
        found.append(statistic(counts))
    left_out = np.concatenate(found)
    finite = np.isfinite(left_out)
    pull = np.where(finite, left_out[finite].mean() if finite.any() else 0.0, 0.0) - np.where(finite, left_out, 0.0)
    return np.asarray(pull, dtype=np.float64)
