"""The formats of rows: told from their columns, checked, and brought into four kinds of record.

| format            | columns                              | record       | what is learned                         |
| ----------------- | ------------------------------------ | ------------ | --------------------------------------- |
| text              | text                                 | Text         | every token, then EOS                   |
| prompt_completion | prompt, completion (both strings)    | Completion   | the completion, then EOS                |
| prompt_completion | prompt, completion (lists of messages) | Turns      | assistant turns of the completion       |
| messages          | messages: [{role, content}, ...]     | Turns        | all assistant turns                     |
| conversations     | conversations: [{from, value}, ...]  | Turns        | all assistant turns                     |
| alpaca            | instruction, output, maybe input     | Completion   | the output, then EOS                    |
| classification    | text, label                          | Labelled     | the label                               |

More columns than these are left alone, and named in the report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np

from afinar.data.conversations import Message, read_messages
from afinar.data.rows import Row
from afinar.errors import DataError

# In the order in which they are looked for: a set that carries both `messages` and its rendered `text` is one of messages.
COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "prompt_completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output"),
    "classification": ("text", "label"),
    "text": ("text",),
}
OPTIONAL = {"alpaca": ("input",)}

# Column names that other data sets use for the same thing, for the hint only: guessing a column's meaning is the user's part.
ALIASES = {
    "question": "prompt", "query": "prompt", "pergunta": "prompt", "answer": "completion", "response": "completion",
    "resposta": "completion", "target": "completion", "chosen": "completion", "dialog": "messages", "chat": "messages",
    "conversation": "conversations", "instrucao": "instruction", "saida": "output", "sentence": "text", "review": "text",
    "content": "text", "document": "text", "texto": "text", "conteudo": "text", "sentiment": "label", "class": "label",
    "category": "label", "labels": "label", "rotulo": "label", "classe": "label", "sentimento": "label",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt and what should follow. `plain_prompt` is the text for a tokenizer without a chat template."""

    prompt: str
    completion: str
    plain_prompt: str


@dataclass(frozen=True, slots=True)
class Turns:
    """A conversation of {role, content}; assistant turns from index `first` on are learned."""

    messages: tuple[Message, ...]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the name of its class."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt alone, to be answered: a string, or messages that end with the user's."""

    prompt: str | list[Message]


Record = Text | Completion | Turns | Labelled | Asked


def detect(columns: Iterable[str], first_values: Mapping[str, Any], *, path: str = "data", line: int = 1) -> str:
    """The format of rows with these `columns`, of which `first_values` is one.

    `text` beside a `label` that is no name or number (a list, nothing) is plain text.

    Raises:
        DataError: No format has these columns; the error lists them, what each format needs, and the nearest names.
    """
    found = tuple(columns)
    for name, needed in COLUMNS.items():
        if not set(needed) <= set(found):
            continue
        if name == "classification" and not isinstance(first_values.get("label"), str | Integral | Real):
            continue
        return name
    needs = "; ".join(f"{name}: {' + '.join(needed)}" for name, needed in COLUMNS.items())
    nearest = _nearest(found)
    key = "data.columns_nearest" if nearest else "data.columns"
    raise DataError(key, path=path, line=line, found=shown(found), needs=needs, nearest=nearest)


def used_columns(format: str) -> tuple[str, ...]:
    """The columns that `format` reads, needed or optional."""
    return COLUMNS[format] + OPTIONAL.get(format, ())


def normalise(row: Row, format: str) -> Record:
    """The record of a row. Raises DataError, with path and line, for a missing column or a wrong value."""
    for column in COLUMNS[format]:
        if column not in row.values:
            found = tuple(row.values)
            nearest = _nearest(found, (column,))
            key = "data.column_nearest" if nearest else "data.column"
            raise row.place.error(key, column=column, format=format, found=shown(found), nearest=nearest)
    return _NORMALISERS[format](row)


def _text(row: Row) -> Record:
    return Text(text_value(row, "text"))


def _labelled(row: Row) -> Record:
    return Labelled(text_value(row, "text"), label_value(row))


