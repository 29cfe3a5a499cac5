"""Tokenised rows: what people bring, against the data stage's own rows of the same texts."""

from __future__ import annotations

from typing import Any

import datasets
import numpy as np
import pytest
import torch

from afinar.data.learned import learned_bytes, prompt_length
from afinar.data.prepare import prepare_source
from afinar.data.rows import Place
from afinar.data.tokenised import TokenReader, TokenRow, TokenRows
from tests.data import vocabularies as v
from tests.data.raising import raises
from tests.data.vocabularies import merging_tokenizer
from tests.tiny import tiny_tokenizer

CAUSAL = TokenReader("causal", 64)
CLASSES = TokenReader("classification", 64, classes=3)


def read(reader: TokenReader = CAUSAL, **values: Any) -> TokenRow:
    row = reader.cut(reader.read(values, Place("rows", 3)))
    assert row is not None
    return reader.described(row)


def lists(row: TokenRow) -> dict[str, Any]:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda ids: np.array(ids, dtype=np.int64)])
def test_lists_arrays_and_tensors_are_read_alike(kind: Any) -> None:
    row = read(input_ids=kind([5, 6, 7]), labels=kind([-100, 6, 7]), attention_mask=kind([1, 1, 1]))
    assert lists(row) == {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "prompt_length": 1}
    assert row["input_ids"].dtype == row["labels"].dtype == np.int32


def test_without_labels_and_masks_every_token_is_learned() -> None:
    assert lists(read(input_ids=[5, 6, 7])) == {"input_ids": [5, 6, 7], "labels": [5, 6, 7], "prompt_length": 0}


def test_masks_say_what_is_learned_and_both_must() -> None:
    completion, assistant = [0, 1, 1, 1], [1, 1, 0, 1]
    ids = [5, 6, 7, 8]
    assert read(input_ids=ids, completion_mask=completion)["labels"].tolist() == [-100, 6, 7, 8]
    assert read(input_ids=ids, assistant_masks=[True, True, False, True])["labels"].tolist() == [5, 6, -100, 8]
    assert read(input_ids=ids, attention_mask=[1.0, 1.0, 1.0, 0.0])["input_ids"].tolist() == [5, 6, 7]
    both = read(input_ids=ids, completion_mask=completion, assistant_masks=assistant)
    assert both["labels"].tolist() == [-100, 6, -100, 8]
    given = read(input_ids=ids, completion_mask=completion, labels=[5, -100, -100, 8])
    assert given["labels"].tolist() == [5, -100, -100, 8]  # labels have the last word
    reader = TokenReader("causal", 64, masks=("assistant_masks",))
    assert read(reader, input_ids=ids, completion_mask=completion)["labels"].tolist() == ids


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("copied", [True, False])
def test_rows_padded_by_a_tokenizer_are_the_rows_without_padding(side: str, copied: bool) -> None:
    tokenizer = tiny_tokenizer(pad_is_eos=True)
    tokenizer.padding_side = side
    for text in ("maçã<eos>", "uma linha bem mais longa<eos>"):
        padded = dict(tokenizer(text, padding="max_length", max_length=40))
        if copied:
            padded["labels"] = list(padded["input_ids"])  # the textbook's labels, which learn padding
        bare = tokenizer(text)["input_ids"]
        row = lists(read(**padded))
        assert row == {"input_ids": bare, "labels": bare, "prompt_length": 0}
        assert row["labels"][-1] == tokenizer.eos_token_id  # the end is learned, though it has the padding's id


def test_weights_of_tokens_and_of_a_row() -> None:
    row = read(input_ids=[5, 6, 7], weights=[0, 0.5, 2], attention_mask=[1, 1, 0])
    assert row["weights"].tolist() == [0, 0.5]
    assert row["weights"].dtype == np.float32
    assert read(input_ids=[5, 6, 7], weight=torch.tensor([1, 2, 3]))["weights"].tolist() == [1, 2, 3]
    assert read(input_ids=[5, 6, 7], weight=0.25)["weights"].tolist() == [0.25] * 3
    assert read(CLASSES, input_ids=[5, 6], label=1, weight=0.25)["weights"] == 0.25
    assert "weights" not in read(input_ids=[5, 6, 7], weight=None)


def test_positions_of_one_text_are_let_go() -> None:
    row = read(input_ids=[0, 5, 6, 7], attention_mask=[0, 1, 1, 1], position_ids=[1, 0, 1, 2], seq_lengths=[3])
    assert lists(row) == {"input_ids": [5, 6, 7], "labels": [5, 6, 7], "prompt_length": 0}


