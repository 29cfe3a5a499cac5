"""Measuring a model on held-out rows, base and adapted by the same rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afinar.data.config import FORMATS
from afinar.data.examples import Examples
from afinar.data.prepare import prepare_source
from afinar.errors import ConfigError
from afinar.evaluation.classify import evaluate_classifier
from afinar.evaluation.generate import generate
from afinar.evaluation.perplexity import evaluate_causal
from afinar.metrics.generation import generation_metrics
from afinar.run.session import Session, load, load_base

OnBatch = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured:
    """Metrics of one model on one set of rows, and for a classifier or for answers the prediction for each row."""

    metrics: dict[str, Any]
    n: int
    predictions: list[dict[str, Any]] = field(default_factory=list)


def measure(session: Session, examples: Examples, on_batch: OnBatch | None = None) -> Measured:
    """The metrics of the session's model as it is now, adapter on or off."""
    if session.task == "classification":
        metrics, predictions = evaluate_classifier(session.model, examples, session.collator, on_batch=on_batch)
    else:
        metrics, predictions = evaluate_causal(session.model, examples, session.collator, on_batch=on_batch), []
    n = metrics.pop("n")
    return Measured(metrics, n, predictions)


def measure_base(session: Session, examples: Examples, *, offline: bool = False) -> Measured:
    """The metrics of the base under an adapted session.

    A causal model with a switchable adapter is measured in place. Else the base is loaded anew: full fine-tuning
    overwrote it, and a classifier's untrained head, drawn by the run's seed, is gone.
    """
    if session.task == "causal" and session.method is not None and session.method.switchable:
        with session.base():
            return measure(session, examples)
    return measure(load_base(session, offline=offline), examples)


def answer(session: Session, examples: Examples, max_new_tokens: int, on_batch: OnBatch | None = None) -> Measured:
    """Greedy answers to the prompts of `examples`, scored against their references: BLEU, chrF, ROUGE, exact match."""
    prompts = [example.input_ids[: example.prompt_length].tolist() for example in examples.examples]
    texts = generate(session.model, session.tokenizer, prompts, max_new_tokens=max_new_tokens, on_batch=on_batch)
    rows = [
        {"path": e.path, "line": e.line, "prompt": e.prompt, "reference": e.reference, "generated": text}
        for e, text in zip(examples.examples, texts, strict=True)
    ]
    pairs = zip(texts, examples.examples, strict=True)
    scored = [(text, e.reference) for text, e in pairs if e.reference is not None]
    metrics = generation_metrics([text for text, _ in scored], [reference for _, reference in scored]) if scored else {}
    return Measured(metrics, len(rows), rows)


def evaluate(
    source: Session | str | Path,
    data: Any,
    *,
    format: str = "auto",
    max_length: int | None = None,
    offline: bool = False,
) -> dict[str, Any]:
    """Measure a run or model on `data` (a file, folder, bundled set, hub name, or rows).

    Returns `{"base": metrics, "adapted": metrics, "n": rows}`; for a plain model `base` alone. The labels of a
    classifier's rows must be among those it was trained on. Raises ConfigError for an unknown format, DataError and
    ModelError as loading does.
    """
    if format not in FORMATS:
        raise ConfigError("core.choice", field="format", got=format, allowed=", ".join(FORMATS))
    session = source if isinstance(source, Session) else load(source, offline=offline)
    examples = prepare_source(
        data,
        session.tokenizer,
        format=format,
        task=session.task,
        label_names=session.label_names or None,
        max_length=max_length or session.max_length,
        offline=offline,
    )
    own = measure(session, examples)
    if not session.adapted:
        return {"base": own.metrics, "n": own.n}
    base = measure_base(session, examples, offline=offline)
    return {"base": base.metrics, "adapted": own.metrics, "n": own.n}
