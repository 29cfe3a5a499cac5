"""Which number each class has: the model's, the data set's own, or the order of the labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from afinar.data import hub
from afinar.data.building import label_order
from afinar.data.examples import Examples
from afinar.data.formats import detect, label_value
from afinar.data.loading import Loaded
from afinar.data.rows import Row, python_row
from afinar.data.sources import each, read
from afinar.data.streams import is_stream
from afinar.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_nameless = re.compile(r"LABEL_\d+")  # what transformers calls classes that nobody named


def label_names_of(dataset: Any, text_column: str = "text") -> tuple[str, ...]:
    """The classes of a data set with one label a row, in the order of their numbers; () for any other.

    They are those that the data set knows (Examples, a ClassLabel column), else the labels of its rows, sorted.
    Raises ConfigError for a stream with labels that names no classes: it would have to be read to its end.
    """
    if dataset is None or isinstance(dataset, Mapping):
        return ()
    if isinstance(dataset, Examples):
        return dataset.label_names
    first = next(_rows(dataset), None)
    if first is None or not _has_class(first, text_column):
        return ()
    known = hub.class_names(dataset)
    if known:
        return known
    if is_stream(dataset):
        raise ConfigError("training.stream_classes")
    if "input_ids" in first.values:
        return tuple(str(number) for number in range(1 + max(_class_number(row) or 0 for row in _rows(dataset))))
    return label_order(label_value(row) for row in _rows(dataset))


def _rows(dataset: Any) -> Iterator[Row]:
    if isinstance(dataset, str | os.PathLike) or hub.is_datasets_object(dataset):
        return read(dataset)
    path = f"<{type(dataset).__name__}>"
    return (python_row(values, path, number) for number, values in enumerate(each(dataset), start=1))


def _has_class(row: Row, text_column: str) -> bool:
    if "input_ids" in row.values:
        return _class_number(row) is not None
    if text_column not in row.values or "label" not in row.values:
        return False
    return text_column != "text" or detect(row.values, row.values) == "classification"


def _class_number(row: Row) -> int | None:
    """The class of a tokenised row; None where it has none, or labels for its tokens."""
    value = row.values.get("labels", row.values.get("label"))
    return int(value) if value is not None and not isinstance(value, str) and np.ndim(value) == 0 else None


def class_order(loaded: Loaded, known: Sequence[str], model: Sequence[str]) -> tuple[str, ...]:
    """The labels of `loaded` in the order of their class numbers.

    known: the data set's own order (ClassLabel), or (). model: the model's names, `LABEL_0`, ... where nobody named them.

    Labels that the model names are the model's. Otherwise numbers count as they are: those of a ClassLabel column, and whole
    numbers from 0 on. Labels of a model without names are taken in their sorted order, if all of them are there.
    Raises ConfigError where the data have other classes than the model.
    """
    found = label_order(row.encoded.label or "" for row in loaded.rows)
    if not model:
        return tuple(known) or found
    if set(known or found) & set(model):
        return tuple(model)  # a label that the model does not name is an error that tells its row
    if len(known) == len(model):
        return tuple(known)
    numbers = tuple(str(number) for number in range(len(model)))
    if not known and set(found) <= set(numbers):
        return numbers
    if not known and len(found) == len(model) and all(_nameless.fullmatch(name) for name in model):
        return found
    raise _other_classes(known or found, model)


def name_classes(config: PretrainedConfig, rows: Any) -> tuple[str, ...]:
    """The classes in force once the training `rows` are known: those of prepared examples, else the model's own names.

    A model whose classes nobody named (`LABEL_0`, ...) gets the names of the examples, so that what is saved tells them.
    """
    named = {int(number): str(name) for number, name in (config.id2label or {}).items()}
    own = tuple(named[number] for number in sorted(named))
    if not isinstance(rows, Examples) or not rows.label_names:
        return own
    names = rows.label_names
    numbered = all(name == str(number) for number, name in enumerate(names))
    if not numbered and len(names) == len(own) and all(_nameless.fullmatch(name) for name in own):
        config.id2label = dict(enumerate(names))
        config.label2id = {name: number for number, name in enumerate(names)}
    return names


def class_numbers(known: Sequence[str], model: Sequence[str]) -> dict[str, int]:
    """The number of each class of a stream, whose labels are not known beforehand: by the names of :func:`class_order`, or
    the numbers themselves. Raises ConfigError where the stream names other classes than the model.
    """
    if known and model and not set(known) & set(model) and len(known) != len(model):
        raise _other_classes(known, model)
    names = model if set(known) & set(model) else known or model
    return {**{str(number): number for number in range(len(names))}, **{name: number for number, name in enumerate(names)}}


def _other_classes(found: Sequence[str], model: Sequence[str]) -> ConfigError:
    shown = {"found": ", ".join(found), "known": ", ".join(model)}
    return ConfigError("training.classes", got=len(found), expected=len(model), **shown)
