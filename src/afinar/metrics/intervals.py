"""How uncertain a measured number is, given that the held-out rows are a sample."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np

from afinar.metrics.perplexity import perplexity
from afinar.metrics.resampling import Floats, Statistic, add_up, linearised, ratio, reach, studentised


def wilson(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share `correct / n`, such as accuracy.

    With p = correct / n and z the normal quantile of the confidence::

        (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Unlike p ± z sqrt(p(1-p)/n) it stays inside [0, 1] and does not collapse to a point where p is 0 or 1.

    Raises ValueError unless 0 <= correct <= n, n >= 1 and 0 < confidence < 1.
    Source: Wilson 1927, Journal of the American Statistical Association 22(158).
    """
    if not (0 <= correct <= n and n >= 1 and 0 < confidence < 1):
        raise ValueError(f"correct={correct}, n={n}, confidence={confidence}; expected 0 <= correct <= n, n >= 1, 0 < c < 1.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def mean_interval(
    values: Sequence[float] | Floats,
    *,
    weights: Sequence[float] | Floats | None = None,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Symmetric studentised bootstrap interval for a mean, or with `weights` for sum(values) / sum(weights).

    With R, SE and t* of :mod:`afinar.metrics.resampling`::

        R ± q · SE,   q the quantile of |t*| at the confidence, and at least Student's with U - 1 degrees of freedom

    values (n,); with weights they are per-row sums, such as a document's summed losses over its tokens. clusters (n,): rows of
    one cluster (the expansions of a case, the sentences of a document) depend on each other and are drawn together. For shares
    of right rows take :func:`wilson`. A single unit has no measurable uncertainty: (-inf, inf); and units that are all equal
    have none to measure: a point.

    Raises ValueError if lengths differ or the weights sum to nothing.
    Source: Hall 1988, Journal of the Royal Statistical Society B 50(1) (the coverage of the symmetric interval is off by
    O(1/n²), that of the percentile interval by O(1/n)). Measured in benchmarks/results/auditing.md.
    """
    x, w = units(values, weights, clusters)
    if len(x) < 2:
        return -math.inf, math.inf
    value, error = ratio(x, w)
    half = reach(studentised(x, w, resamples, seed), len(x), confidence) * float(error[0])
    return float(value[0]) - half, float(value[0]) + half


def units(
    values: Sequence[float] | Floats, weights: Sequence[float] | Floats | None, clusters: Sequence[Hashable] | None
) -> tuple[Floats, Floats]:
    """x (U, 1) and w (U, 1): rows, or clusters of rows, added up; those that weigh nothing are left out.

    Raises ValueError as :func:`mean_interval` does.
    """
    x = np.asarray(values, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(x) != len(w) or (clusters is not None and len(clusters) != len(x)):
        raise ValueError(f"{len(x)} values, {len(w)} weights, {len(clusters or x)} clusters; expected as many of each.")
    if len(w) == 0 or w.min() < 0 or w.sum() <= 0:
        raise ValueError(f"weights sum to {w.sum()}; expected none negative, and a positive sum.")
    both = add_up(np.stack([x, w], axis=1), clusters)
    both = both[both[:, 1] > 0]
    return both[:, :1], both[:, 1:]


def bootstrap_interval(
    statistic: Statistic,
    n: int,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Symmetric studentised bootstrap interval for any statistic of n rows, cut at its `bounds`, such as (0, 1) for F1.

    statistic: see :data:`Statistic`. The interval is that of :func:`mean_interval`, with the rows' influence (jackknife) on
    the statistic in place of their values. One row has no measurable uncertainty: the bounds; and where no row pulls the
    statistic anywhere (all rows right) there is none to measure: a point, which is not certainty.

    Raises ValueError unless n >= 1.
    Source: :func:`~afinar.metrics.resampling.linearised`; Hall 1988, as there.
    """
    if n < 1:
        raise ValueError(f"n={n}; expected >= 1.")
    if n == 1:
        return bounds
    value, error, t = linearised(statistic, n, resamples, seed)
    half = reach(t, n, confidence) * error
    return max(bounds[0], value - half), min(bounds[1], value + half)


def bootstrap_perplexity(
    document_losses: Sequence[float],
    document_tokens: Sequence[int],
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Studentised bootstrap interval for perplexity, resampling whole documents.

    Tokens of one document depend on each other, so documents are drawn, with replacement; the interval is that of the mean
    loss, sum of losses / sum of tokens, exponentiated at its ends. A single document: (0, inf).

    document_losses: summed negative log-likelihood of each document, in nats. document_tokens: its supervised tokens.
    Raises ValueError if the two differ in length or hold no token.
    Source: :func:`mean_interval`.
    """
    if len(document_losses) != len(document_tokens) or sum(document_tokens) < 1:
        raise ValueError(f"{len(document_losses)} losses, {len(document_tokens)} token counts; expected as many, with tokens.")
    low, high = mean_interval(document_losses, weights=document_tokens, confidence=confidence, resamples=resamples, seed=seed)
    return perplexity(low), perplexity(high)
