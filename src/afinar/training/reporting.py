"""What a run tells while it works: the Reporter that listens, and the callback that tells it.

The pipeline and the trainer know nothing of terminals; the command line hands them a :class:`Reporter`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from afinar.training.processes import summed

if TYPE_CHECKING:
    from afinar.training.trainer import SFTTrainer


class Reporter(Protocol):
    """Whoever shows a run to a person."""

    def on_stage(self, key: str, **values: Any) -> None:
        """A new stage begins; `key` is its text in :mod:`afinar.messages`."""

    def on_plan(self, lines: Sequence[str]) -> None:
        """What is about to happen, ready to print."""

    def on_progress(
        self,
        done: int,
        total: int,
        *,
        loss: float | None = None,
        tokens_per_second: float | None = None,
        memory_bytes: int | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """`done` of `total` steps (or rows, while evaluating)."""

    def on_log(self, metrics: Mapping[str, Any]) -> None:
        """The trainer's log at its interval, or the metrics of an evaluation meanwhile."""

    def on_done(self) -> None:
        """The stage is over."""


class Silent:
    """A Reporter that shows nothing, for use from Python."""

    def on_stage(self, key: str, **values: Any) -> None:
        """Nothing."""

    def on_plan(self, lines: Sequence[str]) -> None:
        """Nothing."""

    def on_progress(self, done: int, total: int, **facts: Any) -> None:
        """Nothing."""

    def on_log(self, metrics: Mapping[str, Any]) -> None:
        """Nothing."""

    def on_done(self) -> None:
        """Nothing."""


def memory_bytes(device: torch.device) -> int:
    """Memory in use: the device's allocations on CUDA, else this process's resident set."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return psutil.Process().memory_info().rss


def append_metrics(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one JSON line to metrics.jsonl."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


class Telling(TrainerCallback):
    """Tells a Reporter of each step, writes metrics.jsonl, and keeps the peak of memory.

    It also ends training after the step at hand, with a checkpoint, once :attr:`stop` is set (by a signal handler).
    """

    def __init__(self, reporter: Reporter, metrics_file: Path) -> None:
        self.reporter = reporter
        self.metrics_file = metrics_file
        self.trainer: SFTTrainer | None = None
        self.peak_memory_bytes = 0
        self.stop = False
        self.tokens_before = 0
        self._began = (0.0, 0)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Start the clock; a resumed run's rate counts from here, not from the first step."""
        assert self.trainer is not None
        self._began = (time.perf_counter(), state.global_step)
        self.tokens_before = self.trainer.tokens_seen

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Tell of the step; stop where asked to."""
        trainer = self.trainer
        assert trainer is not None
        memory = memory_bytes(args.device)
        cuda = args.device.type == "cuda"
        self.peak_memory_bytes = max(self.peak_memory_bytes, torch.cuda.max_memory_allocated(args.device) if cuda else memory)
        start, first_step = self._began
        seconds = max(time.perf_counter() - start, 1e-9)
        steps = max(state.global_step - first_step, 1)
        self.reporter.on_progress(
            state.global_step,
            state.max_steps,
            loss=trainer.step_loss,
            tokens_per_second=(trainer.tokens_seen - self.tokens_before) / seconds,
            memory_bytes=memory,
            seconds_left=(state.max_steps - state.global_step) * seconds / steps,
        )
        # A signal reaches the processes at different steps; all must stop after the same one.
        if any(summed([self.stop], args.device)):
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append to metrics.jsonl and tell."""
        if state.is_world_process_zero:
            append_metrics(self.metrics_file, {"step": state.global_step, **(logs or {})})
        self.reporter.on_log(logs or {})
