"""What a training shows in a script or a notebook, in place of transformers' progress bar and printed dicts.

    4/12 ━━━━━━━━━━━━━━━━━━━━━, loss 2.314 · 1,250 tokens/s · 0.9 GB · 2 min 05 s left          (a terminal or a notebook)
    step 10/12 · loss 2.290 · gradient norm 0.812 · learning rate 9.8e-05 · epoch 0.833 · 1,250 tokens/s · 0.9 GB · 3 s left
    step 12 · evaluation: loss 2.103 · perplexity 8.191 · token accuracy 0.512 (4 s)

A bar moves with every step and every evaluated batch; a line is written at each log, with the speed, the memory and the
time left where there is no bar to show them. All of it goes to stderr, from the first process only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import DEFAULT_PROGRESS_CALLBACK
from transformers.trainer_utils import has_length
from transformers.utils import is_in_notebook

from afinar import messages
from afinar.methods.peft_wrapped import PeftWrapped
from afinar.training.figures import duration, is_evaluation, log_facts, progress_facts
from afinar.training.groups import describe
from afinar.training.reporting import memory_bytes

if TYPE_CHECKING:
    from afinar.training.trainer import SFTTrainer


class Progress(TrainerCallback):
    """Shows `trainer` at work.

    bars: whether bars are drawn; None draws them on a terminal and in a notebook, unless `disable_tqdm` is set.
    """

    def __init__(self, trainer: SFTTrainer, *, bars: bool | None = None) -> None:
        self.trainer = trainer
        quiet = trainer.args.disable_tqdm
        self.bars = (sys.stderr.isatty() or is_in_notebook()) and not quiet if bars is None else bars
        self._training: Any = None
        self._evaluation: Any = None
        self._began = (0.0, 0, 0)

    # --- training --------------------------------------------------------------------------------------------------

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Tell what trains at which rate, and draw the bar; a resumed training begins where it was."""
        if not state.is_world_process_zero:
            return
        self._began = (time.perf_counter(), state.global_step, self.trainer.tokens_seen)
        method = self.trainer.method
        if isinstance(method, PeftWrapped) and method.beyond:
            self._say(messages.text("methods.wrapped_by_peft", got=method.beyond))
        groups = kwargs["optimizer"].param_groups
        if all("name" in group for group in groups):  # an optimizer of the caller's own has groups without names
            for line in describe(groups):
                self._say(line)
        if self.bars:
            self._training = _bar(state.max_steps, initial=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self._training is not None:
            self._training.set_postfix_str(" · ".join(self._facts(args, state)), refresh=False)
            self._training.update(state.global_step - self._training.n)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Leave the bars as they stand."""
        self._close_evaluation()
        if self._training is not None:
            self._training.close()
            self._training = None

    # --- evaluation ------------------------------------------------------------------------------------------------

    def on_prediction_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        eval_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        """One more batch evaluated."""
        if not self.bars or not state.is_world_process_zero:
            return
        if self._evaluation is None:
            total = len(eval_dataloader) if has_length(eval_dataloader) else None
            self._evaluation = _bar(total, description=messages.text("training.evaluation"), leave=False)
        self._evaluation.update(1)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The evaluation is over; its metrics were logged."""
        self._close_evaluation()

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any
    ) -> None:
        """The prediction is over; its metrics are returned to the caller, not logged."""
        self._close_evaluation()

    def _close_evaluation(self) -> None:
        if self._evaluation is not None:
            self._evaluation.close()
            self._evaluation = None

    # --- logs ------------------------------------------------------------------------------------------------------

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """One line: the figures of the step, the metrics of an evaluation, or how long the training took."""
        if not state.is_world_process_zero or not logs:
            return
        if is_evaluation(logs):
            self._close_evaluation()
            self._say(_evaluation_line(state, logs))
        elif "train_loss" in logs:  # train_runtime is in every log where tokens are counted
            self._say(messages.text("training.trained", steps=messages.number(state.global_step, 0), **_ended(logs)))
        else:
            facts = log_facts(logs)
            if not self.bars and "loss" in logs:
                facts += self._facts(args, state)[1:]  # the loss of the log is there already
            self._say(_line(state, facts))

    def _facts(self, args: TrainingArguments, state: TrainerState) -> list[str]:
        start, first_step, first_tokens = self._began
        seconds = max(time.perf_counter() - start, 1e-9)
        done = max(state.global_step - first_step, 1)
        return progress_facts(
            self.trainer.step_loss,
            (self.trainer.tokens_seen - first_tokens) / seconds,
            memory_bytes(args.device),
            (state.max_steps - state.global_step) * seconds / done,
        )

    def _say(self, line: str) -> None:
        tqdm.write(line, file=sys.stderr)  # above whatever bar there is


def show_progress(trainer: SFTTrainer) -> None:
    """Give `trainer` a :class:`Progress` in place of the callback that transformers has just added for the purpose.

    Call it right after `Trainer.__init__`, which adds its own last; one that the caller passed stays.
    """
    newest = trainer.callback_handler.callbacks[-1]
    if type(newest) in (PrinterCallback, DEFAULT_PROGRESS_CALLBACK):
        trainer.remove_callback(newest)
    trainer.add_callback(Progress(trainer))


def _bar(total: int | None, *, initial: int = 0, description: str = "", leave: bool = True) -> Any:
    return tqdm(
        total=total,
        initial=initial,
        desc=f"{description} " if description else None,
        leave=leave,
        file=sys.stderr,
        dynamic_ncols=True,
        bar_format="{desc}{n_fmt}/{total_fmt} {bar}{postfix}",
    )


def _line(state: TrainerState, facts: list[str]) -> str:
    total = f"/{messages.number(state.max_steps, 0)}" if state.max_steps > 0 else ""
    step = messages.text("training.step", step=f"{messages.number(state.global_step, 0)}{total}")
    return " · ".join([step, *facts])


def _evaluation_line(state: TrainerState, logs: Mapping[str, Any]) -> str:
    times = [value for name, value in logs.items() if name.endswith("_runtime")]
    taken = f" ({duration(times[0])})" if times else ""
    step = messages.text("training.step", step=messages.number(state.global_step, 0))
    return f"{step} · {messages.text('training.evaluation')}: {' · '.join(log_facts(logs))}{taken}"


def _ended(logs: Mapping[str, Any]) -> dict[str, str]:
    return {"time": duration(logs["train_runtime"]), "loss": messages.number(logs["train_loss"], 3)}
