"""The weight column, in every format, down to the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from afinar.data.collate import Collator
from afinar.data.config import DataConfig
from afinar.data.prepare import prepare, prepare_source
from afinar.data.rows import Row
from afinar.data.weights import row_weight
from tests.data.raising import raises
from tests.tiny import tiny_tokenizer

TALK = [{"role": "user", "content": "Oi"}, {"role": "assistant", "content": "Olá!"}]
SHAREGPT = [{"from": "human", "value": "Oi"}, {"from": "gpt", "value": "Olá!"}]
ROWS: list[dict[str, Any]] = [
    {"text": "a maçã"},
    {"prompt": "Oi", "completion": "Olá!"},
    {"messages": TALK},
    {"conversations": SHAREGPT},
    {"instruction": "Diga oi", "output": "oi"},
]


@pytest.mark.parametrize("values", ROWS)
def test_a_rows_weight_is_each_of_its_tokens(values: dict[str, Any]) -> None:
    tokenizer = tiny_tokenizer()
    weighted, plain = prepare_source([{**values, "weight": 0.5}], tokenizer), prepare_source([values], tokenizer)
    assert weighted[0]["weights"].tolist() == [0.5] * len(plain[0]["input_ids"])
    assert weighted[0]["weights"].dtype == np.float32
    assert weighted[0]["labels"].tolist() == plain[0]["labels"].tolist()
    assert "weights" not in plain[0]
    assert weighted.extra_columns == ()


def test_a_classified_row_has_one_weight() -> None:
    rows = [{"text": "a", "label": "x", "weight": 2}, {"text": "b", "label": "y", "weight": 0}]
    examples = prepare_source(rows, tiny_tokenizer())
    assert [row["weights"] for row in examples] == [2.0, 0.0]
    batch = Collator(0)([examples[0], examples[1]])
    assert batch["weights"].tolist() == [2.0, 0.0]
    assert batch["weights"].dtype == torch.float32


def test_weights_follow_their_tokens_into_blocks_and_under_the_knife() -> None:
    rows = [{"text": "abc", "weight": 2}, {"text": "defg", "weight": 0.5}]
    tokenizer = tiny_tokenizer(chat=False)
    examples = prepare_source(rows, tokenizer, packing="blocks", max_length=6)
    assert [tokenizer.decode(row["input_ids"]) for row in examples] == ["abc<eos>de", "fg<eos>"]
    assert [row["weights"].tolist() for row in examples] == [[2, 2, 2, 2, 0.5, 0.5], [0.5] * 3]
    assert prepare_source(rows, tokenizer, max_length=3)[0]["weights"].tolist() == [2, 2, 2]
    mixed = prepare_source([rows[0], {"text": "xy"}], tokenizer, packing="blocks", max_length=20)
    assert mixed[0]["weights"].tolist() == [2] * 4 + [1] * 3


@pytest.mark.parametrize(("value", "weight"), [(1, 1.0), ("0.25", 0.25), (np.float32(0.5), 0.5), (0, 0.0), (np.int64(3), 3.0)])
def test_numbers_and_numbers_as_text(value: Any, weight: float) -> None:
    assert row_weight(Row({"weight": value}, "a.csv", 2)) == weight


def test_rows_without_the_column_have_no_weight() -> None:
    assert row_weight(Row({"text": "a"}, "a.csv", 2)) is None


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "muito", "", True, [1.0]])
def test_what_is_no_weight(value: Any) -> None:
    with raises("weight", path="a.csv", line=2, column="weight"):
        row_weight(Row({"weight": value}, "a.csv", 2))


def test_a_missing_weight() -> None:
    with raises("none", path="<list>", line=2, column="weight"):
        prepare_source([{"text": "a", "weight": 1}, {"text": "b", "weight": None}], tiny_tokenizer())


def test_the_report_says_that_rows_are_weighted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,weight\num,0.5\ndois,2\n", encoding="utf-8")
    lines = prepare(DataConfig(train=str(path), valid_fraction=0), tiny_tokenizer()).report.lines()
    assert "weights of the rows in the loss (column weight): 0.50 to 2.00" in lines
    plain = prepare(DataConfig(valid_fraction=0), tiny_tokenizer(), train=[{"text": "um"}]).report.lines()
    assert not any("weight" in line for line in plain)
