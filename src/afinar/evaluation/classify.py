"""Predictions and metrics of a classifier on rows of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar.data.collate import Collator
from afinar.data.examples import Examples
from afinar.errors import DataError
from afinar.evaluation.batches import OnBatch, batches
from afinar.metrics.classification import classification_metrics
from afinar.metrics.intervals import wilson
from afinar.models.modes import evaluating, model_device


def evaluate_classifier(
    model: nn.Module,
    examples: Examples,
    collator: Collator,
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics over `examples`, and a prediction for each row in their order.

    The metrics: `loss` (mean cross-entropy in nats), `accuracy` with its 95% interval `accuracy_low` / `accuracy_high`
    (Wilson), `precision`, `recall`, `f1` (weighted), `f1_macro`, and `n` rows. A prediction holds `path`, `line`, `label`, and
    what :func:`predict` gives.

    Raises DataError without rows.
    """
    items = [examples[row] for row in range(len(examples))]
    logits_NC = class_logits(model, items, collator, batch_tokens=batch_tokens, on_batch=on_batch)
    labels = [int(item["labels"]) for item in items]
    predicted = logits_NC.argmax(1).tolist()
    correct = sum(label == prediction for label, prediction in zip(labels, predicted, strict=True))
    low, high = wilson(correct, len(labels))
    metrics = {
        "loss": F.cross_entropy(logits_NC.double(), torch.tensor(labels)).item(),
        **classification_metrics(labels, predicted),
        "accuracy_low": low,
        "accuracy_high": high,
        "n": len(labels),
    }
    rows = zip(examples.examples, labels, _named(logits_NC, examples.label_names), strict=True)
    return metrics, [
        {"path": example.path, "line": example.line, "label": examples.label_names[label], **prediction}
        for example, label, prediction in rows
    ]


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
