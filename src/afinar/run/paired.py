"""Two models on the same rows: which rows they have in common, and in which metrics they differ.

Rows are paired by the place they came from. Two tokenizers cut a long row at different places: what is compared are the rows
of which both models predict the same bytes. Where they also predict the same tokens, every metric is compared; else bits per
byte, which do not depend on how a text is cut into tokens, and what the written answers are worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from afinar.data.examples import IGNORED, Example, Examples
from afinar.metrics.classifiers import compare_classifiers
from afinar.metrics.difference import Difference
from afinar.metrics.token_rows import compare_rows
from afinar.run.measure import Measured

TOKEN_FREE = ("bits_per_byte",)
"""What is compared of two models that predict different tokens."""


def aligned(own: Examples, theirs: Examples) -> tuple[Examples, Examples]:
    """The rows that two readings of one source have in common, in the order of the first."""
    where = {place(example): index for index, example in enumerate(theirs.examples)}
    pairs = [
        (index, where[place(example)])
        for index, example in enumerate(own.examples)
        if place(example) in where and theirs.examples[where[place(example)]].n_bytes == example.n_bytes
    ]
    return own.take([first for first, _ in pairs]), theirs.take([second for _, second in pairs])


def differences(before: Measured, after: Measured, *, same_tokens: bool = True) -> dict[str, dict[str, Any]]:
    """What the two differ in, metric by metric, as it is written into JSON; the rows must be the same ones."""
    found: dict[str, Difference] = {}
    if before.tokens is not None and after.tokens is not None:
        # The rows were paired and their tokens compared one by one, which says more than the signatures.
        by_token = compare_rows(replace(before.tokens, signature=None), replace(after.tokens, signature=None))
        found = by_token if same_tokens else {name: by_token[name] for name in TOKEN_FREE if name in by_token}
    elif after.predictions:
        found = _of_classes(before.predictions, after.predictions)
    return {name: _finite(difference.as_dict()) for name, difference in found.items()}


def _of_classes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Difference]:
    """Two classifiers; one may have its labels in another order."""
    names = list(after[0]["probabilities"])
    labels = [names.index(row["label"]) for row in after]
    first, second = ([[row["probabilities"][name] for name in names] for row in rows] for rows in (before, after))
    return compare_classifiers(labels, first, second)


def _finite(difference: Mapping[str, Any]) -> dict[str, Any]:
    """Without the ends of an interval that reaches to infinity (one row): JSON has no such number."""
    return {name: value for name, value in difference.items() if not isinstance(value, float) or math.isfinite(value)}


def place(example: Example) -> tuple[str, int]:
    """Where a row came from: its key among the rows of one source."""
    return example.path, example.line


def same_tokens(own: Examples, theirs: Examples) -> bool:
    """Whether both models predict the same tokens, row by row."""
    return all(
        np.array_equal(_predicted(first), _predicted(second))
        for first, second in zip(own.examples, theirs.examples, strict=True)
    )


def _predicted(example: Example) -> np.ndarray:
    labels = example.labels
    return labels[1:][labels[1:] != IGNORED] if isinstance(labels, np.ndarray) else np.empty(0)
