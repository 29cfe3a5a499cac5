from __future__ import annotations

import pytest

from afinar.errors import DataError
from afinar.metrics.classification import classification_metrics, confusion_matrix


def test_metrics_of_a_case_worked_by_hand():
    # class 0: TP 2, FP 1, FN 1 (precision 2/3, recall 2/3); class 1: TP 1, FP 1, FN 1 (1/2, 1/2)
    metrics = classification_metrics([0, 0, 0, 1, 1], [0, 0, 1, 0, 1])
    weighted, macro = (3 * (2 / 3) + 2 * (1 / 2)) / 5, (2 / 3 + 1 / 2) / 2
    assert metrics == pytest.approx(
        {
            "accuracy": 3 / 5,
            **dict.fromkeys(("precision", "recall", "f1"), weighted),
            **{f"{name}_macro": macro for name in ("precision", "recall", "f1")},
            "mcc": (5 * 3 - (3 * 3 + 2 * 2)) / (25 - 13),
        }
    )


def test_a_missed_rare_class_shows_in_the_macro_average():
    metrics = classification_metrics([0] * 9 + [1], [0] * 10)
    assert metrics["accuracy"] == 0.9
    assert metrics["f1_macro"] == pytest.approx((18 / 19 + 0) / 2)
    assert metrics["f1_macro"] < metrics["f1"]


def test_confusion_matrix_has_a_row_and_a_column_for_each_class():
    assert confusion_matrix([0, 1, 1], [0, 0, 1], 3) == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_no_rows_is_an_error():
    with pytest.raises(DataError, match="no row to evaluate"):
        classification_metrics([], [])


def test_rows_without_a_prediction_are_an_error():
    with pytest.raises(ValueError, match="2 labels, 1 predictions"):
        classification_metrics([0, 1], [0])
    with pytest.raises(ValueError, match="shorter"):
        confusion_matrix([0, 1], [0], 2)
