from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from afinar.data.formats import Completion, Labelled, Text, Turns, alpaca_prompt, detect, normalise
from afinar.data.rows import Row
from tests.data.raising import raises

USER = {"role": "user", "content": "Oi"}
ASSISTANT = {"role": "assistant", "content": "Olá!"}


def row(**values: Any) -> Row:
    return Row(values, "a.jsonl", 7)


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ({"text": "a"}, "text"),
        ({"text": "a", "label": "sim"}, "classification"),
        ({"text": "a", "label": 0}, "classification"),
        ({"text": "a", "label": np.int64(1)}, "classification"),
        ({"text": "a", "label": ["x"]}, "text"),
        ({"text": "a", "label": None}, "text"),
        ({"prompt": "a", "completion": "b", "text": "ab"}, "prompt_completion"),
        ({"messages": [USER], "prompt": "a", "text": "b"}, "messages"),
        ({"conversations": [], "id": 1}, "conversations"),
        ({"instruction": "a", "input": "", "output": "b", "text": "c"}, "alpaca"),
        ({"instruction": "a", "output": "b"}, "alpaca"),
    ],
)
def test_the_format_follows_the_columns(values: dict[str, Any], format: str) -> None:
    assert detect(values, values) == format


@pytest.mark.parametrize(
    ("columns", "nearest"),
    [
        (("texto", "rotulo"), "texto → text; rotulo → label"),
        (("Text",), "Text → text"),
        (("promt", "completion"), "promt → prompt"),
        (("question", "answer"), "question → prompt; answer → completion"),
    ],
)
def test_unknown_columns_are_listed_with_the_nearest_names(columns: tuple[str, ...], nearest: str) -> None:
    with raises("columns_nearest", path="a.csv", line=2, found=", ".join(columns), nearest=nearest):
        detect(columns, {}, path="a.csv", line=2)


@pytest.mark.parametrize("columns", [("xyz", "abc"), ()])
def test_columns_that_are_like_none(columns: tuple[str, ...]) -> None:
    with raises("columns", path="a.csv", line=1, found=", ".join(columns)):
        detect(columns, {}, path="a.csv")


def test_column_names_that_cannot_be_printed_are_escaped() -> None:
    with raises("columns", found="'', '\\ud800', 'a\\nb'"):
        detect(("", "\ud800", "a\nb"), {})


def test_a_column_missing_from_a_later_row() -> None:
    with raises(
        "column_nearest",
        path="a.jsonl",
        line=7,
        column="completion",
        format="prompt_completion",
        nearest="completions → completion",
    ):
        normalise(row(prompt="a", completions="b"), "prompt_completion")


def test_records_of_each_format() -> None:
    assert normalise(row(text=" a\n", other=1), "text") == Text(" a\n")
    assert normalise(row(text="a", label=" sim "), "classification") == Labelled("a", "sim")
    assert normalise(row(prompt="", completion="b"), "prompt_completion") == Completion("", "b", "")
    assert normalise(row(messages=[USER, ASSISTANT]), "messages") == Turns((USER, ASSISTANT))
    record = normalise(row(prompt=[USER, ASSISTANT, USER], completion=[ASSISTANT]), "prompt_completion")
    assert record == Turns((USER, ASSISTANT, USER, ASSISTANT), first=3)


def test_alpaca_joins_instruction_and_input() -> None:
    for absent in ({}, {"input": None}, {"input": " "}):
        record = normalise(row(instruction="Some {input}.", output="2", **absent), "alpaca")
        assert record == Completion("Some {input}.", "2", alpaca_prompt("Some {input}."))
    record = normalise(row(instruction="Some {input}.", input="1 {instruction}", output="2"), "alpaca")
    assert record == Completion("Some {input}.\n\n1 {instruction}", "2", alpaca_prompt("Some {input}.", "1 {instruction}"))


def test_the_alpaca_prompt_is_stanfords() -> None:
    assert alpaca_prompt("Diga oi.") == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nDiga oi.\n\n### Response:"
    )
    assert alpaca_prompt("Some.", "1 e 1") == (
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a response "
        "that appropriately completes the request.\n\n### Instruction:\nSome.\n\n### Input:\n1 e 1\n\n### Response:"
    )


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("sim", "sim"),
        (3, "3"),
        (-1, "-1"),
        (2.0, "2"),
        (True, "true"),
        (np.int64(4), "4"),
        (np.float32(1), "1"),
        (np.bool_(False), "false"),
    ],
)
def test_labels_become_strings(value: Any, label: str) -> None:
    assert normalise(row(text="a", label=value), "classification") == Labelled("a", label)


