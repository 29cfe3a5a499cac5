"""Answering only where sure: what a classifier's accuracy becomes when it abstains below a threshold of confidence.

A threshold t keeps the rows with confidence >= t::

    coverage(t) = kept / n        accuracy(t) = right among kept / kept        risk(t) = 1 - accuracy(t)

`aurc`, the area under the risk-coverage curve, is the mean of the risk over all coverages 1/n .. 1, in the order of falling
confidence; rows of equal confidence share their mean, so that their order does not matter. Lower is better.

A threshold that was chosen where it looked best on some rows promises too much on others. So :func:`threshold_for` gives
two: the lowest that reaches the asked accuracy on these rows, and the lowest for which the rows prove it. The second tests the
thresholds in a fixed order, from sure to unsure, with exact binomial tests at 5%, and stops at the first that fails; then
the chance that its true accuracy is below the asked one is at most 5%, however many were tried.

Sources: El-Yaniv and Wiener 2010, JMLR 11; Geifman and El-Yaniv 2017, arXiv:1705.08500; Angelopoulos et al. 2021,
arXiv:2110.01052, section 2 (fixed-sequence testing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from afinar.errors import DataError
from afinar.metrics.intervals import wilson

STEPS = 20
"""Coverages at which a proof is tried: 5%, 10%, ..., 100%. Few, so that one unlucky row among the surest does not end it."""


LEVEL = 0.05
"""The chance that a proven threshold does not keep its promise."""


@dataclass(frozen=True)
class Kept:
    """What is left at a threshold: `kept` of `n` rows, their share `coverage` and the share right, `accuracy`.

    low, high of both: 95% intervals (Wilson).
    """

    threshold: float
    n: int
    kept: int
    coverage: float
    coverage_low: float
    coverage_high: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


@dataclass(frozen=True)
class Abstention:
    """Thresholds for an asked accuracy.

    reached: the lowest threshold whose rows here reach it, None where none does. proven: the lowest for which these rows are
    evidence at 5% that others will; None where there is none at this n.
    """

    asked: float
    reached: Kept | None
    proven: Kept | None


def coverage_curve(confidences: ArrayLike, correct: ArrayLike) -> list[Kept]:
    """A point for each distinct confidence as threshold, from the surest row alone to all rows.

    Raises DataError without rows, ValueError if the two differ in length.
    """
    sure, right, lasts = _ordered(confidences, correct)
    hits = np.cumsum(right)
    return [_kept(float(sure[last]), int(hits[last]), int(last) + 1, len(sure)) for last in lasts]


def aurc(confidences: ArrayLike, correct: ArrayLike) -> float:
    """Area under the risk-coverage curve, 0 to 1. Raises as :func:`coverage_curve`."""
    sure, right, lasts = _ordered(confidences, correct)
    k, w, above_k, above_w = _groups(right, lasts)
    return float((w + (above_w - above_k * w / k) * _span(above_k, k)).sum() / len(sure))


def row_risks(confidences: ArrayLike, correct: ArrayLike) -> np.ndarray:
    """What each row adds to `aurc`, (N,), in the order given: their mean is `aurc`, and their spread is its uncertainty.

    A wrong row counts in the risk at its own coverage and at all wider ones. The value of row j is the derivative of n · aurc
    by the weight of j (its influence), shifted so that the mean is exact. Raises as :func:`coverage_curve`.
    """
    sure, right, lasts = _ordered(confidences, correct)
    k, w, above_k, above_w = _groups(right, lasts)
    within, span = w / k, _span(above_k, k)
    rise = above_w - above_k * within
    by_k = above_k * within / k * span + rise / (above_k + k)
    by_w = 1 - above_k / k * span
    # What one more row above a group changes in it: its coverage by one, its wrong rows above by one if that row is wrong.
    by_above = -within * span - rise * _inverse_squares(above_k, k)
    below, below_wrong = (np.cumsum(values[::-1])[::-1] - values for values in (by_above, span))
    group = np.repeat(np.arange(len(k)), k.astype(int))
    risks = (by_k + below)[group] + (by_w + below_wrong)[group] * (1 - right)
    found = np.empty(len(sure))
    found[np.argsort(-np.asarray(confidences, dtype=np.float64), kind="stable")] = risks
    return found - found.mean() + aurc(confidences, correct)


def _groups(right: np.ndarray, lasts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each group of rows of one confidence: its k rows and w wrong ones, and the K rows and W wrong ones above it.

    On the mean over the orders of its rows, the group adds the sum over j = 1..k of (W + j w / k) / (K + j) to n · aurc, which
    is w + (W - K w / k) · span, with the span 1 / (K + 1) + ... + 1 / (K + k).
    """
    k = np.diff(lasts, prepend=-1).astype(np.float64)
    wrong = np.cumsum(1 - right)[lasts]
    w = np.diff(wrong, prepend=0.0)
    return k, w, np.cumsum(k) - k, wrong - w


