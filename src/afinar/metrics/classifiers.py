"""All figures of a classifier on labelled rows, with 95% intervals and n; and two classifiers on the same rows compared.

| metric | interval | comparison |
| --- | --- | --- |
| `accuracy`, weighted `recall` | Wilson | exact McNemar |
| `precision`, `f1`, macro averages, `mcc` | :func:`average_intervals` | paired bootstrap |
| `loss`, `brier` | studentised bootstrap of the mean | sign flips of the rows' differences |
| `overconfidence` | studentised bootstrap of the mean | none: it has no better direction |
| `ece` | :func:`~afinar.metrics.calibration.error_interval` | none, see below |
| `aurc` | the same, of each row's influence | sign flips of the same |

`loss` is the mean of -ln p(label) in nats.

Two calibration errors are not tested against each other. What an `ece` shows too much depends on how the confidences are
spread, so that a paired bootstrap told two perfectly calibrated classifiers apart in 15 to 25% of simulations (n = 60 to 600).
`loss` and `brier` are proper scores: they fall when probabilities become more right, and are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from afinar.errors import DataError
from afinar.metrics import abstaining, calibration
from afinar.metrics.classification import AVERAGES, ClassCounts, class_scores
from afinar.metrics.difference import FLIPS_TO_TELL, Difference
from afinar.metrics.intervals import mean_interval, wilson
from afinar.metrics.paired import compare_flips, compare_means, compare_statistic

COMPARED = tuple(name for name in AVERAGES if name != "recall")
"""Averages with a comparison of their own; weighted recall is accuracy."""


@dataclass(frozen=True)
class Classified:
    """N rows with their labels (N,) and a model's probabilities (N, C); losses (N,) are -ln p(label) in nats."""

    labels: np.ndarray
    probabilities: np.ndarray
    losses: np.ndarray

    @staticmethod
    def of(labels: Sequence[int], probabilities_NC: ArrayLike, losses: ArrayLike | None = None) -> Classified:
        """losses: where they are known with more digits than a probability close to 0 has.

        Raises DataError without rows, ValueError where the shapes do not agree.
        """
        wanted, probabilities = np.asarray(labels, dtype=np.intp), np.asarray(probabilities_NC, dtype=np.float64)
        if len(wanted) == 0:
            raise DataError("evaluation.no_rows")
        if probabilities.ndim != 2 or len(wanted) != len(probabilities):
            raise ValueError(f"{len(wanted)} labels, probabilities of shape {probabilities.shape}; expected (rows, classes).")
        if losses is None:
            with np.errstate(divide="ignore"):
                losses = -np.log(probabilities[np.arange(len(wanted)), wanted])
        return Classified(wanted, probabilities, np.asarray(losses, dtype=np.float64))

    @property
    def predictions(self) -> np.ndarray:
        """The most likely class of each row, the first of equals."""
        return self.probabilities.argmax(1)

    @property
    def confidences(self) -> np.ndarray:
        """The probability of the prediction."""
        return self.probabilities.max(1)

    @property
    def correct(self) -> np.ndarray:
        """Whether each row is right."""
        return self.predictions == self.labels

    @property
    def finite(self) -> bool:
        """Whether the model gave numbers for all rows: what rests on probabilities has no value otherwise."""
        return bool(np.isfinite(self.probabilities).all() and np.isfinite(self.losses).all())


def classifier_metrics(rows: Classified, *, seed: int = 0) -> dict[str, float]:
    """Every metric of the module with `_low` and `_high`, and `n` rows; all flat.

    An interval of no width is left out, as is that of a single row, except Wilson's: it would seem certain. Of a model that
    gives NaN, or 0 for a right label, `loss` is what it is, and what else needs probabilities is left out.
    """
    n, correct = len(rows.labels), rows.correct
    share = wilson(int(correct.sum()), n)
    columns = ClassCounts.of(rows.labels, rows.predictions)
    values = class_scores(columns.hits.sum(0), columns.support.sum(0), columns.predicted.sum(0))
    metrics = {"loss": float(rows.losses.mean())}
    metrics |= _with_interval("accuracy", float(values["accuracy"]), share)
    around = average_intervals(rows.labels, rows.predictions, seed=seed) | {"recall": share}
    for name in AVERAGES:
        metrics |= _with_interval(name, float(values[name]), around[name])
    return {**metrics, **(_of_probabilities(rows, seed) if rows.finite else {}), "n": n}


