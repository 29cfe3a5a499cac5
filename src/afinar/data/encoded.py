"""A row as tokens, before it is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afinar.data.conversations import Message


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A row as tokens, before cutting and packing.

    `supervised` (n,) bool marks what is learned; `bytes` (n,) int32 are the UTF-8 bytes each token stands for, 0 for
    special tokens; `prompt_length` tokens come before the last answer. The last `tail` tokens stay when a row is cut: what a
    tokenizer puts after a text that is classified. `asks` marks a prompt alone, which is there to be answered.
    """

    ids: np.ndarray
    supervised: np.ndarray
    bytes: np.ndarray
    prompt_length: int = 0
    prompt: str | list[Message] | None = None
    reference: str | None = None
    label: str | None = None
    tail: int = 0
    asks: bool = False


def only_prompt(ids: np.ndarray, prompt: str | list[Message]) -> Encoded:
    """The tokens `ids` of a `prompt` without an answer."""
    nothing = np.zeros(len(ids), dtype=np.int32)
    return Encoded(ids, nothing.astype(bool), nothing, prompt_length=len(ids), prompt=prompt, asks=True)


def cut_text(encoded: Encoded, max_length: int) -> np.ndarray:
    """A classified text's tokens, at most `max_length`; what is cut away stands before its tail (EOS)."""
    if len(encoded.ids) <= max_length:
        return encoded.ids
    return np.concatenate([encoded.ids[: max_length - encoded.tail], encoded.ids[len(encoded.ids) - encoded.tail :]])
