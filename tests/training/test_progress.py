"""What a training shows: a bar on a terminal, lines without one, nothing from other processes, nothing on stdout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import TrainerControl, TrainerState

from afinar import messages
from afinar.training.figures import figure, label, log_facts
from afinar.training.progress import Progress, show_progress
from tests.rows import causal_rows
from tests.tiny import tiny_model
from tests.trajectories.training import trainer

GROUPS = [
    {"name": "adapter", "params": [torch.zeros(1200)], "lr": 0.0, "initial_lr": 5e-4, "weight_decay": 0.01},
    {"name": "head", "params": [torch.zeros(8)], "lr": 0.0, "initial_lr": 1e-3, "weight_decay": 0.0},
]
EVALUATED = {"eval_loss": 2.1034, "eval_bits_per_byte": 1.5, "eval_runtime": 4.2, "eval_samples_per_second": 9.0, "epoch": 1.0}


class Show:
    """A Progress with a trainer that is told what happens to it."""

    def __init__(self, bars: bool, rank: int = 0, step: int = 0, disable_tqdm: bool = False) -> None:
        self.args: Any = SimpleNamespace(device=torch.device("cpu"), disable_tqdm=disable_tqdm)
        self.trainer: Any = SimpleNamespace(args=self.args, step_loss=2.5, tokens_seen=1000, method=None)
        self.progress = Progress(self.trainer, bars=bars)
        self.state = TrainerState(global_step=step, max_steps=12, is_world_process_zero=rank == 0)

    def begins(self, groups: list[dict[str, Any]] = GROUPS) -> None:
        self._tell("on_train_begin", optimizer=SimpleNamespace(param_groups=groups))

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.state.global_step += 1
            self.trainer.tokens_seen += 100
            self._tell("on_step_end")

    def logs(self, **logs: Any) -> None:
        self._tell("on_log", logs=logs)

    def evaluates(self, loader: Any, batches: int) -> None:
        for _ in range(batches):
            self._tell("on_prediction_step", eval_dataloader=loader)

    def ends(self) -> None:
        self._tell("on_train_end")

    def _tell(self, event: str, **values: Any) -> None:
        getattr(self.progress, event)(self.args, self.state, TrainerControl(), **values)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(bars=False)
    show.begins()
    show.steps(10)
    show.evaluates(None, 3)
    show.logs(loss=2.3456, grad_norm=0.8123, learning_rate=4.9e-5, epoch=0.5)
    show.logs(**EVALUATED)
    show.steps(2)
    show.logs(train_runtime=65.0, train_loss=2.2, train_samples_per_second=1.0, total_flos=1e9, epoch=1.0)
    show.ends()
    groups, head, step, evaluation, end = lines(capsys)
    assert groups == "  adapter: 1,200 values, learning rate 0.0005, weight decay 0.01"
    assert head.startswith("  head: 8 values, learning rate 0.001")
    told = "step 10/12 · loss 2.346 · gradient norm 0.812 · learning rate 4.9e-05 · epoch 0.500 · "
    assert step.startswith(told)
    speed, memory, left = step.removeprefix(told).split(" · ")
    assert speed.endswith(" tokens/s")
    assert memory.endswith(" GB")
    assert left.endswith(" left")
    assert evaluation == "step 10 · evaluation: loss 2.103 · bits per byte 1.500 (4 s)"
    assert end == "12 steps in 1 min 05 s · mean loss 2.200"


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(bars=True)
    show.begins()
    show.progress._training.mininterval = 0  # draw every step
    show.steps(4)
    show.logs(loss=2.3456)
    show.ends()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "4/12 " in shown.err
    assert ", loss 2.500 · " in shown.err
    assert " left" in shown.err
    assert "step 4/12 · loss 2.346\n" in shown.err  # the bar has the rest


def test_a_resumed_training_goes_on_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(bars=True, step=6)
    show.begins()
    assert show.progress._training.n == 6
    show.steps(1)
    assert show.progress._training.n == 7
    show.ends()
    assert show.progress._training is None


def test_speed_and_time_left_count_from_where_it_resumed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 102.0])
    monkeypatch.setattr("afinar.training.progress.time.perf_counter", lambda: next(clock))
    show = Show(bars=False, step=6)
    show.begins([])
    show.state.global_step, show.trainer.tokens_seen = 10, 3000
    show.logs(loss=1.0)
    (line,) = lines(capsys)
    assert " · 1,000 tokens/s · " in line
    assert line.endswith(" · 1 s left")  # 4 steps in 2 s, 2 to go


def test_other_processes_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    for bars in (True, False):
        show = Show(bars=bars, rank=1)
        show.begins()
        show.steps(2)
        show.evaluates(None, 1)
        show.logs(loss=1.0)
        show.logs(**EVALUATED)
        show.ends()
    assert lines(capsys) == []


def test_an_evaluation_has_a_bar_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(bars=True)
    show.evaluates(DataLoader([1, 2, 3]), 2)  # type: ignore[arg-type]
    assert (show.progress._evaluation.n, show.progress._evaluation.total) == (2, 3)
    show.logs(**EVALUATED)
    assert show.progress._evaluation is None
    show.evaluates(iter([]), 2)  # a stream has no length
    assert show.progress._evaluation.total is None
    show._tell("on_evaluate")
    show.evaluates(iter([]), 1)
    show._tell("on_predict", metrics={})
    assert show.progress._evaluation is None
    assert "evaluation: " in capsys.readouterr().err


def test_no_bars_where_they_are_switched_off_or_seen_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert Progress(Show(bars=False).trainer).bars
    assert not Progress(Show(bars=False, disable_tqdm=True).trainer).bars
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert not Progress(Show(bars=False).trainer).bars


def test_groups_of_the_callers_own_optimizer_have_no_names_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(bars=False)
    show.begins([{"params": [torch.zeros(2)], "lr": 0.1}])
    assert lines(capsys) == []


def test_in_portuguese(capsys: pytest.CaptureFixture[str]) -> None:
    messages.use("pt")
    show = Show(bars=False, step=3)
    show.logs(**EVALUATED)
    assert lines(capsys) == ["passo 3 · avaliação: perda 2,103 · bits por byte 1,500 (4 s)"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (12345, "12,345"), (0.0, "0.000"), (2.3456, "2.346"), (45.678, "45.68"), (123.456, "123.5")),
        *((12345.6, "12,346"), (0.0123, "0.0123"), (4.9e-5, "4.9e-05"), (True, "True"), ("text", "text"), (-2.5, "-2.500")),
    ],
)
def test_figures(value: Any, text: str) -> None:
    assert figure(value) == text


def test_names_of_metrics() -> None:
    assert label("token_accuracy") == "token accuracy"
    assert label("news_bits_per_byte") == "news: bits per byte"
    assert label("my_own_score") == "my own score"
    assert log_facts({"eval_news_loss": 1.0, "eval_news_runtime": 2.0, "epoch": 1.0}) == ["news: loss 1.000"]


class Own(TrainerCallback):
    """A callback of the caller's."""


