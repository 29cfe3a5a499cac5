"""Rows that only ask: a prompt without its answer, to generate for and to learn nothing from."""

from __future__ import annotations

from afinar.data.conversations import read_messages
from afinar.data.formats import Asked, text_value
from afinar.data.rows import Row


def only_asks(row: Row) -> bool:
    """Whether the columns of `row` hold a prompt and no answer to it."""
    return "prompt" in row.values and row.values.get("completion") is None


def asked(row: Row, format: str) -> Asked | None:
    """The prompt of a row of `format` that only asks: one without completion, or messages that do not end with an answer."""
    if format == "prompt_completion" and only_asks(row):
        prompt = row.values["prompt"]
        if isinstance(prompt, list | tuple):
            return Asked(list(read_messages(row, "prompt")))
        return Asked(text_value(row, "prompt"))
    if format in ("messages", "conversations") and row.values.get(format):
        messages = read_messages(row, format)
        return Asked(list(messages)) if messages[-1]["role"] != "assistant" else None
    return None
