"""Streams: the same rows as the same data in a list, pass after pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from afinar.data.chat import Encoder
from afinar.data.loading import Reader
from afinar.data.prepare import prepare_source
from afinar.data.streams import Converter, RowStream
from afinar.data.tokenised import TokenReader
from afinar.errors import ConfigError
from tests.data.raising import raises
from tests.tiny import tiny_tokenizer

ANSWERS = [{"prompt": f"Quanto é {i} mais {i}?", "completion": f"É {2 * i}.", "weight": 1 + i % 2} for i in range(12)]
TEXTS = [{"text": f"texto número {i}"} for i in range(12)]


class Endless(torch.utils.data.IterableDataset):
    """A stream of torch's that tells the epoch by its rows."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows[self.epoch :] + self.rows[: self.epoch])


def stream(
    source: Any, *, task: str = "causal", max_length: int = 64, numbers: dict | None = None, blocks: bool = False
) -> RowStream:
    raw = Reader(Encoder(tiny_tokenizer()), format="auto", task=task)
    return RowStream(source, Converter(TokenReader(task, max_length), raw, max_length, numbers or {}, blocks))


def same(streamed: list[dict], listed: list[dict]) -> None:
    assert len(streamed) == len(listed)
    for left, right in zip(streamed, listed, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            assert np.array_equal(left[name], right[name]), name


@pytest.mark.parametrize("shards", [1, 3])
def test_raw_rows_are_those_of_the_data_stage(shards: int) -> None:
    listed = list(prepare_source(ANSWERS, tiny_tokenizer()))
    same(list(stream(datasets.Dataset.from_list(ANSWERS).to_iterable_dataset(shards)).rows(0)), listed)
    same(list(stream(Endless(ANSWERS)).rows(0)), listed)


def test_blocks_are_those_of_texts_in_their_order() -> None:
    weighted = [{**row, "weight": 1 + number % 2} for number, row in enumerate(TEXTS)]
    for rows in (TEXTS, weighted):
        listed = list(prepare_source(rows, tiny_tokenizer(), packing="blocks", max_length=37))
        same(list(stream(Endless(rows), max_length=37, blocks=True).rows(0)), listed)


def test_tokenised_rows_pass_through() -> None:
    rows = [{"input_ids": [5, 6, i + 7, 0], "attention_mask": [1, 1, 1, 0], "labels": [-100, 6, i + 7, 0]} for i in range(4)]
    read = list(stream(datasets.Dataset.from_list(rows).to_iterable_dataset().with_format("torch")).rows(0))
    assert [row["input_ids"].tolist() for row in read] == [[5, 6, i + 7] for i in range(4)]
    assert [row["labels"].tolist() for row in read] == [[-100, 6, i + 7] for i in range(4)]


def test_class_numbers_become_names_and_numbers_again() -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ruim", "bom"])})
    given = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).to_iterable_dataset()
    rows = stream(given, task="classification", numbers={"ruim": 0, "bom": 1}).rows(0)
    assert [row["labels"] for row in rows] == [1, 0]


def test_rows_with_nothing_left_are_left_out() -> None:
    rows = [{"prompt": "x" * 90, "completion": "y"}, {"prompt": "a", "completion": "b"}]
    assert [row["prompt"] for row in stream(Endless(rows), max_length=20).rows(0)] == ["a"]


@pytest.mark.parametrize("tokenised", [True, False])
def test_the_stream_hears_of_the_pass(tokenised: bool) -> None:
    rows = [{"input_ids": [5, 6 + i]} for i in range(4)] if tokenised else TEXTS[:4]
    passes = stream(Endless(rows))
    first = [row["input_ids"].tolist() for row in passes.rows(0)]
    assert [row["input_ids"].tolist() for row in passes.rows(1)] == first[1:] + first[:1]
    assert [row["input_ids"].tolist() for row in passes.rows(0)] == first


def test_a_shuffled_stream_has_an_order_for_each_pass() -> None:
    shuffled = stream(datasets.Dataset.from_list(TEXTS).to_iterable_dataset(3).shuffle(seed=4, buffer_size=5))
    orders = [[row["input_ids"].tolist() for row in shuffled.rows(epoch)] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    again = stream(datasets.Dataset.from_list(TEXTS).to_iterable_dataset(3).shuffle(seed=4, buffer_size=5))
    assert [row["input_ids"].tolist() for row in again.rows(1)] == orders[1]


def test_a_stream_without_rows() -> None:
    with raises("stream_empty", path="<Endless>", number=1):
        list(stream(Endless([])).rows(0))

    class UsedUp(torch.utils.data.IterableDataset):
        def __init__(self) -> None:
            self.rows = iter(TEXTS)

        def __iter__(self) -> Iterator[dict]:
            return self.rows

    once = stream(UsedUp())
    assert len(list(once.rows(0))) == 12
    with raises("stream_empty", path="<UsedUp>", number=2):
        list(once.rows(1))


def test_a_wrong_row_is_named_by_its_number() -> None:
    with raises("blank", path="<Endless>", line=2):
        list(stream(Endless([{"text": "a"}, {"text": " "}])).rows(0))
    with raises("not_object", path="<Endless>", line=1):
        list(stream(Endless(["a"])).rows(0))  # type: ignore[list-item]
    with raises("token_length", path="<Endless>", line=1):
        list(stream(Endless([{"input_ids": [5, 6], "labels": [5]}])).rows(0))


def test_blocks_of_something_other_than_text() -> None:
    with raises("blocks_format", ConfigError, format="prompt_completion"):
        list(stream(Endless(ANSWERS), blocks=True).rows(0))
