"""What the model will see, said before training; what must stop a run; and what should make one think twice.

Columns, types, blank rows and rows without anything to learn are checked as the rows are read (formats, chat). Here stands
what only all rows together tell: too many cut, classes missing, the same rows on both sides.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from afinar import messages
from afinar.data.building import is_cut
from afinar.data.examples import IGNORED, Example, Examples
from afinar.data.formats import shown
from afinar.data.loading import Loaded
from afinar.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FEW_TRAIN_ROWS = 50
FEW_VALID_ROWS = 30
IMBALANCE = 10  # rows of the largest class per row of the smallest
PREVIEW_CHARACTERS = 600


class Lengths(NamedTuple):
    """Tokens per row, before cutting."""

    median: int
    p95: int
    max: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the data of a run are. Counts are of the training side, `rows` before packing and `lengths` before cutting;
    `weights` the least and the greatest of a row, None where no row has one.
    """

    format: str
    task: str
    packing: str
    rows: int
    examples: int
    valid_rows: int
    tokens: int
    supervised_tokens: int
    truncated: int
    dropped: int
    max_length: int
    lengths: Lengths
    weights: tuple[float, float] | None = None
    class_counts: dict[str, int] = field(default_factory=dict)
    extra_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sample: str = ""

    def lines(self) -> list[str]:
        """The report for a person, in the language in force: facts, then a sample, then warnings."""
        say, number = messages.text, _whole
        found = [
            say("data.report_format", format=self.format, task=self.task),
            say("data.report_rows", train=number(self.rows), valid=number(self.valid_rows)),
            say("data.report_lengths", **{name: number(value) for name, value in self.lengths._asdict().items()}),
        ]
        if self.task == "causal":
            share = messages.number(100 * self.supervised_tokens / max(self.tokens, 1), 0)
            found.append(
                say("data.report_tokens", tokens=number(self.tokens), learned=number(self.supervised_tokens), share=share)
            )
        if self.packing == "blocks":
            found.append(say("data.report_blocks", blocks=number(self.examples), length=number(self.max_length)))
        if self.truncated:
            found.append(say("data.report_truncated", rows=number(self.truncated), length=number(self.max_length)))
        if self.weights:
            least, most = (messages.number(weight, 2) for weight in self.weights)
            found.append(say("data.report_weights", least=least, most=most))
        if self.class_counts:
            counts = " · ".join(f"{name} {number(count)}" for name, count in self.class_counts.items())
            found.append(say("data.report_classes", counts=counts))
        if self.extra_columns:
            found.append(say("data.report_columns", columns=shown(self.extra_columns)))
        if self.sample:
            found.append(say("data.report_sample", sample=self.sample))
        return found + [say("data.report_warning", warning=warning) for warning in self.warnings]


def inspect(
    train: Examples,
    loaded: Loaded,
    *,
    valid: Examples | None,
    valid_loaded: Loaded | None,
    max_length: int,
    packing: str,
    sample: str = "",
) -> Report:
    """The report on the training rows `loaded` and the examples made of them, beside the held-out ones."""
    counts = class_counts(loaded, train.label_names)
    return Report(
        format=train.format,
        task=train.task,
        packing=packing,
        rows=len(loaded.rows),
        examples=len(train),
        valid_rows=len(valid_loaded.rows) if valid_loaded else 0,
        tokens=sum(train.lengths),
        supervised_tokens=sum(example.supervised_tokens for example in train.examples),
        truncated=train.truncated,
        dropped=train.dropped,
        max_length=max_length,
        lengths=_lengths(loaded),
        weights=_weights(loaded),
        class_counts=counts,
        extra_columns=train.extra_columns,
        warnings=tuple(_warnings(train, loaded, valid, valid_loaded, counts)),
        sample=sample,
    )


def class_counts(loaded: Loaded, label_names: Sequence[str]) -> dict[str, int]:
    """Rows of each class, in the order of `label_names`."""
    counts = Counter(row.encoded.label for row in loaded.rows)
    return {name: counts[name] for name in label_names}


def check_classes(loaded: Loaded, label_names: Sequence[str]) -> None:
    """Raises DataError where there is nothing to tell apart, or a class has no training rows."""
    path = loaded.rows[0].path
    if len(label_names) < 2:
        raise DataError("data.one_class", path=path, names=", ".join(label_names))
    missing = [name for name, count in class_counts(loaded, label_names).items() if not count]
    if missing:
        raise DataError("data.empty_class", path=path, names=", ".join(missing))


