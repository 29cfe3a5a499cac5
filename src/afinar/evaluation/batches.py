"""Batches for evaluation: rows of like length together under a token budget, results back in the rows' own order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from afinar.data.batching import micro_batches

OnBatch = Callable[[int, int], None]
"""Called after each batch with the rows done so far and the rows in all."""


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Indices of rows in batches that hold at most `batch_tokens` tokens, padding included; a longer row stands alone.

    The longest rows come first: if memory does not suffice, that shows at once and not at the end.
    """
    return micro_batches(range(len(lengths)), lengths, None, batch_tokens)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """The model without dropout; each module's own training flag comes back afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model without dropout and without gradients."""
    # Not inference_mode: tensors that a model caches inside it (rotary tables) could not be used in training later.
    with eval_mode(model), torch.no_grad():
        yield


def model_device(model: nn.Module) -> torch.device:
    """Where the model's inputs belong: the device of its first parameter, which is the embedding's."""
    return next(model.parameters()).device
