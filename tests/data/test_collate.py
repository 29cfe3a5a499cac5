from __future__ import annotations

import numpy as np
import pytest
import torch

from afinar.data.collate import Collator
from afinar.errors import ConfigError

ROWS = [
    {"input_ids": np.array([7, 0, 2], dtype=np.int32), "labels": np.array([-100, 0, 2], dtype=np.int32), "other": "x"},
    {"input_ids": [2], "labels": [2]},
]


@pytest.mark.parametrize("pad", [0, 2])  # ids that also stand in the rows
def test_right_padding_is_told_by_length_never_by_id(pad: int) -> None:
    batch = Collator(pad)(ROWS)
    assert set(batch) == {"input_ids", "attention_mask", "labels"}
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    assert batch["input_ids"].tolist() == [[7, 0, 2], [2, pad, pad]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 0, 2], [2, -100, -100]]


@pytest.mark.parametrize("pad", [0, 2])
def test_left_padding(pad: int) -> None:
    batch = Collator(pad, "left")(ROWS)
    assert batch["input_ids"].tolist() == [[7, 0, 2], [pad, pad, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert batch["labels"].tolist() == [[-100, 0, 2], [-100, -100, 2]]


def test_classes_are_one_label_a_row() -> None:
    batch = Collator(0)([{"input_ids": [5, 6], "labels": 1}, {"input_ids": [5], "labels": np.int64(0)}])
    assert batch["labels"].tolist() == [1, 0]
    assert batch["labels"].dtype == torch.int64


def test_rows_without_labels_give_none() -> None:
    batch = Collator(0, "left")([{"input_ids": [5, 6]}, {"input_ids": torch.tensor([7])}])
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"].tolist() == [[5, 6], [0, 7]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_weights_are_padded_with_nothing(side: str) -> None:
    rows = [
        {"input_ids": [7, 8, 9], "labels": [7, 8, 9], "weights": np.array([0.5, 1, 2], dtype=np.float32)},
        {"input_ids": [5], "labels": [5], "weights": [3.0]},
        {"input_ids": [5, 6], "labels": [5, 6]},  # counts as 1
    ]
    batch = Collator(0, side)(rows)
    short, middle = ([3.0, 0, 0], [1.0, 1, 0]) if side == "right" else ([0, 0, 3.0], [0, 1.0, 1])
    assert batch["weights"].tolist() == [[0.5, 1, 2], short, middle]
    assert batch["weights"].dtype == torch.float32


def test_a_prompt_among_answers_is_ignored() -> None:
    batch = Collator(0)([{"input_ids": [5, 6]}, {"input_ids": [7, 8, 9], "labels": [-100, 8, 9]}])
    assert batch["labels"].tolist() == [[-100, -100, -100], [-100, 8, 9]]
    classes = Collator(0)([{"input_ids": [5]}, {"input_ids": [7], "labels": 1}])
    assert classes["labels"].tolist() == [-100, 1]


def test_the_padding_side_is_right_or_left() -> None:
    with pytest.raises(ConfigError) as caught:
        Collator(0, "middle")
    assert caught.value.values["got"] == "middle"
