"""Which rows are held out where a source has no validation split: chosen by a hash of each row's content.

Rows with the same content are always on the same side, so no held-out row was trained on; and a row stays on its side when
others are added or reordered.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from afinar.data.conversations import Message
from afinar.data.formats import Asked, Completion, Labelled, Record, Text, Turns


def content_key(record: Record) -> bytes:
    """A 16-byte digest of what a model sees of a row, whatever its case, blanks and Unicode form.

    For classification that is the text alone: the same text under another label is still the same question.
    """
    match record:
        case Text() | Labelled():
            parts = [record.text]
        case Completion():
            parts = [record.prompt, record.completion]
        case Turns():
            parts = _spoken(record.messages)
        case Asked():
            parts = [record.prompt] if isinstance(record.prompt, str) else _spoken(record.prompt)
    plain = "\x1f".join(" ".join(unicodedata.normalize("NFC", part).casefold().split()) for part in parts)
    return hashlib.blake2b(plain.encode(), digest_size=16).digest()


def _spoken(messages: Sequence[Message]) -> list[str]:
    return [part for message in messages for part in (message["role"], message["content"])]


def held_out(keys: Sequence[bytes], fraction: float, seed: int, labels: Sequence[str | None] | None = None) -> list[bool]:
    """For each row whether it is held out: those whose hash with `seed` falls below `fraction`.

    With two or more distinct contents each side gets at least one. With `labels`, a class that would be left without
    training rows keeps them all; it could not be learned.
    """
    values = [_value(key, seed) for key in keys]
    chosen = [value < fraction for value in values]
    if not any(chosen):
        lowest = min(values, default=0.0)
        chosen = [value == lowest for value in values]
    if all(chosen):
        highest = max(values, default=0.0)
        chosen = [value != highest for value in values]
    if labels is None:
        return chosen
    trained = {label for label, out in zip(labels, chosen, strict=True) if not out}
    kept = {key for key, label in zip(keys, labels, strict=True) if label not in trained}
    return [out and key not in kept for key, out in zip(keys, chosen, strict=True)]


def _value(key: bytes, seed: int) -> float:
    """A number in [0, 1) from a row's key and the seed."""
    digest = hashlib.blake2b(key, digest_size=8, salt=seed.to_bytes(16, "little", signed=True)).digest()
    return int.from_bytes(digest, "big") / 2**64
