"""A run from top to bottom: data, model, base measured, training, adapted measured, files."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from afinar.audit.writing import Report
from afinar.config import RunConfig, from_mapping, to_mapping, validate
from afinar.data.config import DataConfig
from afinar.data.prepare import Prepared, prepare
from afinar.errors import ConfigError
from afinar.methods.base import METHODS, config_class
from afinar.methods.config import Head, LoRA, MethodConfig
from afinar.models.config import ModelConfig
from afinar.models.load import load_model, load_tokenizer
from afinar.models.quantize import count_weights
from afinar.options import values_of
from afinar.run import folder as files
from afinar.run import group
from afinar.run.auditing import audit_run, suites_of
from afinar.run.card import write_card
from afinar.run.evaluating import details
from afinar.run.measure import Measured, answer, measure
from afinar.run.paired import differences
from afinar.run.resolving import check_positions, resolve, task_of, trained_labels
from afinar.run.resuming import check_unchanged, folder_to_resume, open_folder
from afinar.run.session import Session
from afinar.run.stopping import stopping_with_checkpoint
from afinar.training import from_config
from afinar.training.optimizer import describe, parameter_groups
from afinar.training.progress import Progress
from afinar.training.reporting import Reporter, Silent, Telling, append_metrics
from afinar.training.trainer import SFTTrainer


@dataclass
class Run(Session):
    """A finished run: a :class:`Session` with its folder, config and results."""

    folder: Path = field(default_factory=Path)
    config: RunConfig = field(default_factory=RunConfig)
    results: dict[str, Any] = field(default_factory=dict)


def fine_tune(
    model: str = "afinar-mini",
    *,
    train: Any,
    valid: Any = None,
    method: MethodConfig | str | None = None,
    output: str = "runs",
    offline: bool = False,
    on_event: Reporter | None = None,
    **settings: Any,
) -> Run:
    """Fine-tune `model` and measure it before and after; returns the finished run.

    train, valid: anything that `data.train` takes, a `datasets.Dataset`, or a list of dicts.
    method: `afinar.LoRA(r=8)` (the default), `afinar.Full()`, `afinar.Head()`, or a name.
    settings: fields of the `training:`, `data:` and `model:` sections by name, such as `epochs=1`, `max_length=256` or
        `quantize="nf4"`.
    Raises the errors of :mod:`afinar.errors`; ConfigError names the nearest setting for an unknown one.
    """
    config = from_mapping(_mapping(model, train, valid, method, output, settings))
    rows = {name: value for name, value in (("train", train), ("valid", valid)) if not isinstance(value, str | Path | None)}
    return _train(group.join(config), offline=offline, reporter=_reporter(on_event), rows=rows)


def train(
    config: RunConfig,
    *,
    resume: str | bool | None = None,
    offline: bool = False,
    on_event: Reporter | None = None,
) -> Run:
    """Run `config`: prepare the data, measure the base, train, measure again, write the run folder.

    resume: a run folder, or True for the newest unfinished run under `config.output` (a new run where there is none).
    Raises ConfigError, DataError, ModelError for what is wrong before training begins; NonFiniteLossError during it;
    RefusedError for a folder in use or a run whose data or settings changed.

    Under torchrun every process calls it; they make one run, and `on_event` is told by the first.
    """
    config = group.join(config)
    reporter = _reporter(on_event)
    folder = group.on_first(lambda: folder_to_resume(config, resume, reporter)) if resume else None
    return _train(config, offline=offline, reporter=reporter, rows={}, resumed=folder)


def _train(config: RunConfig, *, offline: bool, reporter: Reporter, rows: dict[str, Any], resumed: Path | None = None) -> Run:
    validate(replace(config, data=replace(config.data, train=config.data.train or "-")) if rows else config)
    suites = suites_of(config.audit)
    tokenizer = load_tokenizer(config.model, offline=offline)
    reporter.on_stage("run.stage_data", source=config.data.train or "-")
    data = prepare(
        config.data,
        tokenizer,
        task=task_of(config, offline),
        offline=offline,
        seed=config.training.seed,
        label_names=trained_labels(config, offline),
        **rows,
    )
    reporter.on_plan(data.report.lines())
    if isinstance(config.method, Head) and data.task == "causal":
        raise ConfigError("config.head_causal")
    if config.evaluation.generate and data.format in ("text", "classification"):
        raise ConfigError("run.nothing_to_answer", format=data.format)
    set_seed(config.training.seed)  # a new classification head is drawn here, LoRA's A in the trainer
    model = load_model(config.model, task=data.task, label_names=data.label_names, tokenizer=tokenizer, offline=offline)
    check_positions(data, model, config.method)
    config = resolve(config, data, model)
    reporter.on_stage("run.stage_model", name=config.model.name, device=config.model.device, dtype=config.model.dtype)
    folder = group.on_first(lambda: files.new_folder(config.output)) if resumed is None else resumed
    run = Run(
        model, tokenizer, data.task, data.label_names, None, config.model, config.training.seed, config.data.max_length,
        running_text=config.data.format == "text", folder=folder, config=config,
    )  # fmt: skip
    with ExitStack() as stack:
        group.on_first(lambda: stack.enter_context(files.locked(folder)))
        group.on_first(lambda: (check_unchanged if resumed else open_folder)(folder, config, data))
        _in_folder(run, data, reporter)
        if suites:
            _audited(run, audit_run(run, folder, config, suites, rows.get("train"), offline, reporter))
        return run


def _reporter(on_event: Reporter | None) -> Reporter:
    return on_event if on_event is not None and group.is_first() else Silent()


def _in_folder(run: Run, data: Prepared, reporter: Reporter) -> Run:
    folder, config = run.folder, run.config
    checkpoint = group.on_first(lambda: files.newest_checkpoint(folder))
    trainer, telling = _trainer(run, data, reporter)
    base = _measure_base(run, trainer, data, reporter, folder)
    reporter.on_stage("run.stage_train", method=config.method.name, steps=_steps(config, data), folder=str(folder))
    seconds = _fit(trainer, telling, checkpoint)
    run.method = trainer.method
    adapted = _measured(run, data, reporter, "run.stage_adapted")
    export = "model" if config.method.name == "full" else "adapter"
    trainer.save_model(str(folder / export))
    run.results = _results(run, trainer, telling, base, adapted, seconds)
    if group.is_first():
        if adapted.predictions:
            files.write_lines(folder / files.PREDICTIONS, adapted.predictions)
        write_card(folder, config, run.results, export)
        files.write_json(folder / files.RESULTS, run.results)
    reporter.on_done()
    return run


def _mapping(
    model: str, train: Any, valid: Any, method: MethodConfig | str | None, output: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of :func:`fine_tune` as a config; each setting goes to the section that has a field of its name."""
    chosen = LoRA() if method is None else config_class(method)() if isinstance(method, str) else method
    if not hasattr(type(chosen), "name"):
        raise ConfigError("methods.not_a_config", got=type(chosen).__name__, allowed=", ".join(METHODS))
    of_data = {f.name for f in fields(DataConfig)}
    of_model = {f.name for f in fields(ModelConfig)} - {"name"}
    data = {name: str(value) for name, value in (("train", train), ("valid", valid)) if isinstance(value, str | Path)}
    data |= {name: value for name, value in settings.items() if name in of_data}
    base = {"name": model} | {name: value for name, value in settings.items() if name in of_model}
    training = {name: value for name, value in settings.items() if name not in of_data | of_model}
    technique = {"name": chosen.name, **values_of(chosen)}
    return {"model": base, "data": data, "training": training, "method": technique, "output": output}


