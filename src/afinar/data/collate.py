"""A list of examples to one padded batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from afinar.data.examples import IGNORED
from afinar.errors import ConfigError

SIDES = ("right", "left")


@dataclass(frozen=True)
class Collator:
    """Pads a batch to its longest row.

    What is padding is told by the rows' lengths and written into `attention_mask`, never by a token's id: `pad_token_id` may
    be EOS, or stand in the text.
    """

    pad_token_id: int
    padding_side: str = "right"

    def __post_init__(self) -> None:
        if self.padding_side not in SIDES:
            raise ConfigError("core.choice", field="padding_side", got=self.padding_side, allowed=", ".join(SIDES))

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows of {"input_ids", "labels"} as LongTensors: input_ids and attention_mask (B, T), and labels (B, T) with -100 in
        the padding, or (B,) where a row's label is a class. Rows without labels (for generation) give none; other keys
        are ignored.
        """
        ids = [torch.as_tensor(row["input_ids"], dtype=torch.long) for row in rows]
        batch = {
            "input_ids": self._pad(ids, self.pad_token_id),
            "attention_mask": self._pad([torch.ones_like(row) for row in ids], 0),
        }
        if "labels" in rows[0]:
            labels = [torch.as_tensor(row["labels"], dtype=torch.long) for row in rows]
            batch["labels"] = self._pad(labels, IGNORED) if labels[0].ndim else torch.stack(labels)
        return batch

    def _pad(self, rows: Sequence[torch.Tensor], value: int) -> torch.Tensor:
        padded = torch.full((len(rows), max(len(row) for row in rows)), value, dtype=torch.long)
        for target, row in zip(padded, rows, strict=True):
            if self.padding_side == "right":
                target[: len(row)] = row
            else:
                target[target.shape[0] - len(row) :] = row
        return padded