def check_truncation(loaded: Loaded, examples: Examples, *, max_length: int, allowed: float) -> None:
    """Raises DataError, naming the first row that is cut, where more than the share `allowed` of the rows are."""
    rows = len(loaded.rows)
    if examples.truncated <= allowed * rows:
        return
    first = next(row for row in loaded.rows if is_cut(row, max_length))
    raise DataError(
        "data.truncated",
        path=first.path,
        line=first.line,
        cut=examples.truncated,
        rows=rows,
        share=f"{examples.truncated / rows:.0%}",
        allowed=f"{allowed:.0%}",
        max_length=max_length,
        p95=_lengths(loaded).p95,
        longest=_lengths(loaded).max,
    )


def shared_rows(train: Loaded, valid: Loaded) -> list[tuple[int, int]]:
    """Pairs (index in valid, index in train) of held-out rows whose content is also trained on."""
    where = {row.key: index for index, row in reversed(list(enumerate(train.rows)))}
    return [(index, where[row.key]) for index, row in enumerate(valid.rows) if row.key in where]


def _warnings(
    train: Examples, loaded: Loaded, valid: Examples | None, valid_loaded: Loaded | None, counts: dict[str, int]
) -> list[str]:
    say, rows = messages.text, len(loaded.rows)
    found = []
    if valid is None or valid_loaded is None:
        found.append(say("data.warn_no_valid"))
    else:
        shared = shared_rows(loaded, valid_loaded)
        if shared:
            out, into = valid_loaded.rows[shared[0][0]], loaded.rows[shared[0][1]]
            places = {"held_out": f"{out.path}:{out.line}", "trained": f"{into.path}:{into.line}"}
            found.append(say("data.warn_shared", shared=_whole(len(shared)), rows=_whole(len(valid_loaded.rows)), **places))
        if len(valid_loaded.rows) < FEW_VALID_ROWS:
            found.append(say("data.warn_few_valid", rows=_whole(len(valid_loaded.rows))))
        if valid.truncated:
            found.append(say("data.warn_valid_truncated", cut=_whole(valid.truncated), rows=_whole(len(valid_loaded.rows))))
    if train.dropped or (valid is not None and valid.dropped):
        found.append(say("data.warn_dropped", train=_whole(train.dropped), valid=_whole(valid.dropped if valid else 0)))
    if rows < FEW_TRAIN_ROWS:
        found.append(say("data.warn_few_train", rows=_whole(rows)))
    if counts and max(counts.values()) >= IMBALANCE * min(counts.values()):
        small, large = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        sizes = {"small_rows": _whole(counts[small]), "large_rows": _whole(counts[large])}
        found.append(say("data.warn_imbalance", small=small, large=large, **sizes))
    return found


def _lengths(loaded: Loaded) -> Lengths:
    lengths = np.asarray([len(row.encoded.ids) for row in loaded.rows])
    return Lengths(int(np.median(lengths)), int(np.percentile(lengths, 95)), int(lengths.max()))


def _weights(loaded: Loaded) -> tuple[float, float] | None:
    weights = [row.weight for row in loaded.rows if row.weight is not None]
    return (min(weights), max(weights)) if weights else None


def preview(example: Example, tokenizer: PreTrainedTokenizerBase) -> str:
    """The example decoded, special tokens shown, with what is learned between « and »; for a class, the text and its label."""
    ids = example.input_ids.tolist()
    if isinstance(example.labels, int):
        return f"{_clipped(_decoded(ids, tokenizer))} → «{example.reference}»"
    learned = np.asarray(example.labels) != IGNORED
    edges = [0, *(np.flatnonzero(np.diff(learned)) + 1).tolist(), len(ids)]
    runs = [(learned[start], _decoded(ids[start:end], tokenizer)) for start, end in pairwise(edges)]
    return "".join(f"«{_clipped(run)}»" if marked else _clipped(run) for marked, run in runs)


def _decoded(ids: list[int], tokenizer: PreTrainedTokenizerBase) -> str:
    """The text of `ids`, control characters escaped: what stands in the data must not steer the terminal."""
    text = str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    return "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)


def _clipped(text: str) -> str:
    """`text`, its middle left out where it is long: both the beginning and the end of a span matter."""
    half = PREVIEW_CHARACTERS // 2
    return text if len(text) <= PREVIEW_CHARACTERS else f"{text[:half]} … {text[-half:]}"


def _whole(value: int) -> str:
    return messages.number(value, 0)
