"""Two models on the same rows: which rows they have in common, and in which metrics they differ.

Rows are paired by the place they came from and what they say. Two tokenizers cut a long row at different places: what is
compared are the rows of which both models predict the same bytes. Where they also predict the same tokens, every metric is
compared; else bits per byte, which do not depend on how a text is cut into tokens, and what the written answers are worth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from afinar.data.examples import IGNORED, Example, Examples
from afinar.evaluation.answers import compare_answer_rows
from afinar.metrics.classifiers import compare_classifiers
from afinar.metrics.difference import Difference
from afinar.metrics.token_rows import TokenRows, compare_rows
from afinar.run.measure import Measured

TOKEN_FREE = ("bits_per_byte",)
"""What is compared of two models that predict different tokens."""


def aligned(own: Examples, theirs: Examples) -> tuple[Examples, Examples]:
    """The rows that two readings of one source have in common, in the order of the first."""
    where = {key: index for index, key in enumerate(_keys(theirs))}
    pairs = [
        (index, where[key])
        for index, (key, example) in enumerate(zip(_keys(own), own.examples, strict=True))
        if key in where and theirs.examples[where[key]].n_bytes == example.n_bytes
    ]
    return own.take([first for first, _ in pairs]), theirs.take([second for _, second in pairs])


def _keys(examples: Examples) -> list[Hashable]:
    """What tells each row from the others of its source: its place, its texts (a file may have many rows in one line), and
    of rows that are equal in both, which of them it is.
    """
    seen: Counter[Hashable] = Counter()
    keys: list[Hashable] = []
    for example in examples.examples:
        key = example.path, example.line, repr(example.prompt), example.reference
        keys.append((*key, seen[key]))
        seen[key] += 1
    return keys


def differences(before: Measured, after: Measured, *, same_tokens: bool | None = None) -> dict[str, dict[str, Any]]:
    """What the two differ in, metric by metric, as it is written into JSON; the rows must be the same ones.

    same_tokens: whether both predict the same tokens; None: the signatures of the measurements tell.
    """
    found: dict[str, Difference] = {}
    if before.tokens is not None and after.tokens is not None:
        found |= _of_tokens(before.tokens, after.tokens, same_tokens)
    if after.predictions:
        compared = _of_classes if after.tokens is None else compare_answer_rows
        found |= compared(before.predictions, after.predictions)
    return {name: as_json(difference) for name, difference in found.items()}


def _of_tokens(before: TokenRows, after: TokenRows, same_tokens: bool | None) -> dict[str, Difference]:
    if same_tokens is None:
        return compare_rows(before, after)
    # The rows were paired and their tokens compared one by one, which says more than the signatures do.
    found = compare_rows(replace(before, signature=None), replace(after, signature=None))
    return found if same_tokens else {name: found[name] for name in TOKEN_FREE if name in found}


def _of_classes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Difference]:
    """Two classifiers; one may have its labels in another order."""
    names = list(after[0]["probabilities"])
    labels = [names.index(row["label"]) for row in after]
    first, second = ([[row["probabilities"][name] for name in names] for row in rows] for rows in (before, after))
    return compare_classifiers(labels, first, second)


def as_json(difference: Difference) -> dict[str, Any]:
    """Without the ends of an interval that reaches to infinity (one row): JSON has no such number."""
    found = difference.as_dict()
    return {name: value for name, value in found.items() if not isinstance(value, float) or math.isfinite(value)}


def same_tokens(own: Examples, theirs: Examples) -> bool:
    """Whether both models predict the same tokens, row by row."""
    return all(
        np.array_equal(_predicted(first), _predicted(second))
        for first, second in zip(own.examples, theirs.examples, strict=True)
    )


def _predicted(example: Example) -> np.ndarray:
    labels = example.labels
    return labels[1:][labels[1:] != IGNORED] if isinstance(labels, np.ndarray) else np.empty(0)
