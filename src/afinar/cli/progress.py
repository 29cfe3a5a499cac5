"""What a run shows while it works, on stderr: a progress bar on a terminal, else one plain line per log interval.

Both are Reporters of :mod:`afinar.run`: the pipeline calls them and knows nothing of terminals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.results import whole
from afinar.training.figures import METRICS, progress_facts


@contextmanager
def reporting(context: Context) -> Iterator[BarReporter | LineReporter]:
    """The reporter that suits stderr; the terminal is given back whatever happens."""
    reporter = BarReporter(context.err) if context.err.is_terminal else LineReporter(context.err)
    try:
        yield reporter
    finally:
        reporter.on_done()


class LineReporter:
    """For files and pipes: the stages, the plan, and a line each time the trainer logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._latest = ""
        self._told = ""

    def on_stage(self, key: str, **values: Any) -> None:
        """A new stage begins: `key` is its text in the catalogue."""
        self._flush()
        self._print(messages.text(key, **values))

    def on_plan(self, lines: Sequence[str]) -> None:
        """What is about to happen, ready to print."""
        for line in lines:
            self._print(line)

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
        """Steps or batches done; told at the next log, or when the stage ends."""
        facts = progress_facts(loss, tokens_per_second, memory_bytes, seconds_left)
        self._latest = "  " + " · ".join([f"{whole(done)}/{whole(total)}", *facts])

    def on_log(self, metrics: Mapping[str, Any]) -> None:
        """The trainer's log interval: one line of where it is, with scores if there are any."""
        self._flush()
        told = scores_line(metrics)
        if told:
            self._print(f"  {told}")

    def on_done(self) -> None:
        """The work is over, or was stopped."""
        self._flush()

    def _flush(self) -> None:
        if self._latest and self._latest != self._told:
            self._print(self._latest)
            self._told = self._latest
        self._latest = ""

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)


class BarReporter:
    """For a terminal: the stages and the plan as lines, and below them a bar that moves with every step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def on_stage(self, key: str, **values: Any) -> None:
        """A new stage begins: `key` is its text in the catalogue."""
        self.on_done()
        self._console.print(messages.text(key, **values), soft_wrap=True)

    def on_plan(self, lines: Sequence[str]) -> None:
        """What is about to happen, ready to print."""
        for line in lines:
            self._console.print(line, soft_wrap=True)

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
        """Steps or batches done: the bar with loss, speed, memory and time left."""
        if self._bar is None or self._task is None:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}", markup=False))
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("", total=total, facts="")
            self._bar.start()
        facts = " · ".join(progress_facts(loss, tokens_per_second, memory_bytes, seconds_left))
        self._bar.update(self._task, completed=done, total=total, facts=facts)

    def on_log(self, metrics: Mapping[str, Any]) -> None:
        """Scores of an evaluation, above the bar; the loss of the step is in the bar already."""
        told = scores_line(metrics)
        if told:
            self._console.print(f"  {told}", soft_wrap=True)

    def on_done(self) -> None:
        """The stage is over, or was stopped: leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


def scores_line(metrics: Mapping[str, Any]) -> str:
    """The scores of an evaluation among logged metrics (`eval_perplexity`, ...), named in the language in force."""
    found = [(name, metrics[f"eval_{name}"]) for name in METRICS if isinstance(metrics.get(f"eval_{name}"), int | float)]
    return " · ".join(f"{messages.text(f'core.metric_{name}')} {messages.number(value, 4)}" for name, value in found)