# --- training ------------------------------------------------------------------------------------------------------


def _trainer(run: Run, data: Prepared, reporter: Reporter) -> tuple[SFTTrainer, Telling]:
    device = torch.device(run.config.model.device)
    telling = Telling(reporter, run.folder / files.METRICS)
    args = from_config.sft_config(
        run.config.training,
        output_dir=str(run.folder),
        rows=len(data.train),
        device=device,
        evaluate=data.valid is not None,
    )
    trainer = SFTTrainer(
        run.model,
        args,
        train_dataset=data.train,
        eval_dataset=data.valid,
        processing_class=run.tokenizer,
        method=run.config.method,
        callbacks=[telling],
    )
    trainer.remove_callback(Progress)  # the reporter shows it
    telling.trainer = trainer
    reporter.on_plan(describe(parameter_groups(trainer.model, trainer.args)))
    return trainer, telling


def _fit(trainer: SFTTrainer, telling: Telling, checkpoint: Path | None) -> float:
    """Train (on); returns the seconds it took. A signal ends it after the step at hand, with a checkpoint."""
    start = time.perf_counter()
    if checkpoint is not None and trainer.finished_at(checkpoint):
        trainer.restore(checkpoint)
        return time.perf_counter() - start
    with stopping_with_checkpoint(telling):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return time.perf_counter() - start


