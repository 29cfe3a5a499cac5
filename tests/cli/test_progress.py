"""Progress: lines without a terminal, a bar with one, in both languages."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.progress import BarReporter, LineReporter, reporting, scores_line
from afinar.training.figures import duration, progress_facts


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, highlight=False, markup=False)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def test_a_line_per_log_interval() -> None:
    to = console(terminal=False)
    reporter = LineReporter(to)
    reporter.on_stage("core.missing", field="x")
    for done in range(1, 21):
        reporter.on_progress(done, 20, loss=2.0 - done / 100)
        if done % 10 == 0:
            reporter.on_log({"loss": 1.0})
    reporter.on_done()
    assert written(to).splitlines() == ["x is missing.", "  10/20 · loss 1.900", "  20/20 · loss 1.800"]


def test_a_stage_without_logs_is_told_at_its_end() -> None:
    to = console(terminal=False)
    reporter = LineReporter(to)
    reporter.on_progress(1, 2)
    reporter.on_progress(2, 2)
    reporter.on_stage("core.missing", field="y")
    assert written(to).splitlines() == ["  2/2", "y is missing."]


def test_scores_in_the_log() -> None:
    to = console(terminal=False)
    LineReporter(to).on_log({"eval_perplexity": 12.5, "eval_loss": 2.5, "learning_rate": 1e-4})
    assert written(to) == "  perplexity 12.5000 · loss 2.5000\n"
    assert scores_line({"loss": 1.0, "eval_loss": None}) == ""


def test_bar() -> None:
    to = console(terminal=True)
    reporter = BarReporter(to)
    reporter.on_stage("core.missing", field="x")
    reporter.on_plan(["[plan] 3 rows"])
    reporter.on_progress(1, 10, loss=2.5, tokens_per_second=1500.0, memory_bytes=2 * 10**9, seconds_left=65.0)
    reporter.on_log({"eval_accuracy": 0.9})
    reporter.on_progress(10, 10, loss=1.5)
    reporter.on_done()
    shown = written(to)
    for part in ("x is missing.", "[plan] 3 rows", "10/10", "loss 1.500", "accuracy 0.9000"):
        assert part in shown
    before = shown
    reporter.on_done()
    assert written(to) == before


def test_the_terminal_is_given_back_after_an_error() -> None:
    to = console(terminal=True)

    def work() -> None:
        with reporting(Context(err=to)) as reporter:
            reporter.on_progress(1, 2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert written(to).rindex(shown) > written(to).rindex(hidden)  # the cursor


def test_the_kind_follows_the_stream() -> None:
    with reporting(Context(err=console(terminal=False))) as reporter:
        assert isinstance(reporter, LineReporter)


def test_facts_in_portuguese() -> None:
    messages.use("pt")
    assert progress_facts(2.5, 1500.0, 1_500_000_000, 30.0) == ["perda 2,500", "1.500 tokens/s", "1,5 GB", "faltam 30 s"]
    assert progress_facts(None, None, None, None) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-1, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3600, "1 h 00 min"),
        (7385, "2 h 03 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
