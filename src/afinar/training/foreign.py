"""Collators that are not afinar's: what they are handed, and where they unlearn how to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from transformers import DataCollatorForLanguageModeling, DataCollatorWithPadding, PreTrainedTokenizerBase

from afinar.errors import ConfigError

Row = dict[str, Any]


def for_foreign_collator(rows: Sequence[Row], collator: Callable[..., Any]) -> list[Row]:
    """`rows` as collators of transformers take them: input_ids, attention_mask and labels, as plain lists.

    DataCollatorForLanguageModeling makes the labels itself, DataCollatorWithPadding pads none: they get none.
    Raises ConfigError for rows with weights, which such a collator would lose.
    """
    if any("weights" in row for row in rows):
        raise ConfigError("training.collator_weights", collator=type(collator).__name__)
    labelled = not isinstance(collator, DataCollatorForLanguageModeling | DataCollatorWithPadding)
    return [_plain(row, labelled) for row in rows]


def _plain(row: Row, labelled: bool) -> Row:
    ids = np.asarray(row["input_ids"]).tolist()
    plain: Row = {"input_ids": ids, "attention_mask": [1] * len(ids)}
    if labelled and "labels" in row:
        plain["labels"] = np.asarray(row["labels"]).tolist()
    return plain


def masks_real_eos(collator: Any, tokenizer: PreTrainedTokenizerBase | None = None) -> bool:
    """Whether `collator` takes the end of a text for padding, so that the model never learns to stop.

    DataCollatorForLanguageModeling masks by the padding's id; where pad == eos that is the end of every text too.
    """
    if not isinstance(collator, DataCollatorForLanguageModeling) or collator.mlm:
        return False
    of = tokenizer if collator.tokenizer is None else collator.tokenizer
    return of is not None and of.pad_token_id is not None and of.pad_token_id == of.eos_token_id