def _prompt_completion(row: Row) -> Record:
    prompt, completion = row.values["prompt"], row.values["completion"]
    if isinstance(prompt, list | tuple) and isinstance(completion, list | tuple):
        messages = read_messages(row, "prompt") + read_messages(row, "completion")
        return Turns(messages, first=len(prompt))
    if isinstance(prompt, str) and isinstance(completion, list | tuple):
        raise row.place.error("data.mixed_prompt")
    prompt = text_value(row, "prompt", empty=True)
    return Completion(prompt, text_value(row, "completion"), plain_prompt=prompt)


def _messages(row: Row) -> Record:
    return Turns(read_messages(row, "messages"))


def _conversations(row: Row) -> Record:
    return Turns(read_messages(row, "conversations"))


def _alpaca(row: Row) -> Record:
    """Instruction and input joined by a blank line as one user turn; the classic text where there is no chat template.

    Source: Taori et al. 2023, Stanford Alpaca, train.py, PROMPT_DICT.
    """
    instruction = text_value(row, "instruction")
    extra = "" if row.values.get("input") is None else text_value(row, "input", empty=True)
    prompt = f"{instruction}\n\n{extra}" if extra.strip() else instruction
    return Completion(prompt, text_value(row, "output"), plain_prompt=alpaca_prompt(instruction, extra))


def alpaca_prompt(instruction: str, extra: str = "") -> str:
    """The classic Alpaca prompt, which ends where the response begins."""
    if not extra.strip():
        return (
            "Below is an instruction that describes a task. "
            "Write a response that appropriately completes the request.\n\n"
            f"### Instruction:\n{instruction}\n\n### Response:"
        )
    return (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        f"### Instruction:\n{instruction}\n\n### Input:\n{extra}\n\n### Response:"
    )


_NORMALISERS = {
    "text": _text,
    "prompt_completion": _prompt_completion,
    "messages": _messages,
    "conversations": _conversations,
    "alpaca": _alpaca,
    "classification": _labelled,
}


def text_value(row: Row, column: str, *, empty: bool = False) -> str:
    """The text in `column`: a string that can be written as UTF-8 and, unless `empty` is allowed, says something."""
    value = row.values[column]
    if not isinstance(value, str):
        raise _wrong_type(row, column, value, "str")
    return checked_text(value, row, column, empty=empty)


def checked_text(value: str, row: Row, column: str, *, empty: bool = False) -> str:
    """`value`, or a DataError where it is blank or holds half a surrogate pair (JSON's \\ud83d alone), which no tokenizer
    takes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise row.place.error("data.surrogate", column=column) from None
    if not empty and not value.strip():
        raise row.place.error("data.blank", column=column)
    return value


def label_value(row: Row) -> str:
    """The label as a string: names stripped, whole numbers without decimals, true and false in lower case."""
    value = row.values["label"]
    if isinstance(value, np.generic):  # rows given in Python
        value = value.item()
    if isinstance(value, str):
        return checked_text(value, row, "label").strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Integral) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    raise _wrong_type(row, "label", value, "str | int")


def _wrong_type(row: Row, column: str, value: Any, expected: str) -> DataError:
    if value is None:
        return row.place.error("data.none", column=column)
    if isinstance(value, float) and math.isnan(value):
        return row.place.error("data.nan", column=column)
    return row.place.error("data.type", column=column, got=type(value).__name__, expected=expected)


def shown(names: Iterable[str]) -> str:
    """Column names for a message; what cannot be printed is escaped."""
    return ", ".join(repr(name) if not name.isprintable() or not name else name for name in names)


def _nearest(found: Iterable[str], wanted: Iterable[str] | None = None) -> str:
    """`found → wanted` for columns whose name is nearly, or elsewhere stands for, one that a format needs; else empty."""
    names = sorted({name for needed in COLUMNS.values() for name in needed} if wanted is None else wanted)
    pairs = []
    for name in found:
        plain = name.strip().casefold()
        match = get_close_matches(plain, names, n=1) or [alias for alias in (ALIASES.get(plain),) if alias in names]
        if match and match[0] not in found:
            pairs.append(f"{name.strip()} → {match[0]}" if name.isprintable() else f"{name!r} → {match[0]}")
    return "; ".join(pairs)
