"""Full fine-tuning: every weight of the model trains.

    W' = W + ΔW,    ΔW of full rank

The yardstick of the other methods, and a method like them, so that comparisons need no special case. Weights become
float32, whatever the model was loaded in: an Adam step of 5e-5 on a bfloat16 weight of 1 rounds away (the
nearest other value is 0.0039 off). With Adam's two moments and the gradient that is 16 bytes a weight.

Source: the two-stage recipe (pretrain, then train all weights on the task) of Radford et al. 2018, "Improving language
understanding by generative pre-training", section 3.2.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from torch import Tensor
from transformers import PreTrainedModel

from afinar.errors import ModelError
from afinar.methods import exports
from afinar.methods.config import Full
from afinar.methods.training_state import copy_into
from afinar.models.quantised import check_adapted


class FullMethod:
    """Trains everything; its export is a plain model."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = True
    switchable: ClassVar[bool] = False
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = False
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = False

    def __init__(self, config: Full) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make every weight float32 and trainable; tied weights stay one weight. Raises ConfigError for a quantised base."""
        check_adapted(model, adapted=False)
        return model.float().requires_grad_(True)

    def trainable_count(self, model: PreTrainedModel) -> int:
        """The model's size, tied weights counted once."""
        return sum(parameter.numel() for parameter in model.parameters())

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Every weight, tied ones once."""
        return _weights(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(_weights(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write the model as `from_pretrained` reads it, in float32, and `afinar.json`."""
        exports.write_card(directory, self.config, model, base=base, task=task)
        model.save_pretrained(directory)

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Overwrite the base's weights with an export's.

        It reads through `from_pretrained`, which knows the renamings between files and modules of each architecture, and
        so holds both models for a moment; where memory matters load the export itself as the model.
        """
        exported = exports.load_model(type(model), directory)
        self.attach(model)
        copy_into(_weights(model), _weights(exported))
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model as it is: there is nothing to fold in."""
        return model

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Raises ModelError: training overwrote the base's weights, and a copy would double the memory."""
        raise ModelError("methods.full_keeps_no_base")


def _weights(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}
