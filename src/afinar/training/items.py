"""What a loss is divided by: the supervised tokens of an optimizer step, or the sum of their weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from afinar.data.examples import IGNORED


def supervised(labels: Tensor, task: str) -> Tensor:
    """Where something is predicted and learned: (B, T - 1) for a causal model, whose position t predicts t + 1; else (B,)."""
    return (labels[:, 1:] if task == "causal" else labels) != IGNORED


def counted(batches: Iterable[dict[str, Any]], task: str) -> tuple[float, int, int]:
    """Of some micro-batches: the items (supervised tokens, or labelled rows of a classifier; with weights their sum), the
    supervised tokens, and all tokens without padding. A row that teaches nothing is a dummy that evens out the processes,
    and its tokens are not data.
    """
    items, learned, tokens = 0.0, 0, 0
    for batch in batches:
        kept = supervised(batch["labels"], task)
        learned += int(kept.sum())
        teaches = kept.any(1) if kept.ndim == 2 else kept
        tokens += int(batch["attention_mask"][teaches].sum())
        weights = batch.get("weights")
        if weights is None:
            items += int(kept.sum())
        else:
            items += (weights[:, 1:] if task == "causal" else weights)[kept].double().sum().item()
    return items, learned, tokens
