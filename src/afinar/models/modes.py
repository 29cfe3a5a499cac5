"""A model's modes: without dropout, without gradients, and where it computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


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
