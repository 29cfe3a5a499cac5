"""Measuring a run or a model on rows of data or on tasks, and two models against each other on the same ones.

evaluate("runs/2026-11-22_1", "valid.jsonl")                                # a run's base against what was trained on it
evaluate("runs/2026-11-22_2", "valid.jsonl", baseline="runs/2026-11-22_1")  # any two models
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afinar.errors import ConfigError
from afinar.evaluation.classify import describe_classifier
from afinar.evaluation.harness import TaskResult, Tasks, compare_tasks, find_tasks, run_tasks
from afinar.run.measure import Measured, answer, measure, measure_documents
from afinar.run.paired import as_json, differences
from afinar.run.predictions import check_place, write_predictions
from afinar.run.reading import Reading, Rows, comparable_tokens, read
from afinar.run.session import Session
from afinar.run.sides import NONE, Side, Source, beside, opened, rival
from afinar.training.reporting import Reporter, Silent


def evaluate(
    source: Source,
    data: Any = None,
    *,
    format: str = "auto",
    max_length: int | None = None,
    stride: int | None = None,
    baseline: Source | None = None,
    generate: bool = False,
    max_new_tokens: int = 64,
    predictions: str | Path | None = None,
    tasks: Sequence[str] = (),
    tasks_path: str | Path | None = None,
    tasks_shots: int | None = None,
    tasks_limit: int | None = None,
    tasks_chat: bool = False,
    offline: bool = False,
    on_event: Reporter | None = None,
) -> dict[str, Any]:
    """Measure a run or model on `data` (a file, folder, bundled set, hub name, or rows), beside its base or `baseline`.

    max_length: longest row in tokens, by default that of the run's training; for running text, which is measured whole, the
        window in which it is read, by default all that the model reads, up to 4,096.
    stride: new tokens of each window; by default as many as the window has.
    baseline: the model to compare with; None and "base" are the base under an adapted model, "none" is no other model.
    generate: also answer each prompt, greedily, up to `max_new_tokens`, and score the answers.
    predictions: a file for what became of each row, as JSON lines; it is written whole or not at all.
    tasks: tasks of lm-evaluation-harness by name, beside the data or in their place; tasks_path: a folder with more of them.
    tasks_shots: examples before each question, by default the task's own; tasks_limit: only the first so many samples of each
        task; tasks_chat: ask through the chat template.

    Returns `{"base": metrics, "adapted": metrics, "comparison": {metric: difference}, "n": rows, ...}`, where "base" is the
    baseline and "adapted" the model itself; for one model alone there is `base` and no comparison.
    Raises ConfigError for values outside their range, models that have nothing in common and unknown tasks, DataError and
    ModelError as loading does.
    """
    _check(data, tasks, max_new_tokens, generate=generate, predictions=predictions is not None)
    for option, given, least in (("tasks_shots", tasks_shots, 0), ("tasks_limit", tasks_limit, 1)):
        if given is not None and given < least:
            raise ConfigError("core.range", field=option, got=given, allowed=f">= {least}")
    rows = Rows(data=data, format=format, max_length=max_length, stride=stride, prompts=generate, offline=offline)
    place = None if predictions is None else check_place(predictions, rows.source)
    known = None
    if tasks:
        found_tasks = find_tasks(tasks, folder=tasks_path, shots=tasks_shots, offline=offline)
        known = _Asked(found_tasks, tasks_limit, tasks_chat)
    reporter = on_event or Silent()
    own = opened(source, reporter, offline=offline)
    other = rival(own, baseline, reporter, offline=offline)
    ours, theirs = (None, None) if data is None else read(rows, own, other)
    limit = max_new_tokens if generate else None
    after = _figures(own, ours, limit, known, reporter)
    found, models = {"base": after}, {"base": own.name}
    alone = isinstance(baseline, str) and baseline == NONE
    if other is not None or (own.session.adapted and not alone):
        with beside(own, other, reporter, offline=offline) as second:
            before = _figures(second, theirs, limit, known, reporter)
        found, models = {"base": before, "adapted": after}, {"base": second.name, "adapted": own.name}
    measured = {side: figures.measured for side, figures in found.items() if figures.measured is not None}
    if place is not None:
        write_predictions(place, measured)
    result: dict[str, Any] = {side: measured[side].metrics if side in measured else {} for side in found}
    if len(measured) == 2 and ours is not None and theirs is not None:
        result["comparison"] = differences(measured["base"], measured["adapted"], same_tokens=comparable_tokens(ours, theirs))
    result |= {"n": 0 if ours is None else len(ours), "models": models, **details(measured)}
    if ours is not None:
        result["data"] = {"source": rows.source, **ours.about()}
    if known is not None:
        result["tasks"] = _tasks({side: figures.tasks for side, figures in found.items()})
    return result


def _check(data: Any, tasks: Sequence[str], max_new_tokens: int, **needs_data: bool) -> None:
    if data is None and not tasks:
        raise ConfigError("evaluating.nothing")
    for name, given in needs_data.items():
        if given and data is None:
            raise ConfigError("evaluating.needs_data", option=f"--{name}")
    if max_new_tokens < 1:
        raise ConfigError("core.range", field="max_new_tokens", got=max_new_tokens, allowed=">= 1")


def details(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """What is told beside the metrics, by side, where there is any: `signatures`, and the `classes` of classifiers."""
    signatures = {side: found.signatures for side, found in measured.items() if found.signatures}
    classes = {
        side: describe_classifier(found.predictions, tuple(found.predictions[0]["probabilities"]))
        for side, found in measured.items()
        if found.predictions and found.tokens is None
    }
    return {name: told for name, told in (("signatures", signatures), ("classes", classes)) if told}


# --- the figures of one model --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Figures:
    measured: Measured | None
    tasks: list[TaskResult]


@dataclass(frozen=True)
class _Asked:
    tasks: Tasks
    limit: int | None
    chat: bool

    def of(self, session: Session, reporter: Reporter) -> list[TaskResult]:
        return run_tasks(
            session.model, session.tokenizer, self.tasks, limit=self.limit, chat=self.chat, on_batch=reporter.on_progress
        )


def _figures(side: Side, reading: Reading | None, limit: int | None, asked: _Asked | None, reporter: Reporter) -> _Figures:
    """One side on the rows, where there are any, and on the tasks. limit: longest answer to a prompt; None: no answers."""
    measured = None if reading is None else _measured(side, reading, limit, reporter)
    if asked is None:
        return _Figures(measured, [])
    reporter.on_stage("evaluating.stage_tasks", name=side.name, tasks=", ".join(asked.tasks.names))
    return _Figures(measured, asked.of(side.session, reporter))


def _measured(side: Side, reading: Reading, limit: int | None, reporter: Reporter) -> Measured:
    n = len(reading)

    def progress(done: int, total: int) -> None:
        reporter.on_progress(done, total)

    reporter.on_stage("evaluating.stage_measure", name=side.name, n=n)
    if reading.rolling is not None:
        return measure_documents(side.session, reading.documents, reading.rolling, on_batch=progress)
    measured = measure(side.session, reading.examples, on_batch=progress, max_length=reading.cut)
    if limit is None:
        return measured
    reporter.on_stage("evaluating.stage_generate", name=side.name, n=n)
    return measured.with_answers(answer(side.session, reading.examples, limit, on_batch=progress))


def _tasks(found: Mapping[str, Sequence[TaskResult]]) -> dict[str, Any]:
    """By task: each side's figures, and what they differ in."""
    told = {
        result.name: {side: _named(results, result.name).as_dict() for side, results in found.items()}
        for result in found["base"]
    }
    if "adapted" in found:
        for name, compared in compare_tasks(found["base"], found["adapted"]).items():
            told[name]["comparison"] = {metric: as_json(difference) for metric, difference in compared.items()}
    return told


def _named(results: Sequence[TaskResult], name: str) -> TaskResult:
    return next(result for result in results if result.name == name)
