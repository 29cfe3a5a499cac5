"""Suites of behaviour tests put to a run or a model, before and after: `afinar.audit(...)` and the end of a run.

report = afinar.audit("runs/...", "afinar/sentimento")        # base and adapted
report.exit_code                                              # 0, or 3 where a gate failed
report.write("audits/today")                                  # audit.jsonl and audit.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from afinar import messages
from afinar.audit.config import AuditConfig
from afinar.audit.probes import Probe, Response
from afinar.audit.runner import run_suite
from afinar.audit.schema import Suite
from afinar.audit.sources import SuiteSource, load_suites
from afinar.audit.subjects import ModelSubject
from afinar.audit.summary import summarise
from afinar.audit.training_texts import trained_texts, training_texts
from afinar.audit.writing import Report
from afinar.config import RunConfig
from afinar.config import load as load_config
from afinar.errors import ConfigError, DataError
from afinar.run import folder as files
from afinar.run.session import Session, load, load_base
from afinar.training.reporting import Reporter, Silent

BASE, NONE = "base", "none"


def audit(
    source: Session | str | Path,
    suite: SuiteSource | Sequence[SuiteSource],
    *,
    baseline: Session | str | Path | None = None,
    strict: bool = False,
    categories: Sequence[str] | None = None,
    train_data: Any = None,
    offline: bool = False,
    seed: int = 0,
    on_event: Reporter | None = None,
) -> Report:
    """Put suites to a run or model, and say what can be said of it.

    source: a session, a run folder, an adapter, a model. suite: a bundled name, a file, a folder, a dict, a Suite, several of
    them, or one text with commas between the names.
    baseline: what to compare with: "base" (an adapted model's own base; the default where there is one), "none", or another
    run or model. strict: cases whose texts the training data have are left out, and what is not certain is not passed.
    categories: those to run; all by default. train_data: where to look for the suite's texts; by default what a run was
    trained on.
    seed: of the resampling behind intervals; sampled answers have their own, in the suite.

    Raises ConfigError and DataError for a suite that is wrong, and what loading models raises.
    """
    suites = load_suites(suite)
    reporter = on_event or Silent()
    session = source if isinstance(source, Session) else load(source, offline=offline)
    name = _name(session, source)
    known = _training(source, train_data, offline, reporter)
    chosen = baseline if baseline is not None else BASE if session.adapted else NONE
    before = _baseline(session, name, chosen, offline)
    return _report(suites, _subject(session, name), before, known, categories, strict, seed, reporter, chosen == BASE)


def audit_run(
    run: Session, folder: Path, config: RunConfig, suites: Sequence[Suite], rows: Any, offline: bool, reporter: Reporter
) -> Report:
    """The audit at the end of a run, of its base and its adapted model. rows: the training rows, where they were given in
    Python.
    """
    known = _trained(config, rows, offline, reporter)
    before = _baseline(run, folder.as_posix(), BASE, offline)
    subject = _subject(run, folder.as_posix())
    return _report(suites, subject, before, known, None, config.audit.strict, config.training.seed, reporter, True)


def suites_of(config: AuditConfig) -> list[Suite]:
    """The suites that a run is audited by; read before it trains, so that a mistake in one costs no training."""
    return [] if config.suite is None else load_suites(config.suite)


def _report(
    suites: Sequence[Suite],
    subject: ModelSubject,
    baseline: ModelSubject | None,
    training: Sequence[str] | None,
    categories: Sequence[str] | None,
    strict: bool,
    seed: int,
    reporter: Reporter,
    own_base: bool,
) -> Report:
    found = []
    for suite, chosen in zip(suites, _chosen(suites, categories), strict=True):
        reporter.on_stage("audit.stage", suite=suite.name, version=suite.version, cases=len(suite.cases))
        known = run_suite(
            suite, subject, baseline, categories=chosen, training=training, strict=strict, on_progress=reporter.on_progress
        )
        found.append(summarise(known, seed=seed))
    reporter.on_done()
    return Report(tuple(found), strict, seed, own_base, files.versions())


def _chosen(suites: Sequence[Suite], categories: Sequence[str] | None) -> list[list[str] | None]:
    """For each suite the categories asked for that it has. With one suite they are its own affair, errors included."""
    if categories is None or len(suites) == 1:
        return [None if categories is None else list(categories) for _ in suites]
    known = list(dict.fromkeys(name for suite in suites for name in suite.categories))
    for name in categories:
        if name not in known:
            raise ConfigError("core.choice", field="category", got=name, allowed=", ".join(known))
    return [[name for name in categories if name in suite.categories] for suite in suites]


# --- the models ----------------------------------------------------------------------------------------------------


class _Base(ModelSubject):
    """The base under an adapter that is switched off while it is asked."""

    def __init__(
        self, *args: Any, switched_off: Callable[[], AbstractContextManager[Any]] = nullcontext, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._switched_off = switched_off

    def respond(self, probes: Sequence[Probe], on_progress: Callable[[int, int], None] | None = None) -> list[Response]:
        with self._switched_off():
            return super().respond(probes, on_progress)


def _subject(session: Session, name: str) -> ModelSubject:
    return ModelSubject(session.model, session.tokenizer, name=name, **_manner(session))


def _manner(session: Session) -> dict[str, Any]:
    limit = session.positions
    return {
        "task": session.task,
        "label_names": session.label_names,
        "max_length": session.max_length if limit is None else min(session.max_length, limit),
        "running_text": session.running_text,
    }


def _baseline(session: Session, name: str, baseline: Session | str | Path, offline: bool) -> ModelSubject | None:
    if baseline == NONE:
        return None
    if baseline != BASE:
        other = baseline if isinstance(baseline, Session) else load(baseline, offline=offline, task=session.task)
        return _subject(other, _name(other, baseline))
    if session.method is None:
        raise ConfigError("run.nothing_to_compare", got=name)
    title = session.base_model.name
    if session.task == "causal" and session.method.switchable:
        return _Base(session.model, session.tokenizer, name=title, switched_off=session.base, **_manner(session))
    return _subject(load_base(session, offline=offline), title)


def _name(session: Session, source: Session | str | Path) -> str:
    if not isinstance(source, Session):
        return Path(source).as_posix()
    folder = vars(source).get("folder")
    return Path(folder).as_posix() if folder else session.base_model.name


# --- what it was trained on ----------------------------------------------------------------------------------------


def _training(source: Session | str | Path, named: Any, offline: bool, reporter: Reporter) -> list[str] | None:
    if named is not None:
        return list(training_texts(named, offline=offline))
    folder = vars(source).get("folder") if isinstance(source, Session) else source
    if folder is None or not (Path(folder) / files.CONFIG).is_file():
        return None
    return _trained(load_config(Path(folder) / files.CONFIG, environ={}), None, offline, reporter)


def _trained(config: RunConfig, rows: Any, offline: bool, reporter: Reporter) -> list[str] | None:
    """The texts that a run trained on; None, told, where they are not to be had any more."""
    if config.data.train is None and rows is None:
        return None
    try:
        return trained_texts(config.data, seed=config.training.seed, source=rows, offline=offline)
    except DataError as error:
        reporter.on_plan([messages.text("audit.no_training_data", problem=error.message)])
        return None
