"""What one model makes of one set of rows, base and adapted by the same rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from afinar.data.documents import Document
from afinar.data.examples import Examples
from afinar.evaluation.answers import answer_signatures, evaluate_answers
from afinar.evaluation.batches import OnBatch
from afinar.evaluation.classify import evaluate_classifier
from afinar.evaluation.perplexity import causal_rows
from afinar.evaluation.rolling import Rolling, rolling_rows
from afinar.evaluation.signature import row_signature
from afinar.metrics.token_rows import TokenRows
from afinar.run.session import Session, load_base


@dataclass(frozen=True)
class Measured:
    """Metrics of one model on one set of rows, and what became of each row.

    predictions: for a classifier or for answers, one for each row. tokens: for a causal model, the sums of each row.
    signatures: how metrics were computed, where there is more than one way.
    """

    metrics: dict[str, Any]
    n: int
    predictions: list[dict[str, Any]] = field(default_factory=list)
    tokens: TokenRows | None = None
    signatures: dict[str, str] = field(default_factory=dict)

    def with_answers(self, answers: Measured) -> Measured:
        """The same rows with what was written for them, and its metrics."""
        return replace(
            self,
            metrics={**self.metrics, **answers.metrics},
            predictions=answers.predictions,
            signatures={**self.signatures, **answers.signatures},
        )


def measure(
    session: Session,
    examples: Examples,
    on_batch: OnBatch | None = None,
    *,
    max_length: int | None = None,
    blocks: bool = False,
) -> Measured:
    """The metrics of the session's model as it is now, adapter on or off.

    max_length: where the rows were cut, by default where the session cuts them; blocks: whether texts were joined first.
    """
    if session.task == "classification":
        metrics, predictions = evaluate_classifier(session.model, examples, session.collator, on_batch=on_batch)
        return Measured(metrics, metrics.pop("n"), predictions)
    cut = max_length or session.max_length
    signature = row_signature(session.model, session.tokenizer, format=examples.format, max_length=cut, blocks=blocks)
    rows = causal_rows(session.model, examples, session.collator, signature=signature, on_batch=on_batch)
    return _of_tokens(rows)


def measure_documents(
    session: Session, documents: Sequence[Document], rolling: Rolling | None = None, on_batch: OnBatch | None = None
) -> Measured:
    """The metrics of a causal model on running text, whole, window by window."""
    return _of_tokens(rolling_rows(session.model, session.tokenizer, documents, rolling, on_batch=on_batch))


def _of_tokens(rows: TokenRows) -> Measured:
    metrics = rows.metrics()
    return Measured(metrics, metrics.pop("n"), tokens=rows, signatures={"perplexity": str(rows.signature)})


@contextmanager
def base_of(session: Session, *, offline: bool = False) -> Iterator[Session]:
    """The base under an adapted session, as a session, while inside; the adapted one must not be used meanwhile.

    A causal model with a switchable adapter is switched in place. Else the base is loaded anew: full fine-tuning overwrote
    it, and a classifier's untrained head, drawn by the run's seed, is gone.
    """
    if session.task == "causal" and session.method is not None and session.method.switchable:
        with session.base():
            yield session
        return
    yield load_base(session, offline=offline)


def answer(session: Session, examples: Examples, max_new_tokens: int, on_batch: OnBatch | None = None) -> Measured:
    """Greedy answers to the prompts of `examples`, scored against their references; `answers` counts those that have one."""
    metrics, rows = evaluate_answers(
        session.model, session.tokenizer, examples, max_new_tokens=max_new_tokens, on_batch=on_batch
    )
    metrics["answers"] = metrics.pop("n")
    return Measured(metrics, len(rows), rows, signatures=answer_signatures(rows))
