"""The signature of a measured perplexity: everything about the measuring that moves the number."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from transformers import PreTrainedTokenizerBase

import afinar
from afinar.data.tokens import surroundings
from afinar.metrics.signatures import Signature
from afinar.models.causal import causal_core


def rolling_signature(model: Any, tokenizer: PreTrainedTokenizerBase, *, window: int, stride: int, bos: str) -> Signature:
    """Of whole documents, window by window (:mod:`afinar.evaluation.rolling`)."""
    how = (("window", str(window)), ("stride", str(stride)), ("bos", bos), ("eos", "no"), ("norm", "none"))
    return Signature("perplexity", (("level", "token"), *how, *_system(model, tokenizer)))


def row_signature(
    model: Any, tokenizer: PreTrainedTokenizerBase, *, format: str, max_length: int, blocks: bool = False
) -> Signature:
    """Of rows as a run learns them (:mod:`afinar.evaluation.perplexity`): supervised tokens with EOS, cut at `max_length`.

    format: how the rows were read; a tokenizer with a chat template writes prompts and answers into it. blocks: texts were
    joined and cut into blocks.
    """
    chat = tokenizer.chat_template if format != "text" else None
    how = (
        ("scope", "block" if blocks else "row"),
        ("format", format),
        ("cut", str(max_length)),
        ("bos", "yes" if tokenizer.bos_token_id in surroundings(tokenizer)[0] else "no"),
        ("eos", "yes"),
        ("norm", "none"),
        ("chat", _digest(json.dumps(chat)) if chat else "no"),
    )
    return Signature("perplexity", (("level", "token"), *how, *_system(model, tokenizer)))


def _system(model: Any, tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[str, str], ...]:
    dtype = str(causal_core(model).dtype).removeprefix("torch.")
    return (("tok", tokenizer_hash(tokenizer)), ("dtype", dtype), ("afinar", afinar.__version__))


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """Eight hex digits that tell tokenizers apart by what they make of a text, wherever they were loaded from."""
    if tokenizer.is_fast:
        parts = json.loads(tokenizer.backend_tokenizer.to_str())
        for state in ("truncation", "padding"):  # of the last call, not of the tokenizer
            parts.pop(state, None)
    else:
        parts = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    roles = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
    return _digest(json.dumps({"tokenizer": parts, **roles}, sort_keys=True, default=str))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
