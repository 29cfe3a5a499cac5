"""Whether a model that was written answers as the adapted one does: their logits compared, position by position.

    z (N, V)   logits of the adapted model in memory      z' (N, V)  those of what was read back from disk

    max |z - z'|     mean |z - z'|     share of n with argmax z_n = argmax z'_n     perplexity (or accuracy) of both

N are the positions that predict a supervised token of the held-out rows; for a classifier one position a row, and V its
classes. :func:`record` keeps z, so that the two models need not be in memory at once; :func:`compare` goes through z'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar import messages
from afinar.data.collate import Collator
from afinar.data.examples import IGNORED, Examples
from afinar.errors import DataError, ModelError
from afinar.evaluation.batches import OnBatch, batches
from afinar.models.modes import evaluating, model_device

LOGITS_BYTES = 1_000_000_000
"""Most bytes of logits that are kept; rows beyond are left out, and the report says so."""
BATCH_TOKENS = 1024
"""Tokens of one forward pass: all its logits are there at once, in a vocabulary of 128,000 half a gigabyte."""
SAME = 1e-3
"""Largest difference between logits that float32 products in another order may leave."""
CLOSE = 0.01
"""Largest change (of perplexity, or the share of other answers) that is told as rounding."""
AGREEING = 0.95
"""Smallest share of the same top answers that is."""


@dataclass(frozen=True)
class Recorded:
    """The logits of a model on rows: for each row those at its supervised positions, (n, V) float32 on the CPU."""

    examples: Examples
    logits: list[Tensor]
    labelled: bool = True
    """Whether the rows' labels mean something; where not, only the logits are compared."""


@dataclass(frozen=True)
class Parity:
    """How the written model differs from the adapted one. `tokens` are the positions compared; for a classifier, rows."""

    rows: int
    tokens: int
    max_difference: float
    mean_difference: float
    top1_agreement: float
    scores: dict[str, tuple[float, float]]
    """By metric (`perplexity`, or `loss` and `accuracy`), the adapted model's and the written one's."""

    @property
    def change(self) -> float:
        """What the difference does: the relative change of perplexity, for a classifier the share of other answers."""
        if "perplexity" in self.scores:
            adapted, written = self.scores["perplexity"]
            return abs(written / adapted - 1)
        return 1 - self.top1_agreement

    @property
    def verdict(self) -> str:
        """same (to float32's rounding), close (to that of fewer bits), or differs."""
        if self.max_difference <= SAME and self.top1_agreement == 1:
            return "same"
        return "close" if self.change <= CLOSE and self.top1_agreement >= AGREEING else "differs"

    def check(self, tolerance: float) -> None:
        """Raise ModelError for logits that are no numbers, and for a change beyond `tolerance`."""
        if not math.isfinite(self.max_difference):
            raise ModelError("exporting.not_finite")
        if self.change > tolerance:
            change, accepted, agreement = (
                messages.number(100 * share, 1) for share in (self.change, tolerance, self.top1_agreement)
            )
            raise ModelError("exporting.not_the_same", change=change, tolerance=accepted, agreement=agreement)

    def as_json(self) -> dict[str, Any]:
        """The report as it is written into parity.json."""
        sides = {name: {"adapted": adapted, "written": written} for name, (adapted, written) in self.scores.items()}
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "max_difference": self.max_difference,
            "mean_difference": self.mean_difference,
            "top1_agreement": self.top1_agreement,
            **sides,
            "verdict": self.verdict,
        }