@pytest.mark.parametrize("value", [2, np.int64(2), torch.tensor(2)])
@pytest.mark.parametrize("name", ["label", "labels"])
def test_a_class_for_a_row(name: str, value: Any) -> None:
    row = read(CLASSES, **{"input_ids": [5, 6, 0], "attention_mask": [1, 1, 0], name: value})
    assert lists(row) == {"input_ids": [5, 6], "labels": 2}
    assert type(row["labels"]) is int


def test_rows_with_nothing_but_tokens_may_be_prompts() -> None:
    reader = TokenReader("causal", 2, prompts=True)
    assert lists(read(reader, input_ids=[5, 6, 7, 0], attention_mask=[1, 1, 1, 0])) == {
        "input_ids": [5, 6, 7],  # not cut: it would ask something else
        "prompt_length": 3,
    }
    assert read(reader, input_ids=[5, 6], labels=[-100, 6])["labels"].tolist() == [-100, 6]
    assert read(reader, input_ids=[5, 6], completion_mask=[0, 1])["labels"].tolist() == [-100, 6]


@pytest.mark.parametrize(
    ("labels", "length"),
    [
        ([5, 6, 7], 0),
        ([-100, 6, 7], 1),
        ([-100, 6, -100, -100, 7, 8], 4),
        ([5, -100, 7, -100], 2),
        ([-100, -100], 0),
    ],
)
def test_the_prompt_ends_where_the_last_answer_begins(labels: list[int], length: int) -> None:
    assert prompt_length(np.array(labels)) == length


TALK = [
    {"role": "user", "content": "Não sei."},
    {"role": "assistant", "content": "Então pergunte à maçã"},
    {"role": "user", "content": "Qual?"},
    {"role": "assistant", "content": "São Paulo 🍎"},
]


@pytest.mark.parametrize("kind", ["bytes", "merges", "no template"])
def test_prompts_and_bytes_are_those_of_the_data_stage(kind: str) -> None:
    tokenizer = merging_tokenizer(v.CHATML, bos=True) if kind == "merges" else tiny_tokenizer(chat=kind == "bytes")
    rows: list[dict] = [{"prompt": f"Diga {text}", "completion": text} for text in ("maçã", "um rato 🐀 roeu", " à toa ")]
    examples = [*prepare_source(rows, tokenizer), *prepare_source([{"text": "São Paulo, ç"}], tokenizer)]
    if tokenizer.chat_template:
        examples += prepare_source([{"messages": TALK}], tokenizer)
    reader = TokenReader("causal", 200, decoder=tokenizer)
    for example in examples:
        row = read(reader, input_ids=example["input_ids"], labels=example["labels"])
        assert row["prompt_length"] == example["prompt_length"]
        assert row["n_bytes"] == example["n_bytes"]


def test_bytes_of_a_stretch_that_begins_within_a_character() -> None:
    tokenizer = tiny_tokenizer(chat=False)
    ids = tokenizer("açb", add_special_tokens=False)["input_ids"]
    labels = np.array([-100, -100, *ids[2:]])  # the second byte of ç, and b
    assert len(ids) == 4
    assert learned_bytes(np.array(ids), labels, tokenizer) == len("çb".encode())


