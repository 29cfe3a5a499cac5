"""Classification metrics equal scikit-learn's, from the predictions that a run writes down."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report, confusion_matrix, log_loss, matthews_corrcoef

from afinar.data.collate import Collator
from afinar.evaluation.classify import evaluate_classifier
from afinar.metrics.classification import classification_metrics
from afinar.metrics.classification import confusion_matrix as our_confusion_matrix
from afinar.models.heads import classify
from tests.evaluation.rows import LABELS, class_rows
from tests.tiny import tiny_model

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def report(labels: list, predictions: list) -> dict[str, float]:
    """scikit-learn's own report, under our names."""
    theirs = classification_report(labels, predictions, output_dict=True, zero_division=0)
    weighted = theirs["weighted avg"]
    return {
        "accuracy": sum(a == b for a, b in zip(labels, predictions, strict=True)) / len(labels),
        "precision": weighted["precision"],
        "recall": weighted["recall"],
        "f1": weighted["f1-score"],
        **{f"{name}_macro": theirs["macro avg"][name] for name in ("precision", "recall")},
        "f1_macro": theirs["macro avg"]["f1-score"],
        "mcc": matthews_corrcoef(labels, predictions),
    }


@settings(max_examples=60)
@given(ROWS)
def test_metrics_equal_the_classification_report(rows):
    labels, predictions = [label for label, _ in rows], [prediction for _, prediction in rows]
    assert classification_metrics(labels, predictions) == pytest.approx(report(labels, predictions))
    assert our_confusion_matrix(labels, predictions, 4) == confusion_matrix(labels, predictions, labels=range(4)).tolist()


def test_an_evaluated_model_agrees_with_its_written_predictions():
    model = classify(tiny_model("llama", "classification", num_labels=3))
    metrics, predictions = evaluate_classifier(model, class_rows(60), Collator(0), batch_tokens=64)
    labels, predicted = [p["label"] for p in predictions], [p["prediction"] for p in predictions]
    expected = report(labels, predicted)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    probabilities = [[p["probabilities"][name] for name in LABELS] for p in predictions]
    assert metrics["loss"] == pytest.approx(log_loss(labels, probabilities, labels=list(LABELS)))
