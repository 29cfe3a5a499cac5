"""How likely a model holds given tokens after others: one forward pass for many rows, and no whole logits.

For a row of ids t_0 ... t_L of which the last n are scored, the model reads t_0 ... t_{L-1} and gives

    nats = sum_{i=L-n+1..L} ln p(t_i | t_0 ... t_{i-1})           <= 0
    correct = how many of those t_i were its most likely token

The last token is named as a label but never read, so a model with P positions scores up to P tokens in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afinar.data.examples import IGNORED
from afinar.evaluation.batches import OnBatch, batches
from afinar.models.causal import causal_core, supervise
from afinar.models.modes import evaluating, model_device


@dataclass(frozen=True, slots=True)
class Scored:
    """Token ids, the last `count` of which are to be scored; at least one must come before them."""

    ids: Sequence[int] | NDArray[np.int32]
    count: int


@dataclass(frozen=True, slots=True)
class TokenScore:
    """What the scored tokens of one row came to: their summed log-likelihood in nats, and how many the model would choose."""

    nats: float
    tokens: int
    correct: int


def score_tokens(
    model: nn.Module,
    rows: Sequence[Scored],
    *,
    padding_id: int,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> list[TokenScore]:
    """A score for each row, in their order. The softmax is taken in float32 whatever the model's dtype.

    batch_tokens: most tokens in one forward pass, padding included.
    Raises ModelError where `model` is no causal language model.
    """
    supervise(model)
    found: list[TokenScore] = [TokenScore(0.0, 0, 0)] * len(rows)
    options = _options(model)
    done = 0
    with evaluating(model):
        for chosen in batches([len(row.ids) - 1 for row in rows], batch_tokens):
            batch = _batch([rows[index] for index in chosen], padding_id)
            output = model(**{name: tensor.to(model_device(model)) for name, tensor in batch.items()}, **options)
            counts = [rows[index].count for index in chosen]
            # Summed in float64 on the host: float32 loses digits over long rows, and MPS has no float64.
            losses = output.token_losses.cpu().double().split(counts)
            correct = output.token_correct.cpu().split(counts)
            for index, row_losses, row_correct in zip(chosen, losses, correct, strict=True):
                found[index] = TokenScore(-row_losses.sum().item(), len(row_losses), int(row_correct.sum()))
            done += len(chosen)
            if on_batch is not None:
                on_batch(done, len(rows))
    return found


def _options(model: nn.Module) -> dict[str, bool]:
    """A mixture of experts is not asked for its router's loss, which is no part of a likelihood."""
    return {"output_router_logits": False} if "output_router_logits" in causal_core(model).config.get_text_config() else {}


def _batch(rows: Sequence[Scored], padding_id: int) -> dict[str, Tensor]:
    """input_ids and attention_mask (B, T), padded on the right; labels (B, T+1), -100 where nothing is scored."""
    longest = max(len(row.ids) for row in rows) - 1
    ids_BT = torch.full((len(rows), longest), padding_id)
    mask_BT = torch.zeros_like(ids_BT)
    labels_BT1 = torch.full((len(rows), longest + 1), IGNORED)
    for index, row in enumerate(rows):
        ids = torch.as_tensor(row.ids, dtype=torch.long)
        length = len(ids) - 1
        ids_BT[index, :length] = ids[:-1]
        mask_BT[index, :length] = 1
        labels_BT1[index, length + 1 - row.count : length + 1] = ids[length + 1 - row.count :]
    return {"input_ids": ids_BT, "attention_mask": mask_BT, "labels": labels_BT1}
