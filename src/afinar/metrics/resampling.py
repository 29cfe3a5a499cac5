"""Bootstrap draws of units, and the studentised ratio of sums that every interval of a mean here rests on.

A mean over rows, a mean over clusters of rows and a token-weighted loss are one thing, a ratio of sums over independent units
u = 1..U (rows, or clusters added up)::

    R   = sum(x_u) / sum(w_u)                                     w_u: rows or tokens of the unit
    SE² = U / (U - 1) · sum((x_u - R w_u)²) / sum(w_u)²           linearised (Taylor) variance

Each resample draws U units with replacement and gives t* = (R* - R) / SE*. Its quantiles, in place of the normal's, make up
for few units and for skewness (Efron & Tibshirani 1993, section 12.5), where the percentile bootstrap is too narrow.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
