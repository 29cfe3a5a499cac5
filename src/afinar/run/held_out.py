"""The rows that two models are compared on: those that a run held out, a source that is named, or bundled ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from afinar.config import RunConfig
from afinar.data import bundled
from afinar.data.examples import Examples
from afinar.data.prepare import prepare, prepare_source
from afinar.errors import DataError
from afinar.models.decoder import last_position
from afinar.run.session import Session

TEXTS, ANSWERS = "afinar/sentimento", "afinar/instrucoes"


@dataclass(frozen=True)
class Rows:
    """Examples, where they come from, and whether their labels are what the model was trained to tell."""

    examples: Examples
    source: str
    labelled: bool = True


def held_out_rows(session: Session, config: RunConfig | None, data: str | None, *, offline: bool = False) -> Rows:
    """The rows of `data`; else those that the run of `config` was measured on; else bundled ones.

    Bundled reviews stand in for a classifier's rows without their labels, which are another task's, and as running text for
    a model without a chat template.
    Raises DataError where the rows cannot be read; for a run's own rows it says how to name others.
    """
    if data is not None:
        return Rows(_read(session, data, offline), data)
    if config is None or config.data.train is None:  # an adapter alone, or a run on rows that were given in Python
        return _bundled(session)
    try:
        rows = _of_run(session, config, offline)
    except DataError as error:
        raise DataError("exporting.rows_gone", problem=error.message) from error
    return _bundled(session) if rows is None else rows


def _of_run(session: Session, config: RunConfig, offline: bool) -> Rows | None:
    """What the run itself was measured on, None where it held nothing out."""
    if config.data.valid is not None:
        return Rows(_read(session, config.data.valid, offline, config.data.format), config.data.valid)
    found = prepare(
        config.data,
        session.tokenizer,
        task=session.task,
        offline=offline,
        seed=config.training.seed,
        label_names=session.label_names or None,
    )
    return None if found.valid is None else Rows(found.valid, str(config.data.train))


def _read(session: Session, data: Any, offline: bool, format: str = "auto") -> Examples:
    return prepare_source(
        data,
        session.tokenizer,
        format=format,
        task=session.task,
        label_names=session.label_names or None,
        max_length=_longest(session),
        offline=offline,
    )


def _bundled(session: Session) -> Rows:
    if session.task == "causal" and session.tokenizer.chat_template:
        return Rows(_read(session, ANSWERS, offline=True), ANSWERS)
    lines = bundled.path(TEXTS, "valid").read_text(encoding="utf-8").splitlines()
    texts = [{"text": json.loads(line)["text"]} for line in lines]
    if session.task == "causal":
        return Rows(_read(session, texts, offline=True), TEXTS)
    rows = [{**row, "label": session.label_names[0]} for row in texts]
    return Rows(_read(session, rows, offline=True), TEXTS, labelled=False)


def _longest(session: Session) -> int:
    """The length that the run cut at, and never more than the model's positions."""
    positions = last_position(session.model, session.model.config)
    return session.max_length if positions is None else min(session.max_length, positions)
