"""All figures of generated answers, with 95% intervals and n; and two models' answers to the same prompts compared.

| metric | interval | comparison |
| --- | --- | --- |
| `exact_match` | Wilson | exact McNemar |
| `rouge1`, `rouge2`, `rougeL`, `token_f1` | studentised bootstrap of the mean | sign flips of the rows' differences |
| `bleu`, `chrf` | studentised bootstrap over rows | paired bootstrap (Koehn 2004) |

The corpus measures are resampled from each row's counts (:mod:`afinar.metrics.overlap`), so that a thousand resamples cost one
product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from afinar.metrics.difference import Difference
from afinar.metrics.generation import References, composed, row_scores
from afinar.metrics.intervals import bootstrap_interval, mean_interval, wilson
from afinar.metrics.overlap import bleu_counts, bleu_of_counts, chrf_counts, chrf_of_counts
from afinar.metrics.paired import compare_flips, compare_means, compare_statistic
from afinar.metrics.token_f1 import ArticleLanguage

Count = Callable[[Sequence[str], Sequence[Sequence[str]]], np.ndarray]
Score = Callable[[np.ndarray], np.ndarray]

CORPUS: dict[str, tuple[Count, Score]] = {"bleu": (bleu_counts, bleu_of_counts), "chrf": (chrf_counts, chrf_of_counts)}
"""How to count a row, and how to score summed counts."""

_RANGE = (0.0, 100.0)


def answer_metrics(
    predictions: Sequence[str], references: References, *, language: ArticleLanguage = "pt+en", seed: int = 0
) -> dict[str, float]:
    """Every metric of the module with `_low` and `_high`, and `n` rows; all flat.

    An interval of no width is left out (one row; or all rows of a corpus score alike): it would seem certain.
    Raises as :func:`~afinar.metrics.generation.generation_metrics`.
    """
    texts, groups = composed(predictions, references)
    metrics: dict[str, float] = {}
    for name, (count, score) in CORPUS.items():
        counts_NK = count(texts, groups)
        interval = bootstrap_interval(_resampled(score, counts_NK), len(texts), bounds=_RANGE, seed=seed)
        metrics |= _with_interval(name, float(score(counts_NK.sum(0)[None])[0]), interval)
    for name, values in row_scores(texts, groups, language=language).items():
        metrics |= _with_interval(name, float(values.mean()), _mean_interval(name, values, seed))
    if len(texts) == 1:  # only Wilson's interval knows something about a single row
        metrics = {
            name: value for name, value in metrics.items() if not name.endswith(("_low", "_high")) or name.startswith("exact")
        }
    return metrics | {"n": len(texts)}


def compare_answers(
    references: References,
    before: Sequence[str],
    after: Sequence[str],
    *,
    language: ArticleLanguage = "pt+en",
    seed: int = 0,
) -> dict[str, Difference]:
    """after - before of every metric of the module, over answers to the same prompts.

    Raises as :func:`~afinar.metrics.generation.generation_metrics`.
    """
    was, groups = composed(before, references)
    now, _ = composed(after, references)
    changed = sum(one != other for one, other in zip(was, now, strict=True))
    found = {}
    for name, (count, score) in CORPUS.items():
        both = _both(_resampled(score, count(was, groups)), _resampled(score, count(now, groups)))
        found[name] = compare_statistic(both, len(was), changed=changed, seed=seed)
    first, second = (row_scores(texts, groups, language=language) for texts in (was, now))
    for name in first:
        if name == "exact_match":
            found[name] = compare_flips((first[name] > 0).tolist(), (second[name] > 0).tolist())
        else:
            found[name] = compare_means(first[name].tolist(), second[name].tolist(), seed=seed)
    return found


def _resampled(score: Score, counts_NK: np.ndarray) -> Score:
    return lambda draws_RN: score(draws_RN @ counts_NK)


def _both(first: Score, second: Score) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return lambda draws_RN: (first(draws_RN), second(draws_RN))


def _mean_interval(name: str, values: np.ndarray, seed: int) -> tuple[float, float]:
    """For a mean of values in [0, 1]. Where all rows are at one end, Wilson's: no other values vary more than 0 and 1."""
    if name == "exact_match" or values.max() == 0 or values.min() == 1:
        return wilson(int(values.sum()), len(values))
    low, high = mean_interval(values, seed=seed)
    return max(0.0, low), min(1.0, high)


def _with_interval(name: str, value: float, interval: tuple[float, float]) -> dict[str, float]:
    low, high = interval
    known = math.isfinite(low) and math.isfinite(high) and low < high
    return {name: value, **({f"{name}_low": low, f"{name}_high": high} if known else {})}
