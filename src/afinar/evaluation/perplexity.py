"""Loss, perplexity, bits per byte and token accuracy of a causal model on held-out rows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from afinar.data.collate import Collator
from afinar.data.examples import IGNORED, Examples
from afinar.evaluation.batches import OnBatch, batches
from afinar.metrics.intervals import bootstrap_perplexity
from afinar.metrics.perplexity import TokenTotals
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
    """Token metrics over the supervised tokens of `examples`, weighted by tokens, whatever the batches.

    Gives `loss` (nats per token), `perplexity` with its 95% interval `perplexity_low` / `perplexity_high` (bootstrap over
    rows, drawn with `seed`; left out where only one row has tokens), `bits_per_byte` where the rows know their bytes,
    `token_accuracy`, `n` (rows) and `tokens` (supervised ones). No logits are kept; the model may be a causal model or one
    with an adapter.

    batch_tokens: most tokens in one forward pass, padding included.
    Raises DataError if nothing is supervised.
    """
    supervise(model)
    totals = TokenTotals()
    row_losses, row_tokens = [0.0] * len(examples), [0] * len(examples)
    done = 0
    with evaluating(model):
        for rows in batches(examples.lengths, batch_tokens):
            batch = {
                name: tensor.to(model_device(model)) for name, tensor in collator([examples[row] for row in rows]).items()
            }
            output = model(**batch)
            n_bytes = sum(examples.examples[row].n_bytes for row in rows)
            totals.add(output.token_losses, output.token_correct, n_bytes)
            for row, losses in zip(rows, _by_row(output.token_losses, batch["labels"]), strict=True):
                row_losses[row], row_tokens[row] = losses.double().sum().item(), losses.numel()
            done += len(rows)
            if on_batch is not None:
                on_batch(done, len(examples))
    metrics: dict[str, Any] = totals.result()
    if sum(tokens > 0 for tokens in row_tokens) > 1:  # one row alone would seem certain
        metrics["perplexity_low"], metrics["perplexity_high"] = bootstrap_perplexity(row_losses, row_tokens, seed=seed)
    return {**metrics, "n": len(examples), "tokens": totals.count}


def _by_row(token_losses: Tensor, labels_BT: Tensor) -> tuple[Tensor, ...]:
    """The losses of each row: they come in row-major order over the positions whose next token is supervised."""
    return token_losses.cpu().split((labels_BT[:, 1:] != IGNORED).sum(1).tolist())
