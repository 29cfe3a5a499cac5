"""Perplexity of whole documents, longer than the model can read at once, by a window that slides over them.

A document of tokens t_1 ... t_n after its start token t_0 (BOS), read in windows of W tokens that advance by S:

    window 1         reads t_0 ... t_{W-1}                        scores t_1 ... t_W
    window k >= 2    reads the W tokens before the last it scores  scores the next S tokens (the last window: what is left)

    t_0  t_1  t_2  t_3  t_4  t_5  t_6          W = 4, S = 2
    [-- window 1 ----]                         scores t_1 ... t_4
              [-- window 2 ----]               scores t_5, t_6

Every token is scored once, after at least W - S + 1 others where there are as many. S = W is fastest and the estimate of
lm-evaluation-harness, in which the first token of a window has a context of one; smaller strides cost W / S times as much
and give more context, so that less is put down to the windows. The EOS after a document is no part of its text and is not
scored.

Equal to `loglikelihood_rolling` of lm-evaluation-harness (Gao et al. 2021, doi:10.5281/zenodo.5371628) with `max_length` W and
context_len W - S + 1, if it is kept from adding BOS to a text that it begins with BOS itself (`add_bos_token=False`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from afinar.data.documents import Document
from afinar.data.tokens import byte_counts, tokenise
from afinar.errors import ConfigError, DataError
from afinar.evaluation.batches import OnBatch
from afinar.evaluation.likelihood import start_id
from afinar.evaluation.scoring import Scored, score_tokens
from afinar.evaluation.signature import rolling_signature
from afinar.metrics.token_rows import TokenRows
from afinar.models.causal import causal_core
from afinar.models.generation import last_position
from afinar.models.search import padding_id

LONGEST_WINDOW = 4096
"""The window where nobody asks for one, if the model reads more: longer ones take memory that few machines have."""


@dataclass(frozen=True)
class Rolling:
    """How a document is read: `window` tokens at a time, `stride` new ones per window, with a start token (`bos`) or without.

    Without it a document's first token is only read, since nothing precedes it.
    """

    window: int
    stride: int
    bos: bool = True

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ConfigError("core.range", field="window", got=self.window, allowed=">= 1")
        if not 1 <= self.stride <= self.window:
            raise ConfigError("core.range", field="stride", got=self.stride, allowed=f"1 <= stride <= window={self.window}")


def choose_rolling(model: Any, *, window: int | None = None, stride: int | None = None, bos: bool = True) -> Rolling:
    """`window`: at most the model's positions; None: all of them, up to 4,096. stride: None: the window, as the harness does.

    Raises ConfigError for a window that the model cannot read, or a stride outside 1 ... window.
    """
    positions = last_position(model)
    if window is not None and positions is not None and window > positions:
        raise ConfigError("evaluation.long_window", got=window, positions=positions)
    chosen = window if window is not None else min(LONGEST_WINDOW, positions or LONGEST_WINDOW)
    return Rolling(chosen, chosen if stride is None else stride, bos)


def rolling_rows(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[Document],
    rolling: Rolling | None = None,
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> TokenRows:
    """The sums of each document, whole, in their order; `.metrics()` makes perplexity and bits per byte of them.

    rolling: None: as :func:`choose_rolling` chooses. on_batch: told of windows, not of documents.
    Raises ModelError where `model` is no causal language model; DataError without documents, or where the tokenizer has
    neither BOS nor EOS to start them with.
    """
    if not documents:
        raise DataError("evaluation.no_rows")
    causal_core(model)  # a classifier is refused before anything is tokenised
    rolling = choose_rolling(model) if rolling is None else rolling
    start = start_id(tokenizer) if rolling.bos else None
    sizes, windows, owners = [], [], []
    for row, document in enumerate(documents):
        ids, n_bytes = _encoded(tokenizer, document.text, start)
        sizes.append(n_bytes)
        for window in rolling_windows(ids, rolling):
            windows.append(window)
            owners.append(row)
    scores = score_tokens(model, windows, padding_id=padding_id(tokenizer), batch_tokens=batch_tokens, on_batch=on_batch)

    def summed(values: list[float]) -> np.ndarray:
        return np.bincount(np.asarray(owners, dtype=np.intp), weights=np.asarray(values, float), minlength=len(documents))

    bos = "no" if start is None else "yes" if tokenizer.bos_token_id is not None else "eos"
    return TokenRows(
        losses=-summed([score.nats for score in scores]),
        tokens=summed([score.tokens for score in scores]).astype(np.int64),
        correct=summed([score.correct for score in scores]).astype(np.int64),
        n_bytes=np.asarray(sizes, dtype=np.int64),
        places=tuple((document.path, document.line) for document in documents),
        signature=rolling_signature(model, tokenizer, window=rolling.window, stride=rolling.stride, bos=bos),
    )


def rolling_windows(ids: np.ndarray, rolling: Rolling) -> Iterator[Scored]:
    """The windows of one document whose first token is only read; each later token is scored in exactly one of them."""
    done, n = 1, len(ids)
    while done < n:
        end = min(n, done + (rolling.window if done == 1 else rolling.stride))
        yield Scored(ids[max(0, end - 1 - rolling.window) : end], end - done)
        done = end


def _encoded(tokenizer: PreTrainedTokenizerBase, text: str, start: int | None) -> tuple[np.ndarray, int]:
    """Start token and text as ids, and the bytes that are scored."""
    tokens = tokenise(tokenizer, text)
    if start is None:
        unscored = int(byte_counts(text, tokens)[:1].sum())
        return tokens.ids, len(text.encode("utf-8")) - unscored
    return np.concatenate([np.asarray([start], dtype=np.int32), tokens.ids]), len(text.encode("utf-8"))
