"""Rows that are tokenised already, as people bring them: checked, freed of padding, and with labels.

| column                           | meaning                                                                             |
| -------------------------------- | ----------------------------------------------------------------------------------- |
| input_ids                        | the tokens: a list, an array or a tensor                                            |
| attention_mask                   | 0 marks padding, which is cut away (Collator pads again, only as far as needed)     |
| labels                           | -100 where nothing is learned, not shifted; a class where the task is classification |
| completion_mask, assistant_masks | 1 where something is learned; where both stand, both must say so                    |
| weights, weight                  | how much each token counts, or one number for the whole row                         |
| label                            | the class, where there is no column labels                                          |
| position_ids, seq_lengths        | looked at only to refuse several texts in one row; positions are counted anew        |

Without labels and masks every token is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from afinar.data import hub
from afinar.data.examples import IGNORED
from afinar.data.learned import learned_bytes, prompt_length
from afinar.data.rows import Place, python_row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MASKS = ("completion_mask", "assistant_masks")
WEIGHTS = ("weights", "weight")
LARGEST_ID = 2**31 - 1

TokenRow = dict[str, Any]


@dataclass(frozen=True)
class TokenReader:
    """How tokenised rows are read.

    task: "causal" or "classification". max_length: longer rows are cut. classes: how many there are, 0 where that is not
    known. masks: the mask columns that count. prompts: rows with nothing but tokens are prompts, and stay without labels.
    decoder: the tokenizer, where the bytes of what is learned are to be counted (`n_bytes`), for bits per byte.
    """

    task: str
    max_length: int
    classes: int = 0
    masks: Sequence[str] = MASKS
    prompts: bool = False
    decoder: PreTrainedTokenizerBase | None = None

    def read(self, values: Mapping[str, Any], place: Place) -> TokenRow:
        """The row, uncut. Raises DataError, naming the row, for what does not fit together or teaches nothing."""
        values = {name: value for name, value in values.items() if value is not None}  # tables fill gaps so
        given = _numbers(values, "input_ids", place)
        wrong = given[(given < 0) | (given > LARGEST_ID)]
        if len(wrong) or not len(given):
            raise place.error("data.token_ids", got=int(wrong[0]) if len(wrong) else "[]")
        ids = given.astype(np.int32)
        row: TokenRow = {"input_ids": ids}
        if "position_ids" in values:
            row["position_ids"] = _column(values, "position_ids", len(ids), place)
        labels = self._class(values, place) if self.task == "classification" else self._labels(values, ids, place)
        if labels is not None:
            row["labels"] = labels
        weights = self._weights(values, len(ids), place)
        if weights is not None:
            row["weights"] = weights
        return self._checked(_one_text(_without_padding(row, values, place), values, place), place)

    def cut(self, row: TokenRow) -> TokenRow | None:
        """The row, at most `max_length` long; None where that leaves nothing to learn. A prompt alone is not cut."""
        if len(row["input_ids"]) <= self.max_length or "labels" not in row:
            return row
        row = {name: value[: self.max_length] if isinstance(value, np.ndarray) else value for name, value in row.items()}
        return row if self.task == "classification" or (row["labels"][1:] != IGNORED).any() else None

    def described(self, row: TokenRow) -> TokenRow:
        """The row, cut, with what its tokens and labels tell."""
        if self.task == "classification":
            return row
        if "labels" not in row:
            return {**row, "prompt_length": len(row["input_ids"])}
        row = {**row, "prompt_length": prompt_length(row["labels"])}
        return (
            row if self.decoder is None else {**row, "n_bytes": learned_bytes(row["input_ids"], row["labels"], self.decoder)}
        )

    def _class(self, values: Mapping[str, Any], place: Place) -> int:
        name = "labels" if "labels" in values else "label"
        if name not in values:
            raise place.error("data.token_class", column=name, got="-")
        value = _array(values, name, place)
        if value.ndim or value.dtype.kind not in "iub":
            raise place.error("data.token_class", column=name, got=f"{value.dtype} {list(value.shape)}")
        if value < 0 or (self.classes and value >= self.classes):
            raise place.error("data.class_number", got=int(value), classes=self.classes or "?")
        return int(value)

    def _labels(self, values: Mapping[str, Any], ids: np.ndarray, place: Place) -> np.ndarray | None:
        given = [name for name in self.masks if name in values]
        if "labels" in values:
            array = _array(values, "labels", place)
            if not array.ndim:
                raise place.error("data.token_task", got=values["labels"])
            labels = _column({"labels": array}, "labels", len(ids), place)
            wrong = labels[((labels < 0) & (labels != IGNORED)) | (labels > LARGEST_ID)]
            if len(wrong):
                raise place.error("data.token_labels", got=int(wrong[0]))
            return labels.astype(np.int32)
        if not given and self.prompts:
            return None
        learned = np.ones(len(ids), dtype=bool)
        for name in given:
            learned &= _column(values, name, len(ids), place, "iuf") != 0
        return np.where(learned, ids, np.int32(IGNORED))

    def _weights(self, values: Mapping[str, Any], length: int, place: Place) -> np.ndarray | float | None:
        name = next((name for name in WEIGHTS if name in values), None)
        if name is None:
            return None
        array = _array(values, name, place)
        if not array.ndim and array.dtype.kind in "iuf":
            array = np.full(length, array)
        elif self.task == "classification":
            raise place.error("data.weight", column=name, got=values[name])
        weights = _column({name: array}, name, length, place, "iuf").astype(np.float32)
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise place.error("data.weight", column=name, got=values[name])
        return float(weights[0]) if self.task == "classification" else weights

    def _checked(self, row: TokenRow, place: Place) -> TokenRow:
        """The row, if there is anything left in it to learn or to answer."""
        learned = row["labels"][1:] != IGNORED if self.task == "causal" and "labels" in row else row["input_ids"] >= 0
        if not learned.any():
            raise place.error("data.token_unsupervised")
        return row


def _array(values: Mapping[str, Any], column: str, place: Place) -> np.ndarray:
    if column not in values:
        raise place.error("data.token_column", column=column, got="null")
    try:
        return np.asarray(values[column])
    except ValueError:  # lists of different lengths inside
        raise place.error("data.token_column", column=column, got=type(values[column]).__name__) from None


def _numbers(values: Mapping[str, Any], column: str, place: Place, kinds: str = "iu") -> np.ndarray:
    """The column as an array of one dimension; `kinds` are those of NumPy's dtypes that it may have, beside truth values."""
    array = _array(values, column, place)
    if array.ndim == 1 and not len(array):
        return array.astype(np.int32)
    if array.ndim != 1 or array.dtype.kind not in (kinds if column == "input_ids" else kinds + "b"):
        raise place.error("data.token_column", column=column, got=f"{array.dtype} {list(array.shape)}")
    return array


