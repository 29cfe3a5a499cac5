"""BLEU and chrF from sums over rows, so that any resample of the rows has its corpus score without counting n-grams again.

Both are functions of counts that add up over rows. BLEU of the clipped n-gram matches m_k of t_k n-grams, k = 1..4, and the
lengths c of the predictions and r of the references, in tokens::

    BLEU = 100 · min(1, e^(1 - r / c)) · (Π m_k / t_k)^(1/4)

where the i-th order without a match has 1 / 2^i in place of m_k. chrF of the character n-grams without blanks that the
predictions (h_k), the references (r_k) and both (m_k) have, k = 1..6, with P and R the means of m_k / h_k and m_k / r_k over
the orders that occur::

    chrF = 100 · (1 + 2²) P R / (2² P + R)

Shapes: N rows, R resamples. Sources: Papineni et al. 2002; Popović 2015; sacrebleu's defaults (Post 2018, arXiv:1804.08771),
which the sums give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

BLEU_ORDERS, CHRF_ORDERS = 4, 6


def bleu_counts(predictions: Sequence[str], groups: Sequence[Sequence[str]]) -> np.ndarray:
    """What each row adds, (N, 10): four m_k, four t_k, c and r. groups: the references of each prediction."""
    from sacrebleu.metrics import BLEU

    scorer = BLEU(effective_order=True)  # changes a sentence's score, not its counts
    scores = [scorer.sentence_score(prediction, list(group)) for prediction, group in zip(predictions, groups, strict=True)]
    return np.array([[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in scores], dtype=np.float64)


def bleu_of_counts(sums_RK: np.ndarray) -> np.ndarray:
    """BLEU (R,), 0 to 100, of summed counts (R, 10)."""
    matches, totals = sums_RK[:, :BLEU_ORDERS], sums_RK[:, BLEU_ORDERS : 2 * BLEU_ORDERS]
    length, wanted = sums_RK[:, -2], sums_RK[:, -1]
    unmatched = (matches == 0) & (totals > 0)
    counted = np.where(unmatched, 0.5 ** np.cumsum(unmatched, axis=1), matches)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(counted / totals)
        brevity = np.where(length < wanted, np.exp(1 - wanted / length), 1.0)
        score = 100 * np.nan_to_num(brevity) * np.exp(np.log(precision).mean(1))
    return np.where(matches.any(1), score, 0.0)


def chrf_counts(predictions: Sequence[str], groups: Sequence[Sequence[str]]) -> np.ndarray:
    """What each row adds, (N, 18): six h_k, six r_k, six m_k, of the reference that it comes closest to."""
    rows = []
    for prediction, group in zip(predictions, groups, strict=True):
        answer = _character_ngrams(prediction)
        candidates = np.array([_shared(answer, _character_ngrams(reference)) for reference in group], dtype=np.float64)
        rows.append(candidates[int(chrf_of_counts(candidates).argmax())])
    return np.array(rows)


def chrf_of_counts(sums_RK: np.ndarray) -> np.ndarray:
    """chrF (R,), 0 to 100, of summed counts (R, 18)."""
    predicted, wanted, matches = np.split(sums_RK, 3, axis=1)
    occurs = (predicted > 0) & (wanted > 0)
    orders = np.maximum(occurs.sum(1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(occurs, matches / predicted, 0).sum(1) / orders
        recall = np.where(occurs, matches / wanted, 0).sum(1) / orders
        score = 500 * precision * recall / (4 * precision + recall)
    return np.nan_to_num(score)


def _character_ngrams(text: str) -> list[Counter[str]]:
    packed = "".join(text.split())
    return [Counter(packed[i : i + k] for i in range(len(packed) - k + 1)) for k in range(1, CHRF_ORDERS + 1)]


def _shared(answer: list[Counter[str]], reference: list[Counter[str]]) -> list[int]:
    wanted = [grams.total() for grams in reference]
    # As in sacrebleu, n-grams of an order that the reference is too short for are no mistakes.
    predicted = [grams.total() if n else 0 for grams, n in zip(answer, wanted, strict=True)]
    return [*predicted, *wanted, *((a & b).total() for a, b in zip(answer, reference, strict=True))]
