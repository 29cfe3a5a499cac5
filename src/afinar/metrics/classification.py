"""Accuracy, precision, recall and F1 of a classifier, as scikit-learn computes them.

For class c with true positives TP, false positives FP and false negatives FN::

    precision = TP / (TP + FP)      recall = TP / (TP + FN)      F1 = 2 TP / (2 TP + FP + FN)

`precision`, `recall` and `f1` average the classes weighted by their rows; `f1_macro` averages them equally, so that it falls
when a rare class is missed. A ratio over nothing (a class never predicted, for instance) counts as 0. As in scikit-learn, the
averages run over the classes that occur as label or prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

from afinar.errors import DataError


def classification_metrics(labels: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """`accuracy`, `precision`, `recall`, `f1` (weighted) and `f1_macro` of class indices, row by row.

    Raises DataError without rows, ValueError if the two differ in length.
    """
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    if len(labels) == 0:
        raise DataError("evaluation.no_rows")
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predictions, average="weighted", zero_division=0)
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "f1_macro": float(f1_score(labels, predictions, average="macro", zero_division=0)),
    }


def confusion_matrix(labels: Sequence[int], predictions: Sequence[int], n_classes: int) -> list[list[int]]:
    """Counts of rows, `[label][prediction]`, with a row and a column for every class, also for those that do not occur."""
    counts = [[0] * n_classes for _ in range(n_classes)]
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label][prediction] += 1
    return counts