def _column(values: Mapping[str, Any], column: str, length: int, place: Place, kinds: str = "iu") -> np.ndarray:
    array = _numbers(values, column, place, kinds)
    if len(array) != length:
        raise place.error("data.token_length", column=column, got=len(array), expected=length)
    return array


def _one_text(row: TokenRow, values: Mapping[str, Any], place: Place) -> TokenRow:
    """The row without its positions, which are counted anew.

    Raises DataError where they, or `seq_lengths`, tell of several texts: as one row, each would read those before it.
    """
    positions = row.pop("position_ids", np.zeros(1))
    if "seq_lengths" in values and _array(values, "seq_lengths", place).size > 1:
        raise place.error("data.token_packed", column="seq_lengths")
    if (np.diff(positions) < 0).any():
        raise place.error("data.token_packed", column="position_ids")
    return row


def _without_padding(row: TokenRow, values: Mapping[str, Any], place: Place) -> TokenRow:
    """The row without the positions that its attention_mask leaves out, whatever their labels say."""
    if "attention_mask" not in values:
        return row
    kept = _column(values, "attention_mask", len(row["input_ids"]), place, "iuf") != 0
    if kept.all():
        return row
    return {name: value[kept] if isinstance(value, np.ndarray) else value for name, value in row.items()}


class TokenRows(Sequence):
    """A map-style data set of tokenised rows, read from `dataset` when they are asked for.

    All rows are read once at the start, so that a wrong one stops the run before it begins. `lengths` are their tokens;
    `truncated` rows are cut at the greatest length, and `dropped` ones left out because that leaves nothing to learn.
    """

    def __init__(self, dataset: Any, reader: TokenReader) -> None:
        self.dataset = dataset
        self.reader = reader
        self.path = f"<{type(dataset).__name__}>"
        self.lengths: list[int] = []
        self.kept: list[int] = []
        self.truncated = 0
        self.dropped = 0
        rows = dataset if hub.is_datasets_object(dataset) else (dataset[number] for number in range(len(dataset)))
        for number, values in enumerate(rows):  # a `datasets.Dataset` is read faster in order
            self._look_at(number, values)

    def _look_at(self, number: int, values: Any) -> None:
        whole = self._read(number, values)
        row = self.reader.cut(whole)
        self.truncated += row is not whole
        if row is None:
            self.dropped += 1
        else:
            self.kept.append(number)
            self.lengths.append(len(row["input_ids"]))

    def _read(self, number: int, values: Any) -> TokenRow:
        given = python_row(values, self.path, number + 1)
        return self.reader.read(given.values, given.place)

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number = self.kept[index]
        row = self.reader.cut(self._read(number, self.dataset[number]))
        assert row is not None  # such rows were left out
        return self.reader.described(row)

    def __iter__(self) -> Iterator[TokenRow]:
        return (self[index] for index in range(len(self)))
