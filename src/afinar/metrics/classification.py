"""Accuracy, precision, recall, F1 and MCC of a classifier, as scikit-learn computes them, with their intervals.

For class c with true positives TP (`hits`), rows of that label (`support`) and rows given that label (`predicted`)::

    precision = TP / predicted      recall = TP / support      F1 = 2 TP / (support + predicted)

`precision`, `recall` and `f1` average the classes weighted by their rows (weighted recall is accuracy); `precision_macro`,
`recall_macro` and `f1_macro` average them equally, so that they fall when a rare class is missed. A ratio over nothing (a
class never predicted, for instance) counts as 0. As in scikit-learn, the averages run over the classes that occur as label
or prediction. `mcc` is Matthews' correlation between labels and predictions, -1 to 1, and 0 for a model that gives one label
to all rows, whatever its accuracy::

    mcc = (n Σ TP - Σ support·predicted) / sqrt((n² - Σ support²) (n² - Σ predicted²))

Shapes: R resamples (or any leading axes), C classes. Sources: Gorodkin 2004, Computational Biology and Chemistry 28 (MCC of
several classes); Flores et al. 2022, Entropy 24(5) (Wilson's interval for F1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afinar.errors import DataError
from afinar.metrics.intervals import wilson

AVERAGES = ("precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro", "mcc")


def classification_metrics(labels: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """`accuracy` and the :data:`AVERAGES` of class indices, row by row.

    Raises DataError without rows, ValueError if the two differ in length.
    """
    columns = ClassCounts.of(labels, predictions)
    scores = class_scores(columns.hits.sum(0), columns.support.sum(0), columns.predicted.sum(0))
    return {name: float(value) for name, value in scores.items()}


def class_scores(hits_RC: np.ndarray, support_RC: np.ndarray, predicted_RC: np.ndarray) -> dict[str, np.ndarray]:
    """`accuracy` and the :data:`AVERAGES` of counts by class, one (R,) array each."""
    hits, support, predicted = (np.asarray(counts, dtype=np.float64) for counts in (hits_RC, support_RC, predicted_RC))
    rows = support.sum(-1)
    present = support + predicted > 0
    by_class = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + predicted),
    }
    weighted = {name: _ratio((values * support).sum(-1), rows) for name, values in by_class.items()}
    macro = {f"{name}_macro": _ratio(values.sum(-1), present.sum(-1)) for name, values in by_class.items()}
    covariance = rows * hits.sum(-1) - (support * predicted).sum(-1)
    variances = (rows**2 - (support**2).sum(-1)) * (rows**2 - (predicted**2).sum(-1))
    return {"accuracy": _ratio(hits.sum(-1), rows), **weighted, **macro, "mcc": _ratio(covariance, np.sqrt(variances))}


@dataclass(frozen=True)
class ClassCounts:
    """What each row adds to the counts of each class, all (N, C) of 0 and 1: enough for every metric of any resample."""

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray

    @staticmethod
    def of(labels: Sequence[int] | np.ndarray, predictions: Sequence[int] | np.ndarray) -> ClassCounts:
        """The columns of the classes that occur. Raises DataError without rows, ValueError if the two differ in length."""
        if len(labels) != len(predictions):
            raise ValueError(f"{len(labels)} labels, {len(predictions)} predictions; expected as many.")
        if len(labels) == 0:
            raise DataError("evaluation.no_rows")
        classes = np.union1d(labels, predictions)
        support = np.asarray(labels)[:, None] == classes
        predicted = np.asarray(predictions)[:, None] == classes
        return ClassCounts(support & predicted, support, predicted)


@dataclass(frozen=True)
class ClassReport:
    """One class: its figures with 95% intervals, and the rows that they rest on.

    support: rows with this label, the n of recall. predicted: rows given it, the n of precision. A ratio over no row is 0, as
    in scikit-learn, and its interval is None: nothing is known.
    """

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float
    precision_interval: tuple[float, float] | None
    recall_interval: tuple[float, float] | None
    f1_interval: tuple[float, float] | None


def class_reports(labels: Sequence[int], predictions: Sequence[int], label_names: Sequence[str]) -> list[ClassReport]:
    """A report for each class of `label_names`, also for one that does not occur.

    The intervals are Wilson's. F1 is a growing function of J = TP / (rows with this label or given it), F1 = 2J / (1 + J), so
    its interval is that of the share J, carried over.
    Raises IndexError for a class without a name.
    """
    matrix = np.array(confusion_matrix(labels, predictions, len(label_names))).reshape(len(label_names), -1)
    return [_report(name, matrix, place) for place, name in enumerate(label_names)]


def _report(label: str, matrix: np.ndarray, place: int) -> ClassReport:
    hits, support, predicted = (int(n) for n in (matrix[place, place], matrix[place].sum(), matrix[:, place].sum()))
    either = support + predicted - hits
    shares = [_share(hits, predicted), _share(hits, support), _share(hits, either)]
    values = [value for value, _ in shares]
    intervals = [interval for _, interval in shares]
    return ClassReport(
        label,
        support,
        predicted,
        precision=values[0],
        recall=values[1],
        f1=_f1_of_overlap(values[2]),
        precision_interval=intervals[0],
        recall_interval=intervals[1],
        f1_interval=None if intervals[2] is None else (_f1_of_overlap(intervals[2][0]), _f1_of_overlap(intervals[2][1])),
    )


def confusion_matrix(labels: Sequence[int], predictions: Sequence[int], n_classes: int) -> list[list[int]]:
    """Counts of rows, `[label][prediction]`, with a row and a column for every class, also for those that do not occur."""
    counts = [[0] * n_classes for _ in range(n_classes)]
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label][prediction] += 1
    return counts


def _share(part: int, whole: int) -> tuple[float, tuple[float, float] | None]:
    return (part / whole, wilson(part, whole)) if whole else (0.0, None)


def _f1_of_overlap(share: float) -> float:
    return 2 * share / (1 + share)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Element by element, 0 over nothing."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
