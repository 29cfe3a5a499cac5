"""Loss, perplexity, bits per byte and token accuracy of a causal model on rows as it learns them: prompts and answers.

A row is scored as it was cut and masked for training. Running text is measured whole instead, by
:mod:`afinar.evaluation.rolling`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from afinar.data.collate import Collator
from afinar.data.examples import IGNORED, Examples
from afinar.evaluation.batches import OnBatch, batches
from afinar.metrics.signatures import Signature
from afinar.metrics.token_rows import TokenRows
from afinar.models.causal import supervise
from afinar.models.modes import evaluating, model_device


def evaluate_causal(
    model: nn.Module,
    examples: Examples,
    collator: Collator,
    *,
    batch_tokens: int = 4096,
    seed: int = 0,
    on_batch: OnBatch | None = None,
) -> dict[str, Any]:
    """Token metrics over the supervised tokens of `examples`: :func:`causal_rows` and their metrics.

    `seed` draws the intervals. Raises DataError if nothing is supervised.
    """
    return causal_rows(model, examples, collator, batch_tokens=batch_tokens, on_batch=on_batch).metrics(seed=seed)


def causal_rows(
    model: nn.Module,
    examples: Examples,
    collator: Collator,
    *,
    batch_tokens: int = 4096,
    signature: Signature | None = None,
    on_batch: OnBatch | None = None,
) -> TokenRows:
    """The sums of each row of `examples` over its supervised tokens, in their order, whatever the batches.

    No logits are kept; the model may be a causal model or one with an adapter.

    batch_tokens: most tokens in one forward pass, padding included.
    signature: how the rows were made (:func:`afinar.evaluation.signature.row_signature`).
    """
    supervise(model)
    n = len(examples)
    losses, tokens, correct = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    done = 0
    with evaluating(model):
        for rows in batches(examples.lengths, batch_tokens):
            batch = {
                name: tensor.to(model_device(model)) for name, tensor in collator([examples[row] for row in rows]).items()
            }
            output = model(**batch)
            counts = (batch["labels"][:, 1:] != IGNORED).sum(1).tolist()
            losses[rows] = _summed(output.token_losses, counts)
            correct[rows] = _summed(output.token_correct, counts)
            tokens[rows] = counts
            done += len(rows)
            if on_batch is not None:
                on_batch(done, n)
    sizes = np.asarray([example.n_bytes for example in examples.examples], dtype=np.int64)
    places = tuple((example.path, example.line) for example in examples.examples)
    return TokenRows(losses, tokens, correct, sizes, places, signature)


def _summed(values: Tensor, counts: list[int]) -> list[float]:
    """A sum for each row: values come in row-major order over the positions whose next token is supervised.

    In float64 on the host: float32 loses digits over long rows, and MPS has no float64.
    """
    return [row.sum().item() for row in values.cpu().double().split(counts)]
