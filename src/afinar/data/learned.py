"""What labels tell of a row: where its last answer begins, and how much text is predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from afinar.data.examples import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def prompt_length(labels: np.ndarray) -> int:
    """Tokens before the last answer, which is the last stretch of labels; 0 where it begins the row."""
    learned = np.flatnonzero(labels != IGNORED)
    if not len(learned):
        return 0
    breaks = np.flatnonzero(np.diff(learned) > 1)
    return int(learned[breaks[-1] + 1] if len(breaks) else learned[0])


def learned_bytes(ids: np.ndarray, labels: np.ndarray, tokenizer: PreTrainedTokenizerBase) -> int:
    """UTF-8 bytes of the text that is predicted: of each stretch of labels, what it adds to the text before it.

    A character that begins before a stretch counts where it ends.
    """
    learned = np.append(labels != IGNORED, False)
    learned[0] = False  # never predicted
    edges = np.flatnonzero(np.diff(learned, prepend=False))
    sizes = [_text_bytes(ids[:edge].tolist(), tokenizer) for edge in edges.tolist()]
    return sum(sizes[1::2]) - sum(sizes[::2])


def _text_bytes(ids: list[int], tokenizer: PreTrainedTokenizerBase) -> int:
    """Bytes of the text of `ids`, without special tokens and without the beginning of a character at its end."""
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)  # a list for lists of lists only
    return len(text.rstrip("\ufffd").encode())
