"""Predictions and metrics of a classifier on rows of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar.data.collate import Collator
from afinar.data.examples import Examples
from afinar.errors import DataError
from afinar.evaluation.batches import OnBatch, batches
from afinar.metrics.abstaining import coverage_curve, threshold_for
from afinar.metrics.calibration import reliability
from afinar.metrics.classification import class_reports, confusion_matrix
from afinar.metrics.classifiers import Classified, classifier_metrics
from afinar.models.modes import evaluating, model_device

ASKED_ACCURACIES = (0.9, 0.95, 0.99)


def evaluate_classifier(
    model: nn.Module,
    examples: Examples,
    collator: Collator,
    *,
    batch_tokens: int = 4096,
    seed: int = 0,
    on_batch: OnBatch | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics over `examples`, and a prediction for each row in their order.

    The metrics are those of :func:`~afinar.metrics.classifiers.classifier_metrics`: `loss` (mean cross-entropy in nats),
    `accuracy`, precision, recall and F1 (weighted and macro), `mcc`, calibration, with intervals and `n` rows. A prediction
    holds `path`, `line`, `label`, `loss` (nats), and what :func:`predict` gives.

    Raises DataError without rows.
    """
    items = [examples[row] for row in range(len(examples))]
    logits_NC = class_logits(model, items, collator, batch_tokens=batch_tokens, on_batch=on_batch).double()
    labels = [int(item["labels"]) for item in items]
    losses = F.cross_entropy(logits_NC, torch.tensor(labels), reduction="none").tolist()
    rows = Classified.of(labels, logits_NC.softmax(-1).numpy(), losses)
    named = zip(examples.examples, labels, losses, _named(logits_NC, examples.label_names), strict=True)
    return classifier_metrics(rows, seed=seed), [
        {"path": example.path, "line": example.line, "label": examples.label_names[label], "loss": loss, **prediction}
        for example, label, loss, prediction in named
    ]


def describe_classifier(predictions: Sequence[Mapping[str, Any]], label_names: Sequence[str]) -> dict[str, Any]:
    """What is no single number, from the predictions of :func:`evaluate_classifier`; plain values, for JSON and tables.

    `labels`; `confusion`, counts `[label][prediction]`; `per_class`, :class:`~afinar.metrics.classification.ClassReport`;
    `calibration`, each :class:`~afinar.metrics.calibration.Bin` that holds rows; `coverage`, at most 20 points
    (:class:`~afinar.metrics.abstaining.Kept`) of the coverage-accuracy curve; and `abstaining`, an
    :class:`~afinar.metrics.abstaining.Abstention` for each of :data:`ASKED_ACCURACIES`. The last three are empty where the
    model gave NaN.
    Raises DataError without rows.
    """
    rows = _classified(predictions, label_names)
    labels, predicted = rows.labels.tolist(), rows.predictions.tolist()
    return {
        "labels": list(label_names),
        "confusion": confusion_matrix(labels, predicted, len(label_names)),
        "per_class": [asdict(report) for report in class_reports(labels, predicted, label_names)],
        **_by_confidence(rows),
    }


def _by_confidence(rows: Classified) -> dict[str, list[dict[str, Any]]]:
    if not np.isfinite(rows.probabilities).all():
        return {"calibration": [], "coverage": [], "abstaining": []}
    sure, right = rows.confidences, rows.correct
    return {
        "calibration": [asdict(part) for part in reliability(sure, right)],
        "coverage": [asdict(point) for point in _thinned(coverage_curve(sure, right))],
        "abstaining": [asdict(threshold_for(sure, right, asked)) for asked in ASKED_ACCURACIES],
    }


def _classified(predictions: Sequence[Mapping[str, Any]], label_names: Sequence[str]) -> Classified:
    places = {name: place for place, name in enumerate(label_names)}
    labels = [places[row["label"]] for row in predictions]
    probabilities = [[row["probabilities"][name] for name in label_names] for row in predictions]
    return Classified.of(labels, probabilities, [row["loss"] for row in predictions])


def _thinned(curve: Sequence[Any], points: int = 20) -> list[Any]:
    """At most `points` of the curve, evenly over it, its ends among them."""
    if len(curve) <= points:
        return list(curve)
    return [curve[round(place * (len(curve) - 1) / (points - 1))] for place in range(points)]


def predict(
    model: nn.Module,
    rows: Sequence[Sequence[int]],
    collator: Collator,
    label_names: Sequence[str],
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> list[dict[str, Any]]:
    """For each row of token ids: `prediction` (a label's name), its `probability`, and the `probabilities` of all labels.

    Raises DataError without rows.
    """
    items = [{"input_ids": row} for row in rows]
    return _named(class_logits(model, items, collator, batch_tokens=batch_tokens, on_batch=on_batch), label_names)


def class_logits(
    model: nn.Module,
    items: Sequence[Mapping[str, Any]],
    collator: Collator,
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> Tensor:
    """Logits (N, C) of the items in their own order, float32 on the CPU. Each item holds its `input_ids`."""
    if len(items) == 0:
        raise DataError("evaluation.no_rows")
    order: list[int] = []
    found: list[Tensor] = []
    with evaluating(model):
        for rows in batches([len(item["input_ids"]) for item in items], batch_tokens):
            batch = collator([items[row] for row in rows])
            inputs = {name: batch[name].to(model_device(model)) for name in ("input_ids", "attention_mask")}
            found.append(model(**inputs).logits.float().cpu())
            order.extend(rows)
            if on_batch is not None:
                on_batch(len(order), len(items))
    logits_NC = torch.cat(found)
    return torch.empty_like(logits_NC).index_copy_(0, torch.tensor(order), logits_NC)


def _named(logits_NC: Tensor, label_names: Sequence[str]) -> list[dict[str, Any]]:
    """Each row's most likely label, its probability, and all labels' probabilities."""
    named = []
    for probabilities in logits_NC.double().softmax(-1).tolist():
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        named.append(
            {
                "prediction": label_names[best],
                "probability": probabilities[best],
                "probabilities": dict(zip(label_names, probabilities, strict=True)),
            }
        )
    return named