def average_intervals(
    labels: Sequence[int] | np.ndarray,
    predictions: Sequence[int] | np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Intervals of the averages over classes: a Bayesian bootstrap over rows.

    Rows get random weights, and so does one right and one wrong row that nobody saw, spread evenly over the classes. Rows of
    the same label and prediction are alike, so the weights of each cell (label, prediction) of the confusion matrix come
    from one draw::

        share of cell ~ Dirichlet(count + prior),   prior: 1 spread over the diagonal, 1 over the other cells

    The prior keeps a classifier without mistakes from seeming certain, which a plain bootstrap of its rows makes it: there
    every resample has the score 1. Where a class has only a few rows, the macro averages' intervals are still too narrow.

    Raises as :class:`ClassCounts` does. Source: Rubin 1981, Annals of Statistics 9(1); Caelen 2017, Annals of Mathematics and
    Artificial Intelligence 81 (Dirichlet for confusion matrices).
    """
    columns = ClassCounts.of(labels, predictions)
    counts_CC = columns.support.T.astype(np.float64) @ columns.predicted
    classes = len(counts_CC)
    own = np.eye(classes, dtype=bool)
    weights_CC = counts_CC + np.where(own, 1 / classes, 1 / max(1, classes * (classes - 1)))
    generator, found = np.random.default_rng(seed), []
    step = max(1, 4_000_000 // classes**2)
    for start in range(0, resamples, step):
        drawn = generator.gamma(weights_CC, size=(min(step, resamples - start), classes, classes))
        found.append(class_scores(np.diagonal(drawn, axis1=1, axis2=2), drawn.sum(2), drawn.sum(1)))
    estimate = class_scores(np.diagonal(counts_CC), counts_CC.sum(1), counts_CC.sum(0))
    tail = (1 - confidence) / 2
    intervals = {}
    for name in AVERAGES:
        low, high = np.quantile(np.concatenate([scores[name] for scores in found]), [tail, 1 - tail])
        # The prior pulls a score of 1 just below it; an interval that leaves its estimate out would puzzle.
        intervals[name] = (float(min(low, estimate[name])), float(max(high, estimate[name])))
    return intervals


def compare_classifiers(labels: Sequence[int], before: ArrayLike, after: ArrayLike, *, seed: int = 0) -> dict[str, Difference]:
    """after - before of every metric of the module, on the same rows.

    before, after (N, C): the probabilities that each model gives the same classes. What rests on probabilities is left out
    where one of the models gives NaN, or 0 for a right label.
    Raises DataError without rows, ValueError where the shapes do not agree.
    """
    was, now = Classified.of(labels, before), Classified.of(labels, after)
    if was.probabilities.shape != now.probabilities.shape:
        raise ValueError(f"{was.probabilities.shape} before, {now.probabilities.shape} after; expected the same classes.")
    found = {"accuracy": compare_flips(was.correct.tolist(), now.correct.tolist())}
    changed = int(np.sum(was.predictions != now.predictions))
    columns = [_columns(was), _columns(now)]
    for name in COMPARED:
        found[name] = _compare_average(name, columns, changed, seed)
    return found | (_compare_probabilities(was, now, seed) if was.finite and now.finite else {})


def _of_probabilities(rows: Classified, seed: int) -> dict[str, float]:
    """`loss`'s interval, and the metrics of calibration and abstaining."""
    sure, right, n = rows.confidences, rows.correct, len(rows.labels)
    aurc = _risks(rows)
    means = {"loss": rows.losses, "brier": _brier(rows), "overconfidence": sure - right}
    found: dict[str, float] = {}
    for name, values in means.items():
        found |= _with_interval(name, float(values.mean()), mean_interval(values, seed=seed))
    ece = calibration.expected_calibration_error(sure, right)
    found |= _with_interval("ece", ece, calibration.error_interval(sure, right, seed=seed))
    found["ece_mass"] = calibration.expected_calibration_error(sure, right, binning="mass")
    low, high = mean_interval(aurc, seed=seed)
    return found | _with_interval("aurc", float(aurc.mean()), (max(0.0, low), min(1.0, high)) if n > 1 else (low, high))


def _compare_average(name: str, columns: Sequence[np.ndarray], changed: int, seed: int) -> Difference:
    """columns: of each model, what its rows add to the counts by class, (N, 3, C)."""
    n = len(columns[0])

    def both(counts_RN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = [(counts_RN @ part.reshape(n, -1)).reshape(-1, *part.shape[1:]) for part in columns]
        before, after = (class_scores(*np.moveaxis(one, 1, 0))[name] for one in sums)
        return before, after

    return compare_statistic(both, n, changed=changed, seed=seed)


def _columns(rows: Classified) -> np.ndarray:
    counts = ClassCounts.of(rows.labels, rows.predictions)
    return np.stack([counts.hits, counts.support, counts.predicted], axis=1).astype(np.float64)


def _compare_probabilities(was: Classified, now: Classified, seed: int) -> dict[str, Difference]:
    rows = {
        "loss": (was.losses, now.losses),
        "brier": (_brier(was), _brier(now)),
        "aurc": (_risks(was), _risks(now)),
    }
    found = {
        name: compare_means(before.tolist(), after.tolist(), higher_is_better=False, seed=seed)
        for name, (before, after) in rows.items()
    }
    if np.any(was.probabilities != now.probabilities, axis=1).sum() < FLIPS_TO_TELL:
        # One changed row moves the risk that others are counted with: what changed are still too few rows.
        found["aurc"] = replace(found["aurc"], finding="too_few")
    return found


def _risks(rows: Classified) -> np.ndarray:
    return abstaining.row_risks(rows.confidences, rows.correct)


def _brier(rows: Classified) -> np.ndarray:
    return calibration.brier_scores(rows.probabilities, rows.labels)


def _with_interval(name: str, value: float, interval: tuple[float, float]) -> dict[str, float]:
    low, high = interval
    known = math.isfinite(low) and math.isfinite(high) and low < high
    return {name: value, **({f"{name}_low": low, f"{name}_high": high} if known else {})}