def _steps(config: RunConfig, data: Prepared) -> int:
    return from_config.total_steps(config.training, len(data.train))


def _audited(run: Run, report: Report) -> None:
    """Write what an audit found into the run folder; the run had finished before it."""
    run.results["audit"] = report.as_dict()
    if group.is_first():
        report.write(run.folder)
        files.write_json(run.folder / files.RESULTS, run.results)


# --- measuring and writing -----------------------------------------------------------------------------------------


def _measure_base(run: Run, trainer: SFTTrainer, data: Prepared, reporter: Reporter, folder: Path) -> Measured:
    """The base before any step: the method is attached but has trained nothing yet, and a prompt is switched off."""
    method = trainer.method
    with method.disabled(trainer.model) if method.switchable else nullcontext():
        measured = _measured(run, data, reporter, "run.stage_base")
    if group.is_first():
        append_metrics(
            folder / files.METRICS, {"step": 0, **{f"base_{key}": value for key, value in measured.metrics.items()}}
        )
    return measured


def _measured(run: Run, data: Prepared, reporter: Reporter, stage: str) -> Measured:
    """The metrics of the model as it is now; with its answers to the held-out prompts where the config asks for them.

    Every process measures and answers, though one writes: the others would only wait, and waiting has a time limit.
    """
    if data.valid is None:
        return Measured({}, 0)
    reporter.on_stage(stage, n=len(data.valid))
    blocks = run.config.data.packing == "blocks"
    measured = measure(run, data.valid, on_batch=lambda done, total: reporter.on_progress(done, total), blocks=blocks)
    if not run.config.evaluation.generate:
        return measured
    reporter.on_stage("run.stage_generate", n=len(data.valid))
    limit = run.config.evaluation.max_new_tokens
    answered = answer(run, data.valid, limit, on_batch=lambda done, total: reporter.on_progress(done, total))
    return measured.with_answers(answered)


def _results(
    run: Run, trainer: SFTTrainer, telling: Telling, base: Measured, adapted: Measured, seconds: float
) -> dict[str, Any]:
    method = {"name": run.config.method.name, **to_mapping(run.config)["method"]}
    return {
        "task": run.task,
        "method": method,
        "base": base.metrics,
        "adapted": adapted.metrics,
        "comparison": differences(base, adapted),
        "n": adapted.n,
        **details({"base": base, "adapted": adapted}),
        "training": {
            "seconds": seconds,
            "optimizer_steps": trainer.state.global_step,
            "tokens": trainer.tokens_seen,
            "supervised_tokens": trainer.supervised_tokens_seen,
            "tokens_per_second": (trainer.tokens_seen - telling.tokens_before) / max(seconds, 1e-9),
            "peak_memory_bytes": telling.peak_memory_bytes,
            "trainable_parameters": trainer.method.trainable_count(run.model),
            "total_parameters": count_weights(run.model),
        },
        "seed": run.config.training.seed,
        "versions": files.versions(),
    }
