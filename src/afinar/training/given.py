"""The model as it was given: no method on top, whatever has `requires_grad` trains."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from safetensors.torch import save_model
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_NAME

from afinar.errors import ConfigError
from afinar.methods.training_state import copy_into, trained


class Given:
    """A :class:`afinar.methods.base.Method` that changes nothing, for callers who prepared the model themselves."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = False
    switchable: ClassVar[bool] = False
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = False
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = False

    def __init__(self, config: None = None) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model itself."""
        return model

    def trainable_count(self, model: PreTrainedModel) -> int:
        """Values with `requires_grad`; there is no formula for an arbitrary choice."""
        return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """What trains, by parameter name; tied parameters once."""
        return trained(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what :meth:`state` gave."""
        copy_into(trained(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """The whole model, as transformers saves it; of a plain module, its tensors."""
        if isinstance(model, PreTrainedModel):
            model.save_pretrained(directory)
        else:
            save_model(model, str(Path(directory) / SAFE_WEIGHTS_NAME))  # tied weights once

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Not possible without knowing what was trained: load the folder with `from_pretrained` instead."""
        raise ConfigError("training.given_restore", path=str(directory))

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model itself: there is nothing to fold in."""
        return model

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Not possible: what was trained is part of the model."""
        raise ConfigError("training.given_restore", path=type(model).__name__)