def record(
    model: nn.Module,
    examples: Examples,
    collator: Collator,
    *,
    labelled: bool = True,
    most_bytes: int = LOGITS_BYTES,
    on_batch: OnBatch | None = None,
) -> Recorded:
    """The logits of `model` on the first of `examples`, as many as fit into `most_bytes`; at least one row.

    Raises DataError where no row has anything to predict.
    """
    counts = [_positions(examples, row) for row in range(len(examples))]
    if examples.task == "classification":
        kept = list(range(len(examples)))
    else:
        width = int(model.config.get_text_config().vocab_size)  # type: ignore[union-attr,operator]
        kept = _fitting(counts, most_bytes // (4 * width))
    if not kept:
        raise DataError("evaluation.no_rows")
    taken = examples.take(kept)
    found = dict(_logits(model, taken, collator, on_batch))
    return Recorded(taken, [found[row] for row in range(len(taken))], labelled)


def compare(recorded: Recorded, model: nn.Module, collator: Collator, *, on_batch: OnBatch | None = None) -> Parity:
    """How the logits of `model` differ from those recorded, on the same rows."""
    examples = recorded.examples
    most, total, numbers, agreeing, positions = 0.0, 0.0, 0, 0, 0
    losses, hits = [0.0, 0.0], [0, 0]
    for row, written_NV in _logits(model, examples, collator, on_batch):
        adapted_NV = recorded.logits[row]
        difference_NV = (written_NV - adapted_NV).abs()
        largest = difference_NV.max().item()
        most = largest if math.isnan(largest) else max(most, largest)
        total += difference_NV.double().sum().item()
        numbers += difference_NV.numel()
        positions += len(adapted_NV)
        agreeing += int((written_NV.argmax(-1) == adapted_NV.argmax(-1)).sum())
        targets_N = _targets(examples, row)
        for side, logits_NV in enumerate((adapted_NV, written_NV)):
            losses[side] += F.cross_entropy(logits_NV.double(), targets_N, reduction="sum").item()
            hits[side] += int((logits_NV.argmax(-1) == targets_N).sum())
    scores = _scores(examples.task, losses, hits, positions) if recorded.labelled else {}
    return Parity(len(examples), positions, most, total / numbers, agreeing / positions, scores)


def _scores(task: str, losses: list[float], hits: list[int], n: int) -> dict[str, tuple[float, float]]:
    loss = (losses[0] / n, losses[1] / n)
    if task == "classification":
        return {"loss": loss, "accuracy": (hits[0] / n, hits[1] / n)}
    return {"perplexity": (math.exp(loss[0]), math.exp(loss[1]))}


def _fitting(counts: list[int], most: int) -> list[int]:
    """Rows with something to predict, in their order, until they hold `most` positions."""
    kept: list[int] = []
    held = 0
    for row, count in enumerate(counts):
        if count and (not kept or held + count <= most):
            kept.append(row)
            held += count
    return kept


def _positions(examples: Examples, row: int) -> int:
    return 1 if examples.task == "classification" else examples.examples[row].supervised_tokens


def _targets(examples: Examples, row: int) -> Tensor:
    labels = examples.examples[row].labels
    if examples.task == "classification":
        return torch.tensor([labels])
    shifted = torch.as_tensor(labels, dtype=torch.long)[1:]
    return shifted[shifted != IGNORED]


def _logits(
    model: nn.Module, examples: Examples, collator: Collator, on_batch: OnBatch | None
) -> Iterator[tuple[int, Tensor]]:
    """For each row its logits (n, V) where it is supervised, longest rows first."""
    done = 0
    with evaluating(model):
        for rows in batches(examples.lengths, BATCH_TOKENS):
            batch = collator([examples[row] for row in rows])
            inputs = {name: batch[name].to(model_device(model)) for name in ("input_ids", "attention_mask")}
            logits = model(**inputs).logits
            for index, row in enumerate(rows):
                yield row, _supervised(logits[index], batch["labels"][index]).float().cpu()
            done += len(rows)
            if on_batch is not None:
                on_batch(done, len(examples))


def _supervised(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits that predict a supervised token; a classifier's (V,) as one position."""
    if logits.ndim == 1:
        return logits[None]
    # PEFT's own prompts stay in front of the row.
    logits_TV = logits[len(logits) - len(labels) :]
    return logits_TV[:-1][(labels[1:] != IGNORED).to(logits.device)]
