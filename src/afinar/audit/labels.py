"""A suite's labels and a classifier's: the same things under other names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from afinar.errors import DataError


def label_columns(labels: Sequence[tuple[str, Sequence[str]]], names: Sequence[str]) -> dict[str, list[int]]:
    """For each label of a suite the classifier's classes that it stands for: those of its name or another name of it.

    Names are equal whatever their case. Raises DataError naming both sides for a label that the classifier lacks.
    """
    folded = [_folded(name) for name in names]
    columns = {}
    for label, others in labels:
        known = {_folded(name) for name in (label, *others)}
        columns[label] = [column for column, name in enumerate(folded) if name in known]
        if not columns[label]:
            raise DataError("audit.unknown_label", label=label, model=", ".join(names))
    return columns


def named_scores(
    probabilities: Sequence[float], columns: Mapping[str, Sequence[int]], names: Sequence[str]
) -> dict[str, float]:
    """Probabilities by the suite's labels, several classes of one label added up; classes that are no label keep their names.

    So they still sum to 1, and a text that the classifier puts into a class of its own is given none of the suite's labels.
    """
    scores = {label: sum(probabilities[column] for column in own) for label, own in columns.items()}
    taken = {column for own in columns.values() for column in own}
    return scores | {names[column]: value for column, value in enumerate(probabilities) if column not in taken}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()
