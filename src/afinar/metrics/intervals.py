"""How uncertain a measured number is, given that the held-out rows are a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from afinar.metrics.perplexity import perplexity


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


def bootstrap_perplexity(
    document_losses: Sequence[float],
    document_tokens: Sequence[int],
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval for perplexity, resampling whole documents.

    Tokens of one document depend on each other, so documents are drawn, with replacement, and each resample gives
    exp(sum of its losses / sum of its tokens).

    document_losses: summed negative log-likelihood of each document, in nats. document_tokens: its supervised tokens.
    Raises ValueError if the two differ in length or hold no token.
    Source: Efron 1979, Annals of Statistics 7(1).
    """
    if len(document_losses) != len(document_tokens) or sum(document_tokens) < 1:
        raise ValueError(f"{len(document_losses)} losses, {len(document_tokens)} token counts; expected as many, with tokens.")
    # Documents without a supervised token weigh nothing, and a resample made of them alone would have no mean.
    losses, tokens = np.array([(loss, n) for loss, n in zip(document_losses, document_tokens, strict=True) if n > 0]).T
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for index in range(resamples):
        drawn = generator.integers(len(tokens), size=len(tokens))
        means[index] = losses[drawn].sum() / tokens[drawn].sum()
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return perplexity(float(low)), perplexity(float(high))
