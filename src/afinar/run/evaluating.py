"""Measuring a run or a model on rows of data, and two models against each other on the same rows.

evaluate("runs/2026-11-22_1", "valid.jsonl")                                # a run's base against what was trained on it
evaluate("runs/2026-11-22_2", "valid.jsonl", baseline="runs/2026-11-22_1")  # any two models
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afinar.data.config import FORMATS
from afinar.data.examples import Examples
from afinar.data.prepare import prepare_source
from afinar.errors import ConfigError
from afinar.run.measure import Measured, answer, measure
from afinar.run.paired import aligned, differences, same_tokens
from afinar.run.sides import Side, Source, beside, opened, rival
from afinar.training.reporting import Reporter, Silent


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of each side. data: anything that can be read twice, since two tokenizers read it each for itself."""

    data: Any
    format: str = "auto"
    max_length: int | None = None
    generate: bool = False
    max_new_tokens: int = 64
    offline: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError("core.choice", field="format", got=self.format, allowed=", ".join(FORMATS))
        if self.max_length is not None and self.max_length < 2:
            raise ConfigError("core.range", field="max_length", got=self.max_length, allowed=">= 2")
        if self.max_new_tokens < 1:
            raise ConfigError("core.range", field="max_new_tokens", got=self.max_new_tokens, allowed=">= 1")


def evaluate(
    source: Source,
    data: Any,
    *,
    format: str = "auto",
    max_length: int | None = None,
    baseline: Source | None = None,
    generate: bool = False,
    max_new_tokens: int = 64,
    offline: bool = False,
    on_event: Reporter | None = None,
) -> dict[str, Any]:
    """Measure a run or model on `data` (a file, folder, bundled set, hub name, or rows), beside its base or `baseline`.

    baseline: the model to compare with; None and "base" are the base under an adapted model.
    max_length: longest row in tokens; by default the run's own.
    generate: also answer each prompt, greedily, up to `max_new_tokens`, and score the answers.

    Returns `{"base": metrics, "adapted": metrics, "comparison": {metric: difference}, "n": rows, ...}`, where "base" is the
    baseline and "adapted" the model itself; for a plain model without a baseline `base` and `n` alone.
    Raises ConfigError for values outside their range and for models that have nothing in common, DataError and ModelError as
    loading does.
    """
    request = Request(
        data=_lasting(data),
        format=format,
        max_length=max_length,
        generate=generate,
        max_new_tokens=max_new_tokens,
        offline=offline,
    )
    reporter = on_event or Silent()
    own = opened(source, reporter, offline=offline)
    other = rival(own, baseline, reporter, offline=offline)
    read, ours, theirs = _rows(own, other, request)
    after = _measured(own, ours, request, reporter)
    about = {"n": after.n, "data": _about(read, ours, _longest(own, request), request)}
    if other is None and not own.session.adapted:
        return {"base": after.metrics, **about, "models": {"base": own.name}}
    with beside(own, other, reporter, offline=offline) as second:
        before = _measured(second, theirs, request, reporter)
    return {
        "base": before.metrics,
        "adapted": after.metrics,
        "comparison": differences(before, after, same_tokens=same_tokens(ours, theirs)),
        **about,
        "models": {"base": second.name, "adapted": own.name},
    }


# --- the rows ------------------------------------------------------------------------------------------------------


def _lasting(data: Any) -> Any:
    """Rows that can be read more than once: an iterator is gone after the first reader."""
    return list(data) if isinstance(data, Iterable) and iter(data) is data else data


def _rows(own: Side, other: Side | None, request: Request) -> tuple[Examples, Examples, Examples]:
    """All rows as the model reads them, then those in common, as the model and as the other side reads them."""
    longest = _longest(own, request)
    read = _read(own, request, longest)
    if other is None:
        return read, read, read
    if request.max_length is not None:
        _longest(other, request)
    ours, theirs = aligned(read, _read(other, request, min(longest, other.session.positions or longest)))
    if not len(ours):
        raise ConfigError("evaluating.no_common_rows", model=own.name, baseline=other.name)
    return read, ours, theirs


def _read(side: Side, request: Request, longest: int) -> Examples:
    session = side.session
    examples = prepare_source(
        request.data,
        session.tokenizer,
        format=request.format,
        task=session.task,
        label_names=session.label_names or None,
        max_length=longest,
        offline=request.offline,
    )
    if request.generate and examples.format in ("text", "classification"):
        raise ConfigError("evaluating.no_prompts", data=_source(request.data), format=examples.format)
    return examples


def _longest(side: Side, request: Request) -> int:
    """Where rows are cut: as asked, else as in the model's training. Raises ConfigError beyond the model's positions."""
    if request.max_length is None:
        return side.longest
    positions = side.session.positions
    if positions is not None and request.max_length > positions:
        raise ConfigError("evaluating.positions", got=request.max_length, positions=positions, model=side.name)
    return request.max_length


def _about(read: Examples, kept: Examples, longest: int, request: Request) -> dict[str, Any]:
    """What the rows were, and how many of them are not, or not wholly, in the figures."""
    return {
        "source": _source(request.data),
        "format": read.format,
        "max_length": longest,
        "truncated": read.truncated,
        "dropped": read.dropped,
        "not_shared": len(read) - len(kept),
    }


def _source(data: Any) -> str:
    return str(data) if isinstance(data, str | Path) else f"<{type(data).__name__}>"


# --- the figures ---------------------------------------------------------------------------------------------------


def _measured(side: Side, examples: Examples, request: Request, reporter: Reporter) -> Measured:
    """The metrics of one side, with those of its answers where they are asked for."""

    def progress(done: int, total: int) -> None:
        reporter.on_progress(done, total)

    reporter.on_stage("evaluating.stage_measure", name=side.name, n=len(examples))
    measured = measure(side.session, examples, on_batch=progress)
    if not request.generate:
        return measured
    reporter.on_stage("evaluating.stage_generate", name=side.name, n=len(examples))
    return measured.with_answers(answer(side.session, examples, request.max_new_tokens, on_batch=progress))
