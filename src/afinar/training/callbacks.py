"""Callbacks: what they remember (early stopping's patience so far) comes back with a checkpoint, and methods are called.

transformers keeps it in `trainer_state.json`, and leaves it there on resuming unless told; told, it replaces the callbacks
that the caller gave by new ones with the settings of the first run. Here the caller's callbacks stay, with their own
settings, and get back what they had counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transformers import PreTrainedModel, TrainerCallback
from transformers.trainer_callback import ExportableState

from afinar.methods.base import Stepwise


def restore_callbacks(callbacks: Iterable[TrainerCallback], saved: Any) -> None:
    """Set the attributes in `saved` on the callbacks of the same class, in their order.

    saved: `TrainerState.stateful_callbacks` as read back: class name -> state, or a list of states.
    """
    waiting = {name: list(data) if isinstance(data, list) else [data] for name, data in saved.items()}
    for callback in callbacks:
        states = waiting.get(type(callback).__name__)
        if isinstance(callback, ExportableState) and states:
            for attribute, value in states.pop(0)["attributes"].items():
                setattr(callback, attribute, value)


class MethodSteps(TrainerCallback):
    """Calls a method that works between steps (:class:`afinar.methods.base.Stepwise`)."""

    def __init__(self, method: Stepwise, model: PreTrainedModel) -> None:
        self.method = method
        self.model = model

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The length of the training is known here."""
        self.method.begin(self.model, state.max_steps)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The weights have moved, the gradients are still there; transformers counts the step afterwards."""
        self.method.after_step(self.model, state.global_step + 1)