# Wrong rows


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("token_column", {"input_ids": [[5, 6]]}, {"column": "input_ids"}),
        ("token_column", {"input_ids": [5.0, 6.0]}, {"column": "input_ids"}),
        ("token_column", {"input_ids": "5 6"}, {"column": "input_ids"}),
        ("token_column", {"input_ids": [[5], [6, 7]]}, {"column": "input_ids", "got": "list"}),
        ("token_column", {"input_ids": [5, 6], "labels": [0.5, 1.0]}, {"column": "labels"}),
        ("token_ids", {"input_ids": []}, {}),
        ("token_ids", {"input_ids": [5, -100]}, {"got": -100}),
        ("token_ids", {"input_ids": [5, 2**40]}, {"got": 2**40}),
        ("token_column", {"input_ids": None}, {"column": "input_ids", "got": "null"}),
        ("token_length", {"input_ids": [5, 6], "labels": [5]}, {"column": "labels", "got": 1, "expected": 2}),
        ("token_length", {"input_ids": [5, 6], "attention_mask": [1]}, {"column": "attention_mask"}),
        ("token_length", {"input_ids": [5, 6], "completion_mask": [1, 1, 1]}, {"column": "completion_mask"}),
        ("token_length", {"input_ids": [5, 6], "weights": [1.0]}, {"column": "weights"}),
        ("token_labels", {"input_ids": [5, 6], "labels": [-1, 6]}, {"got": -1}),
        ("token_labels", {"input_ids": [5, 6], "labels": [5, 2**40]}, {"got": 2**40}),
        ("token_task", {"input_ids": [5, 6], "labels": 1}, {"got": 1}),
        ("token_unsupervised", {"input_ids": [5, 6], "labels": [5, -100]}, {}),  # the first token is never predicted
        ("token_unsupervised", {"input_ids": [5, 6], "attention_mask": [0, 0]}, {}),
        ("token_unsupervised", {"input_ids": [5, 6], "assistant_masks": [0, 0]}, {}),
        ("token_unsupervised", {"input_ids": [5]}, {}),
        ("token_packed", {"input_ids": [5, 6, 7], "position_ids": [0, 1, 0]}, {"column": "position_ids"}),
        ("token_packed", {"input_ids": [5, 6, 7], "seq_lengths": [2, 1]}, {"column": "seq_lengths"}),
        ("token_column", {"input_ids": [5, 6], "weights": "muito"}, {"column": "weights"}),
        ("weight", {"input_ids": [5, 6], "weights": [1, -1]}, {"column": "weights"}),
        ("weight", {"input_ids": [5, 6], "weight": float("nan")}, {"column": "weight"}),
    ],
)
def test_wrong_rows_are_named(key: str, values: dict[str, Any], told: dict[str, Any]) -> None:
    with raises(key, path="rows", line=3, **told):
        read(**values)


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("token_class", {"input_ids": [5, 6]}, {"column": "label"}),
        ("token_class", {"input_ids": [5, 6], "labels": [5, 6]}, {"column": "labels"}),
        ("token_class", {"input_ids": [5, 6], "label": "sim"}, {"column": "label"}),
        ("token_class", {"input_ids": [5, 6], "label": 0.5}, {"column": "label"}),
        ("class_number", {"input_ids": [5, 6], "label": 3}, {"got": 3, "classes": 3}),
        ("class_number", {"input_ids": [5, 6], "label": -1}, {"got": -1}),
        ("token_unsupervised", {"input_ids": [5], "label": 1, "attention_mask": [0]}, {}),
        ("weight", {"input_ids": [5, 6], "label": 1, "weights": [1.0, 1.0]}, {"column": "weights"}),
    ],
)
def test_wrong_classes_are_named(key: str, values: dict[str, Any], told: dict[str, Any]) -> None:
    with raises(key, path="rows", line=3, **told):
        read(CLASSES, **values)


# Data sets


def test_long_rows_are_cut_and_those_with_nothing_left_are_dropped() -> None:
    given = [
        {"input_ids": [5] * 9, "labels": [-100, *[5] * 8]},
        {"input_ids": [6] * 9, "labels": [*[-100] * 8, 6]},
        {"input_ids": [7] * 4},
    ]
    rows = TokenRows(given, TokenReader("causal", 6))
    assert (len(rows), rows.lengths, rows.truncated, rows.dropped) == (2, [6, 4], 2, 1)
    assert [lists(row) for row in rows] == [lists(rows[0]), lists(rows[1])]
    assert rows[0]["labels"].tolist() == [-100, *[5] * 5]
    assert rows[-1]["input_ids"].tolist() == [7] * 4
    assert len(rows[:1]) == 1


def test_rows_of_datasets_are_read_when_they_are_asked_for() -> None:
    given = datasets.Dataset.from_list([{"input_ids": [5, 6, number], "labels": None} for number in range(7, 10)])
    for form in (given, given.with_format("torch"), given.with_format("numpy")):
        rows = TokenRows(form, CAUSAL)
        assert rows.lengths == [3, 3, 3]
        assert [row["input_ids"].tolist() for row in rows] == [[5, 6, 7], [5, 6, 8], [5, 6, 9]]
    asked: list[int] = []

    class Lazy(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> dict[str, Any]:
            asked.append(index)
            return {"input_ids": torch.tensor([5, 6])}

    rows = TokenRows(Lazy(), CAUSAL)
    asked.clear()
    assert rows[1]["labels"].tolist() == [5, 6]
    assert asked == [1]


def test_the_row_at_fault_is_named_before_anything_is_trained() -> None:
    with raises("token_unsupervised", path="<list>", line=2):
        TokenRows([{"input_ids": [5, 6]}, {"input_ids": [5, 6], "labels": [-100, -100]}], CAUSAL)
    with raises("not_object", path="<list>", line=1):
        TokenRows([(torch.tensor([5, 6]), torch.tensor([5, 6]))], CAUSAL)