@pytest.mark.parametrize(
    ("values", "format", "key", "column"),
    [
        ({"text": None}, "text", "none", "text"),
        ({"text": float("nan")}, "text", "nan", "text"),
        ({"text": 7}, "text", "type", "text"),
        ({"text": ["a"]}, "text", "type", "text"),
        ({"text": b"a"}, "text", "type", "text"),
        ({"text": " \n"}, "text", "blank", "text"),
        ({"text": json.loads('"a\\ud83d"')}, "text", "surrogate", "text"),
        ({"text": "a", "label": None}, "classification", "none", "label"),
        ({"text": "a", "label": float("nan")}, "classification", "nan", "label"),
        ({"text": "a", "label": float("inf")}, "classification", "type", "label"),
        ({"text": "a", "label": np.float64("nan")}, "classification", "nan", "label"),
        ({"text": "a", "label": 0.5}, "classification", "type", "label"),
        ({"text": "a", "label": [1]}, "classification", "type", "label"),
        ({"text": "a", "label": "  "}, "classification", "blank", "label"),
        ({"prompt": "a", "completion": " "}, "prompt_completion", "blank", "completion"),
        ({"prompt": None, "completion": "b"}, "prompt_completion", "none", "prompt"),
        ({"prompt": [USER], "completion": "b"}, "prompt_completion", "type", "prompt"),
        ({"prompt": [USER], "completion": []}, "prompt_completion", "messages", "completion"),
        ({"instruction": "", "output": "b"}, "alpaca", "blank", "instruction"),
        ({"instruction": "a", "output": None}, "alpaca", "none", "output"),
        ({"instruction": "a", "input": 3, "output": "b"}, "alpaca", "type", "input"),
        ({"messages": None}, "messages", "none", "messages"),
        ({"messages": []}, "messages", "messages", "messages"),
        ({"messages": "[]"}, "messages", "messages", "messages"),
        ({"messages": ["oi"]}, "messages", "message", "messages[1]"),
        ({"messages": [USER, {}]}, "messages", "message", "messages[2]"),
        ({"messages": [{"text": "oi"}]}, "messages", "message", "messages[1]"),
        ({"messages": [{"role": "usr", "content": "oi"}]}, "messages", "role", "messages[1]"),
        ({"messages": [{"role": 1, "content": "oi"}]}, "messages", "role", "messages[1]"),
        ({"messages": [{"role": "user"}]}, "messages", "content", "messages[1]"),
        ({"messages": [{"role": "user", "content": None}]}, "messages", "content", "messages[1]"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages", "content", "messages[1]"),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages", "surrogate", "messages[1]"),
        ({"messages": [USER, {**ASSISTANT, "tool_calls": [{}]}]}, "messages", "tool_calls", "messages[2]"),
        ({"conversations": [{"from": "human", "value": 3}]}, "conversations", "content", "conversations[1]"),
    ],
)
def test_wrong_values_are_named_with_their_place(values: dict[str, Any], format: str, key: str, column: str) -> None:
    with raises(key, path="a.jsonl", line=7, column=column):
        normalise(row(**values), format)


def test_a_string_prompt_with_a_list_of_messages() -> None:
    with raises("mixed_prompt", path="a.jsonl", line=7):
        normalise(row(prompt="a", completion=[ASSISTANT]), "prompt_completion")


def test_an_unknown_role_names_the_nearest() -> None:
    with raises("role", got="assistent", nearest="assistant"):
        normalise(row(messages=[{"role": "assistent", "content": "oi"}]), "messages")


def test_sharegpt_and_openai_messages_become_alike() -> None:
    sharegpt = [{"from": "system", "value": "S"}, {"from": "human", "value": "Oi"}, {"from": "gpt", "value": "Olá!"}]
    expected = Turns(({"role": "system", "content": "S"}, USER, ASSISTANT))
    assert normalise(row(conversations=sharegpt), "conversations") == expected
    openai = [{"role": "system", "content": "S"}, {**USER, "name": "x"}, {"role": "Assistant", "content": "Olá!"}]
    assert normalise(row(conversations=openai), "conversations") == expected
    parts = [{"role": "user", "content": [{"type": "text", "text": "O"}, {"type": "text", "text": "i"}]}]
    assert normalise(row(messages=parts), "messages") == Turns((USER,))
    with_empty_calls = [{**USER, "tool_calls": None}, {**ASSISTANT, "tool_calls": []}]
    assert normalise(row(messages=with_empty_calls), "messages") == Turns((USER, ASSISTANT))