def _span(above_k: np.ndarray, k: np.ndarray) -> np.ndarray:
    return _between(1 / np.arange(1, int(k.sum()) + 1), above_k, k)


def _inverse_squares(above_k: np.ndarray, k: np.ndarray) -> np.ndarray:
    return _between(1 / np.arange(1, int(k.sum()) + 1) ** 2, above_k, k)


def _between(terms: np.ndarray, above_k: np.ndarray, k: np.ndarray) -> np.ndarray:
    sums = np.append(0, np.cumsum(terms))
    return sums[(above_k + k).astype(int)] - sums[above_k.astype(int)]


def threshold_for(confidences: ArrayLike, correct: ArrayLike, accuracy: float) -> Abstention:
    """The thresholds for an asked `accuracy`, above 0 and at most 1. Raises as :func:`coverage_curve`; ValueError outside."""
    if not 0 < accuracy <= 1:
        raise ValueError(f"accuracy={accuracy}; expected above 0 and at most 1.")
    curve = coverage_curve(confidences, correct)
    reached = [point for point in curve if point.accuracy >= accuracy]
    return Abstention(accuracy, max(reached, key=lambda point: point.kept, default=None), _proven(curve, accuracy))


def _proven(curve: list[Kept], accuracy: float) -> Kept | None:
    proven = None
    for point in _stations(curve, accuracy):
        if not _is_evidence(round(point.accuracy * point.kept), point.kept, accuracy):
            break
        proven = point
    return proven


def _stations(curve: list[Kept], accuracy: float) -> list[Kept]:
    """The points at which a proof is tried: by coverage alone, never by what is right, or the test would not hold."""
    provable = [point for point in curve if accuracy**point.kept <= LEVEL]  # else not even rows that are all right prove it
    wanted = [step / STEPS for step in range(1, STEPS + 1)]
    found = [next(point for point in provable if point.coverage >= share) for share in wanted] if provable else []
    return list(dict.fromkeys(found))


def _is_evidence(right: int, n: int, accuracy: float) -> bool:
    """Whether `right` of n rows would be a surprise (at most 5%) if the true accuracy were below the asked one."""
    from scipy.stats import binom

    return bool(binom.sf(right - 1, n, accuracy) <= LEVEL)


def _kept(threshold: float, hits: int, kept: int, n: int) -> Kept:
    return Kept(threshold, n, kept, kept / n, *wilson(kept, n), hits / kept, *wilson(hits, kept))


def _ordered(confidences: ArrayLike, correct: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences and outcomes from sure to unsure, and the last place of each distinct confidence."""
    sure, right = np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if sure.shape != right.shape:
        raise ValueError(f"{sure.shape} confidences, {right.shape} outcomes; expected as many.")
    if sure.size == 0:
        raise DataError("evaluation.no_rows")
    order = np.argsort(-sure, kind="stable")
    sure, right = sure[order], right[order]
    return sure, right, np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
