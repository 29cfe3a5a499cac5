"""`default_compute_metrics`: what every evaluation measures, and what a user's own `compute_metrics` is given.

    def mine(prediction):                                    # of SFTTrainer or of transformers' Trainer
        return default_compute_metrics(prediction) | {"answers": len(prediction.label_ids)}

SFTTrainer measures the default metrics anyway, from token losses, and adds what `compute_metrics` returns; so one need not
call this function to have them. With transformers' own Trainer it works from the logits that are held there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import EvalPrediction

from afinar.errors import ConfigError
from afinar.metrics.classification import classification_metrics
from afinar.metrics.perplexity import TokenTotals


class SFTPrediction(EvalPrediction):
    """What `compute_metrics` is given: transformers' EvalPrediction, and what the evaluation knows besides.

    predictions: what `preprocess_logits_for_metrics` left, or the logits (N, T, V) or (N, C), or the generated token ids
    (N, L) filled up with the pad id; None where nothing was asked for.
    label_ids: (N, T) with -100 where nothing is supervised, or (N,) classes; for generated answers the references' token
    ids (N, L), filled up with the pad id; None for rows without labels.
    totals: summed token losses; None for rows without labels. task: "causal" or "classification". classes: labels and
    predictions of a classifier. tokens_known: False for a model that computes its own loss and tells only the mean.
    prompts, texts, references: decoded, for generated answers (a reference that is not known is None); else empty.
    """

    def __init__(
        self,
        predictions: Any = None,
        label_ids: Any = None,
        *,
        inputs: Any = None,
        losses: Any = None,
        task: str = "causal",
        totals: TokenTotals | None = None,
        classes: tuple[Sequence[int], Sequence[int]] | None = None,
        tokens_known: bool = True,
        prompts: Sequence[str] = (),
        texts: Sequence[str] = (),
        references: Sequence[str | None] = (),
    ) -> None:
        super().__init__(predictions, label_ids, inputs=inputs, losses=losses)
        self.task, self.totals, self.classes, self.tokens_known = task, totals, classes, tokens_known
        self.prompts, self.texts, self.references = list(prompts), list(texts), list(references)


def default_compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Token-weighted `loss`, `perplexity`, `token_accuracy` and, where bytes are known, `bits_per_byte`; for a classifier
    `loss`, `accuracy`, `precision`, `recall`, `f1` (weighted) and `f1_macro`; for generated answers `bleu`, `chrf`, `rouge1`,
    `rouge2`, `rougeL` and `exact_match` besides.

    `prediction` may also be a plain EvalPrediction with logits: (N, T, V) with labels (N, T), not shifted, or (N, C) with
    labels (N,). Raises ConfigError where it holds neither losses nor logits.
    """
    if not isinstance(prediction, SFTPrediction):
        return _from_logits(prediction)
    metrics: dict[str, float] = {}
    if prediction.totals is not None:
        metrics = prediction.totals.result()
        if prediction.task == "classification":
            metrics = {"loss": metrics["loss"]}
        if not prediction.tokens_known:
            metrics.pop("token_accuracy", None)
    if prediction.classes is not None:
        metrics |= classification_metrics(*prediction.classes)
    return metrics | _of_answers(prediction)


def _of_answers(prediction: SFTPrediction) -> dict[str, float]:
    from afinar.metrics.generation import generation_metrics

    pairs = zip(prediction.texts, prediction.references, strict=True)
    scored = [(text, reference) for text, reference in pairs if reference is not None]
    if not scored:
        return {}
    return generation_metrics([text for text, _ in scored], [reference for _, reference in scored])


def _from_logits(prediction: EvalPrediction) -> dict[str, float]:
    logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
    labels = prediction.label_ids
    if logits is None or labels is None or np.ndim(logits) != np.ndim(labels) + 1:
        shapes = ", ".join(str(None if value is None else np.shape(value)) for value in (logits, labels))
        raise ConfigError("training.no_logits", got=shapes)
    scores, targets = torch.as_tensor(np.asarray(logits)).float(), torch.as_tensor(np.asarray(labels))
    if targets.ndim == 2:  # a causal model: position t predicts token t + 1
        scores, targets = scores[:, :-1], targets[:, 1:]
    kept = targets != -100
    losses = F.cross_entropy(scores[kept], targets[kept], reduction="none")
    totals = TokenTotals()
    totals.add(losses, scores[kept].argmax(-1) == targets[kept])
    if np.ndim(labels) == 2:
        return totals.result()
    predicted = scores[kept].argmax(-1).tolist()
    return {"loss": totals.result()["loss"], **classification_metrics(targets[kept].tolist(), predicted)}
