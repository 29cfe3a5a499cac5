"""Messages of a conversation, as OpenAI (role, content) and ShareGPT (from, value) write them, made alike."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from afinar.data.rows import Row
from afinar.errors import DataError

Message = dict[str, str]

ROLES = {
    "system": "system", "developer": "developer", "user": "user", "assistant": "assistant", "tool": "tool",
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "observation": "tool", "function": "tool",
}  # fmt: skip
KEYS = (("role", "content"), ("from", "value"))
TEMPLATE_COLUMNS = ("tools", "chat_template_kwargs")


def read_messages(row: Row, column: str) -> tuple[Message, ...]:
    """The messages in `column` as {role, content}; the keys may be role/content or from/value, message by message.

    `content` is a string or a list of OpenAI text parts, which are joined. Other keys of a message are left out, except
    tool calls, which are refused: without them the answer would be learned from a conversation that never was. So are
    columns beside it that would change what the template writes (TRL's `tools` and `chat_template_kwargs`).

    Raises:
        DataError: Not a list of messages, an unknown role, or content that is no text.
    """
    value = row.values[column]
    if value is None:
        raise row.place.error("data.none", column=column)
    for name in TEMPLATE_COLUMNS:
        if row.values.get(name):
            raise row.place.error("data.template_column", column=name)
    if not isinstance(value, list | tuple) or not value:
        raise row.place.error("data.messages", column=column, got=_kind(value))
    return tuple(_message(item, index, row, column) for index, item in enumerate(value, start=1))


def _message(item: Any, index: int, row: Row, column: str) -> Message:
    where = {"path": row.path, "line": row.line, "column": f"{column}[{index}]"}
    if not isinstance(item, Mapping):
        raise DataError("data.message", **where, got=_kind(item))
    for role_key, content_key in KEYS:
        if item.get(role_key) is not None:
            if item.get("tool_calls"):
                raise DataError("data.tool_calls", **where)
            return {"role": _role(item[role_key], where), "content": _content(item.get(content_key), content_key, where)}
    raise DataError("data.message", **where, got=", ".join(repr(key) for key in item))


def _role(value: Any, where: dict[str, Any]) -> str:
    role = ROLES.get(value.strip().casefold()) if isinstance(value, str) else None
    if role is None:
        nearest = (get_close_matches(str(value).casefold(), ROLES, n=1, cutoff=0.5) or ["user"])[0]
        raise DataError("data.role", **where, got=value, allowed=", ".join(ROLES), nearest=nearest)
    return role


def _content(value: Any, key: str, where: dict[str, Any]) -> str:
    if isinstance(value, list | tuple):
        value = "".join(_part(part, key, where) for part in value)
    if not isinstance(value, str):
        raise DataError("data.content", **where, key=key, got=_kind(value))
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError("data.surrogate", **where) from None
    return value


def _part(part: Any, key: str, where: dict[str, Any]) -> str:
    text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise DataError("data.content", **where, key=key, got=_kind(part))
    return text


def _kind(value: Any) -> str:
    """What a value is, for a message: its type, or that it holds nothing."""
    if isinstance(value, list | tuple | Mapping) and not value:
        return f"{type(value).__name__} (0)"
    return "null" if value is None else type(value).__name__
