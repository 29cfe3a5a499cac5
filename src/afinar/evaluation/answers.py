"""Greedy answers to held-out prompts, scored against their references, and two models' answers compared.

Only the continuation is scored: a row's prompt ends where its last answer begins. Answers are generated many at once; each is
what its prompt alone would have got (tests hold that for every architecture).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from afinar.data.examples import Examples
from afinar.evaluation.batches import OnBatch
from afinar.metrics.answers import answer_metrics, compare_answers
from afinar.metrics.difference import Difference
from afinar.metrics.generation import signatures
from afinar.metrics.token_f1 import ArticleLanguage
from afinar.models.decoding import Generation
from afinar.models.generation import answer_text, generate_tokens


def evaluate_answers(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    *,
    max_new_tokens: int = 64,
    batch_size: int = 8,
    language: ArticleLanguage = "pt+en",
    seed: int = 0,
    on_batch: OnBatch | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics of the answers to the prompts of `examples`, and a row for each in their order.

    The metrics: those of :func:`~afinar.metrics.answers.answer_metrics`, where `n` counts the rows that have a reference, and
    `answers_cut`, the answers that `max_new_tokens` or the model's last position ended, not the model. Without any reference
    `n` and `answers_cut` alone.
    A row holds `path`, `line`, `prompt`, `reference` (None: not known), `generated`, and `truncated` for an answer that was
    cut. A prompt that leaves no room has the answer "" and is truncated.

    Raises ConfigError for max_new_tokens below 1, DataError for an empty prompt.
    """
    settings = Generation(max_new_tokens=max_new_tokens, do_sample=False, seed=seed, inherit=False)
    prompts = [example.input_ids[: example.prompt_length].tolist() for example in examples.examples]
    found = generate_tokens(model, tokenizer, prompts, settings, batch_size=batch_size, on_batch=on_batch)
    rows = [
        {
            "path": example.path,
            "line": example.line,
            "prompt": example.prompt,
            "reference": example.reference,
            "generated": answer_text(tokenizer, continuation.tokens),
            "truncated": continuation.truncated,
        }
        for example, continuation in zip(examples.examples, found, strict=True)
    ]
    generated, references = _scored(rows)
    metrics = answer_metrics(generated, references, language=language, seed=seed) if generated else {"n": 0}
    return {**metrics, "answers_cut": sum(row["truncated"] for row in rows)}, rows


def answer_signatures(rows: Sequence[Mapping[str, Any]], *, language: ArticleLanguage = "pt+en") -> dict[str, str]:
    """What moves each number, as :func:`~afinar.metrics.generation.signatures` says it; empty where no row has a reference."""
    generated, references = _scored(rows)
    return signatures(generated, references, language=language) if generated else {}


def compare_answer_rows(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    language: ArticleLanguage = "pt+en",
    seed: int = 0,
) -> dict[str, Difference]:
    """What :func:`~afinar.metrics.answers.compare_answers` says of two models' rows, as :func:`evaluate_answers` gives them.

    Empty where no row has a reference. Raises ValueError where the rows are not those of the same references in one order.
    """
    (was, references), (now, others) = _scored(before), _scored(after)
    if references != others:
        raise ValueError("The references of the rows differ; expected answers to the same rows, in the same order.")
    return compare_answers(references, was, now, language=language, seed=seed) if references else {}


def _scored(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Answers and references of the rows that have a reference."""
    known = [row for row in rows if row["reference"] is not None]
    return [row["generated"] for row in known], [row["reference"] for row in known]
