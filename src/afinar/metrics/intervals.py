"""How uncertain a measured number is, given that the held-out rows are a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist

import numpy as np

from afinar.metrics.perplexity import perplexity
from afinar.metrics.resampling import Floats, add_up, draws, ratio, studentised

Statistic = Callable[[Floats], Floats]
"""counts (m, n), how often each row is drawn, to the statistic's values (m,). From each row's sufficient statistics S (n, k)
it is computed as f(counts @ S), for all m resamples at once."""


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
    """Studentised bootstrap interval for a mean, or with `weights` for sum(values) / sum(weights).

    values (n,); with weights they are per-row sums, such as a document's summed losses over its tokens. clusters (n,): rows of
    one cluster (the expansions of a case, the sentences of a document) depend on each other and are drawn together.
    A single unit has no measurable uncertainty: (-inf, inf).

    Raises ValueError if lengths differ or the weights sum to nothing.
    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 12.5; :mod:`afinar.metrics.resampling`.
    """
    x, w = units(values, weights, clusters)
    if len(x) < 2:
        return -math.inf, math.inf
    value, error = ratio(x, w)
    t = studentised(x, w, resamples, seed)
    tail = (1 - confidence) / 2
    below, above = np.quantile(t[:, 0], [tail, 1 - tail])
    return float(value[0] - above * error[0]), float(value[0] - below * error[0])


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
    statistic: Statistic, n: int, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bias-corrected and accelerated (BCa) bootstrap interval over n rows, widened for few rows.

    statistic: see :data:`Statistic`. Acceleration and bias as in Efron; the normal quantile is replaced by
    sqrt(n / (n - 1)) · t(n - 1), because resamples of n rows spread by sqrt((n - 1) / n) too little, and by a variance that is
    itself estimated (Hesterberg). One row has no measurable uncertainty: (-inf, inf).

    Raises ValueError unless n >= 1.
    Source: Efron 1987, Journal of the American Statistical Association 82(397); Hesterberg 2015, The American Statistician
    69(4), section 4.
    """
    if n < 1:
        raise ValueError(f"n={n}; expected >= 1.")
    if n == 1:
        return -math.inf, math.inf
    from scipy import stats

    values, bias, acceleration = bootstrap(statistic, n, resamples, seed)
    reach = math.sqrt(n / (n - 1)) * stats.t.ppf((1 + confidence) / 2, n - 1)
    z = bias + np.array([-reach, reach])
    levels = stats.norm.cdf(bias + z / (1 - acceleration * z))
    low, high = np.quantile(values, np.clip(levels, 0, 1))
    return float(low), float(high)


def bootstrap(statistic: Statistic, n: int, resamples: int, seed: int) -> tuple[Floats, float, float]:
    """The statistic on each resample, with BCa's bias correction z0 and acceleration a (from the jackknife)."""
    from scipy import stats

    estimate = float(statistic(np.ones((1, n)))[0])
    values = np.concatenate([statistic(counts) for counts in draws(n, resamples, seed)])
    values = values[np.isfinite(values)]
    # Ties count half, or a statistic with few values would look biased.
    below = (np.sum(values < estimate) + np.sum(values == estimate) / 2) / len(values)
    bias = float(stats.norm.ppf(np.clip(below, 1 / (2 * len(values)), 1 - 1 / (2 * len(values)))))
    influence = jackknife(statistic, n)
    cubes, squares = np.sum(influence**3), np.sum(influence**2)
    acceleration = float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0
    return values, bias, acceleration


def jackknife(statistic: Statistic, n: int) -> Floats:
    """How far each row pulls the statistic up: mean of the leave-one-out values minus each, (n,)."""
    step = max(1, 4_000_000 // n)
    blocks = []
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        counts = np.ones((len(rows), n))
        counts[np.arange(len(rows)), rows] = 0
        blocks.append(statistic(counts))
    left_out = np.nan_to_num(np.concatenate(blocks))
    pulls: Floats = left_out.mean() - left_out
    return pulls


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
