"""The data stage from top to bottom: a config in, examples and a report out.

prepared = prepare(DataConfig(train="resenhas/train.jsonl"), tokenizer)
prepared.train[0]            # {"input_ids": ..., "labels": ...}
prepared.report.lines()      # what was found, for a person
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afinar.data.building import build, label_order
from afinar.data.chat import Encoder
from afinar.data.config import DataConfig
from afinar.data.examples import Example, Examples
from afinar.data.holdout import held_out
from afinar.data.loading import Loaded, load
from afinar.data.preflight import Report, check_classes, check_truncation, inspect, preview
from afinar.data.sources import has_split
from afinar.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Example", "Examples", "Prepared", "prepare", "prepare_source"]


@dataclass(frozen=True)
class Prepared:
    """What a run trains on, what it is held to, and what was found about both."""

    train: Examples
    valid: Examples | None
    format: str
    task: str
    label_names: tuple[str, ...]
    report: Report


def prepare(
    config: DataConfig,
    tokenizer: PreTrainedTokenizerBase,
    *,
    task: str = "auto",
    offline: bool = False,
    seed: int = 0,
    train: Any = None,
    valid: Any = None,
    label_names: Sequence[str] | None = None,
) -> Prepared:
    """Training and held-out examples, checked.

    The held-out rows are `valid`; else the training source's own validation split (bundled sets, folders and hub data sets
    that have one); else a share `valid_fraction` of the training rows, chosen by content and `seed`.

    Args:
        config: The `data:` section.
        tokenizer: The model's, with its chat template if it has one.
        task: "causal", "classification", or "auto" by the rows' format.
        offline: Never use the network.
        seed: Chooses the held-out rows and the order of texts in blocks.
        train, valid: Rows given in Python (a `datasets` object, an iterable of dicts) in place of the config's names.
        label_names: The classes of a model that already has them; else those of the training rows, sorted.

    Raises:
        ConfigError: No training data named, or blocks of something other than text.
        DataError: Anything wrong with the data, with file and line.
    """
    source = config.train if train is None else train
    if source is None:
        raise ConfigError("core.missing", field="data.train")
    held = config.valid if valid is None else valid
    if held is None and has_split(source, "valid", offline=offline):
        held = source
    encoder = Encoder(tokenizer)
    rows = load(source, encoder, format=config.format, task=task, split="train", offline=offline)
    rest: Loaded | None = None
    if held is not None:
        rest = load(held, encoder, format=rows.format, task=rows.task, split="valid", offline=offline)
    elif config.valid_fraction:
        rows, rest = _hold_out(rows, config.valid_fraction, seed)
    names = _label_names(rows, label_names)
    packing = "blocks" if config.packing == "blocks" else "none"
    examples = build(rows, max_length=config.max_length, packing=packing, label_names=names, seed=seed)
    check_truncation(rows, examples, max_length=config.max_length, allowed=config.max_truncated)
    held_examples = build(rest, max_length=config.max_length, packing=packing, label_names=names) if rest else None
    report = inspect(
        examples,
        rows,
        valid=held_examples,
        valid_loaded=rest,
        max_length=config.max_length,
        packing=packing,
        sample=preview(examples.examples[0], tokenizer),
    )
    return Prepared(examples, held_examples, rows.format, rows.task, names, report)


def prepare_source(
    source: Any,
    tokenizer: PreTrainedTokenizerBase,
    *,
    format: str = "auto",
    task: str = "auto",
    label_names: Sequence[str] | None = None,
    max_length: int = 512,
    packing: str = "none",
    offline: bool = False,
    split: str = "valid",
) -> Examples:
    """The examples of one source, to evaluate on; where it has several splits, those held out.

    With `label_names` (a trained classifier's) the classes keep their numbers, and a row of another class is a DataError.
    Rows are cut at `max_length` and counted in `.truncated` and `.dropped`, without a limit to their share.
    """
    loaded = load(source, Encoder(tokenizer), format=format, task=task, split=split, offline=offline)
    names: Sequence[str] = label_names or ()
    if loaded.task == "classification" and not names:
        names = label_order(row.encoded.label or "" for row in loaded.rows)
    return build(loaded, max_length=max_length, packing="blocks" if packing == "blocks" else "none", label_names=names)


def _hold_out(rows: Loaded, fraction: float, seed: int) -> tuple[Loaded, Loaded | None]:
    """Training and held-out rows; no held-out ones where all rows say the same."""
    labels = [row.encoded.label for row in rows.rows] if rows.task == "classification" else None
    train, rest = rows.parted(held_out([row.key for row in rows.rows], fraction, seed, labels))
    return train, rest if rest.rows else None


def _label_names(rows: Loaded, given: Sequence[str] | None) -> tuple[str, ...]:
    if rows.task != "classification":
        return ()
    names = label_order(row.encoded.label or "" for row in rows.rows) if given is None else tuple(given)
    check_classes(rows, names)
    return names
