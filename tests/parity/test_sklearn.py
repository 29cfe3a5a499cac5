"""Classification metrics equal scikit-learn's, from the predictions that a run writes down."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    classification_report,
    confusion_matrix,
    log_loss,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from afinar.data.collate import Collator
from afinar.evaluation.classify import describe_classifier, evaluate_classifier
from afinar.metrics.calibration import BINS, expected_calibration_error, reliability
from afinar.metrics.classification import class_reports, class_scores, classification_metrics
from afinar.metrics.classification import confusion_matrix as our_confusion_matrix
from afinar.metrics.classifiers import Classified, classifier_metrics
from afinar.models.heads import classify
from tests.evaluation.rows import LABELS, class_rows
from tests.tiny import tiny_model

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
pytestmark = pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")


def report(labels: Any, predictions: Any) -> dict[str, float]:
    """scikit-learn's own report, under our names."""
    theirs = classification_report(labels, predictions, output_dict=True, zero_division=0)
    weighted, macro = theirs["weighted avg"], theirs["macro avg"]
    return {
        "accuracy": sum(a == b for a, b in zip(labels, predictions, strict=True)) / len(labels),
        "precision": weighted["precision"],
        "recall": weighted["recall"],
        "f1": weighted["f1-score"],
        "precision_macro": macro["precision"],
        "recall_macro": macro["recall"],
        "f1_macro": macro["f1-score"],
        "mcc": matthews_corrcoef(labels, predictions),
    }


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_metrics_equal_the_classification_report(rows):
    labels, predictions = [label for label, _ in rows], [prediction for _, prediction in rows]
    assert classification_metrics(labels, predictions) == pytest.approx(report(labels, predictions))
    assert our_confusion_matrix(labels, predictions, 4) == confusion_matrix(labels, predictions, labels=range(4)).tolist()


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_each_class_equals_the_report(rows):
    labels, predictions = [label for label, _ in rows], [prediction for _, prediction in rows]
    theirs = precision_recall_fscore_support(labels, predictions, labels=range(4), zero_division=0)
    ours = [(one.precision, one.recall, one.f1, one.support) for one in class_reports(labels, predictions, list("abcd"))]
    assert np.array(ours) == pytest.approx(np.array(theirs).T)


@settings(max_examples=20, deadline=None)
@given(ROWS, st.integers(0, 99))
def test_scores_of_a_resample_are_those_of_its_rows(rows, seed):
    """What the bootstrap computes for many resamples at once, one by one."""
    labels, predictions = (np.array(column) for column in zip(*rows, strict=True))
    drawn = np.random.default_rng(seed).integers(len(rows), size=(3, len(rows)))
    counts = np.array([confusion_matrix(labels[draw], predictions[draw], labels=range(4)) for draw in drawn])
    scores = class_scores(np.diagonal(counts, axis1=1, axis2=2), counts.sum(2), counts.sum(1))
    for place, draw in enumerate(drawn):
        expected = report(labels[draw], predictions[draw])
        assert {name: values[place] for name, values in scores.items()} == pytest.approx(expected)


def test_macro_recall_is_balanced_accuracy_where_every_class_occurs():
    labels = [0, 0, 0, 1, 1, 2]
    predictions = [0, 1, 0, 1, 0, 2]
    assert classification_metrics(labels, predictions)["recall_macro"] == balanced_accuracy_score(labels, predictions)


def probabilities(n: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(classes, size=n), generator.dirichlet(np.ones(classes), size=n)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_brier_and_loss(classes):
    labels, chances = probabilities(200, classes, seed=classes)
    metrics = classifier_metrics(Classified.of(labels, chances))
    assert metrics["loss"] == pytest.approx(log_loss(labels, chances, labels=range(classes)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = brier_score_loss(labels, chances[:, 1] if classes == 2 else chances, labels=range(classes))
    assert metrics["brier"] == pytest.approx(theirs)


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
@pytest.mark.parametrize("n", [1, 40, 1000])
def test_calibration_bins_are_those_of_the_calibration_curve(binning, strategy, n):
    labels, chances = probabilities(n, 3, seed=n)
    sure, right = chances.max(1), chances.argmax(1) == labels
    shares, means = calibration_curve(right, sure, n_bins=BINS, strategy=strategy, pos_label=True)
    bins = reliability(sure, right, binning=binning)
    assert [part.accuracy for part in bins] == pytest.approx(shares)
    assert [part.confidence for part in bins] == pytest.approx(means)
    weights = np.array([part.n for part in bins]) / n
    assert expected_calibration_error(sure, right, binning=binning) == pytest.approx(weights @ abs(shares - means))


def test_an_evaluated_model_agrees_with_its_written_predictions():
    model = classify(tiny_model("llama", "classification", num_labels=3))
    metrics, predictions = evaluate_classifier(model, class_rows(60), Collator(0), batch_tokens=64)
    labels, predicted = [p["label"] for p in predictions], [p["prediction"] for p in predictions]
    expected = report(labels, predicted)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    chances = [[p["probabilities"][name] for name in LABELS] for p in predictions]
    assert metrics["loss"] == pytest.approx(log_loss(labels, chances, labels=list(LABELS)))
    described = describe_classifier(predictions, LABELS)
    assert described["confusion"] == confusion_matrix(labels, predicted, labels=list(LABELS)).tolist()
