"""A trained classification head on a frozen base (a linear probe).

    logits = W h + b,    W (classes, hidden), b absent in most architectures

h is the base's hidden state at the last attended token. The base's weights do not change, so its features can only be
re-weighted: the cheapest method, and the floor that every other one has to beat.

Source: Alain & Bengio 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError
from afinar.methods import exports
from afinar.methods.config import Head
from afinar.methods.training_state import copy_into

HEAD = "score"  # what transformers calls the classification head of every decoder
HEAD_FILE = "head.safetensors"


def head_of(model: PreTrainedModel) -> nn.Linear | None:
    """The classification head of `model`, or None for a causal model."""
    head = model._modules.get(HEAD)
    return head if isinstance(head, nn.Linear) else None


def head_count(model: PreTrainedModel) -> int:
    """Weights of the classification head: classes · hidden, plus classes where it has a bias; 0 for a causal model."""
    head = head_of(model)
    if head is None:
        return 0
    return head.out_features * (head.in_features + (head.bias is not None))


def head_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """The head's tensors by their names in the model (`score.weight`), sharing memory; empty for a causal model."""
    head = head_of(model)
    return {} if head is None else {f"{HEAD}.{name}": tensor.detach() for name, tensor in head.named_parameters()}


def train_head(model: PreTrainedModel) -> None:
    """Let the head train, with float32 master values; nothing to do for a causal model."""
    head = head_of(model)
    if head is not None:
        head.float().requires_grad_(True)


class HeadMethod:
    """Trains the classification head and nothing else."""

    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    mergeable: ClassVar[bool] = True
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = False
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: Head) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base. Raises ConfigError for a model without a classification head."""
        if head_of(model) is None:
            raise ConfigError("methods.head_needs_classification", got=type(model).__name__)
        model.requires_grad_(False)
        train_head(model)
        return model

    def trainable_count(self, model: PreTrainedModel) -> int:
        """classes · hidden, plus classes where the head has a bias."""
        return head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The head's tensors."""
        return head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(head_state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `head.safetensors` and `afinar.json`."""
        exports.write_card(directory, self.config, model, base=base, task=task)
        exports.write_tensors(Path(directory) / HEAD_FILE, head_state(model))

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an exported head onto its base. Raises ModelError where the file is missing, broken, or another model's."""
        tensors = exports.read_tensors(Path(directory) / HEAD_FILE)
        self.attach(model)
        copy_into(head_state(model), tensors)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model as it is: base and head are plain layers already."""
        return model

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """Changes nothing: the base is untouched, and the head stays."""
        yield