@pytest.mark.parametrize("disable_tqdm", [True, False])
def test_it_takes_the_place_of_what_transformers_adds(disable_tqdm: bool, tmp_path: Path) -> None:
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, disable_tqdm=disable_tqdm, report_to="none")
    stock: Any = Trainer(tiny_model(), args, callbacks=[Own()])
    show_progress(stock)
    kinds = [type(callback) for callback in stock.callback_handler.callbacks]
    assert kinds[-2:] == [Own, Progress]
    assert not {PrinterCallback, ProgressCallback} & set(kinds)


def test_a_training_from_beginning_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"logging_steps": 2, "eval_strategy": "steps", "eval_steps": 3, "save_strategy": "no"}
    run = trainer("lora", tmp_path, max_steps=3, lora_plus_ratio=4.0, **settings)
    capsys.readouterr()
    run.train()
    told = lines(capsys)
    assert [line.split(":")[0] for line in told[:2]] == ["  adapter", "  adapter/B"]
    assert [line.split(" · ")[0] for line in told[2:-1]] == ["step 2/3", "step 3"]
    assert " · evaluation: loss " in told[3]
    assert " · perplexity " in told[3]
    assert told[4].startswith("3 steps in ")


def test_an_evaluation_from_beginning_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Seen(TrainerCallback):
        def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append((bar._evaluation.n, bar._evaluation.total))

    seen: list[tuple[int, int]] = []
    run = trainer("lora", tmp_path, eval_strategy="no")
    bar = Progress(run, bars=True)
    run.remove_callback(Progress)
    run.add_callback(bar)
    run.add_callback(Seen())
    run.evaluate(causal_rows(70))  # two items of the loader
    assert seen == [(1, 2), (2, 2)]
    assert bar._evaluation is None
