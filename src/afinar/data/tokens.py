"""Text to tokens with their places in the text, which masks by span and bits per byte need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afinar.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The tokens of one text, without any that the tokenizer adds around it.

    `starts` and `ends` are character positions in the text; the tokens of one character of several bytes share its place.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def tokenise(tokenizer: PreTrainedTokenizerBase, text: str) -> Tokens:
    """`text` as tokens, special tokens written in it (by a chat template) included, none added."""
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=tokenizer.is_fast, verbose=False)
    ids = np.asarray(encoding["input_ids"], dtype=np.int32)
    if tokenizer.is_fast:
        offsets = np.asarray(encoding["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        return Tokens(ids, offsets[:, 0], offsets[:, 1])
    # Tokenizers written in Python know no places: they are estimated from each token's own text, in proportion.
    lengths = np.asarray([len(tokenizer.decode([token])) for token in ids.tolist()], dtype=np.int64)
    ends = np.cumsum(lengths) * len(text) // max(int(lengths.sum()), 1)
    return Tokens(ids, np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ids)], ends)


def byte_counts(text: str, tokens: Tokens) -> np.ndarray:
    """UTF-8 bytes of `text` that each token stands for, (n,) int32; they add up to those of the text up to the last token.

    A character that several tokens share counts with the first; blanks that a tokenizer drops, with the next.
    """
    if not len(tokens):
        return np.zeros(0, dtype=np.int32)
    code_points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (code_points > 0x7F) + (code_points > 0x7FF) + (code_points > 0xFFFF)
    before = np.concatenate([[0], np.cumsum(sizes)])
    reached = np.maximum.accumulate(before[tokens.ends])
    return np.diff(reached, prepend=0).astype(np.int32)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids of the control tokens: those with a role (BOS, EOS, ...) and added ones marked special (<|im_end|>, ...)."""
    added = (token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special)
    return frozenset({*tokenizer.all_special_ids, *added})


def surroundings(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The tokens that the tokenizer puts before and after a text (often BOS and nothing), found by asking it."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return list(full[:start]), list(full[start + len(bare) :])
    return [], []


def eos_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of EOS. Raises DataError where the tokenizer has none: a model that never sees one never learns to stop."""
    if tokenizer.eos_token_id is None:
        raise DataError("data.no_eos", tokenizer=type(tokenizer).__name__)
    return int(tokenizer.eos_token_id)
