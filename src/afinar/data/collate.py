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
        """Rows of {"input_ids", "labels", "weights"} as tensors.

        input_ids and attention_mask (B, T); labels (B, T) with -100 in the padding, or (B,) where a row's label is a class;
        weights (B, T) float32 with 0 in the padding, or (B,) where a row has one. A row without weights counts 1, one
        without labels (a prompt, for generation) is ignored; where no row has any, neither has the batch. Other keys are
        left out.
        """
        ids = [torch.as_tensor(row["input_ids"], dtype=torch.long) for row in rows]
        batch = {
            "input_ids": self._pad(ids, self.pad_token_id),
            "attention_mask": self._pad([torch.ones_like(row) for row in ids], 0),
        }
        for name, missing, padding, dtype in (("labels", IGNORED, IGNORED, torch.long), ("weights", 1.0, 0.0, torch.float32)):
            if any(name in row for row in rows):
                batch[name] = self._column(rows, name, missing, padding, dtype)
        return batch

    def _column(
        self, rows: Sequence[Mapping[str, Any]], name: str, missing: float, padding: float, dtype: torch.dtype
    ) -> torch.Tensor:
        """The values `name` of all rows, padded where they are lists; `missing` stands for a row without any."""
        values = [torch.as_tensor(row[name], dtype=dtype) if name in row else None for row in rows]
        if all(value is None or value.ndim == 0 for value in values):
            return torch.stack([torch.tensor(missing, dtype=dtype) if value is None else value for value in values])
        lengths = [len(row["input_ids"]) for row in rows]
        filled = [
            torch.full((length,), missing, dtype=dtype) if value is None else value
            for value, length in zip(values, lengths, strict=True)
        ]
        return self._pad(filled, padding)

    def _pad(self, rows: Sequence[torch.Tensor], value: float) -> torch.Tensor:
        padded = torch.full((len(rows), max(len(row) for row in rows)), value, dtype=rows[0].dtype)
        for target, row in zip(padded, rows, strict=True):
            if self.padding_side == "right":
                target[: len(row)] = row
            else:
                target[target.shape[0] - len(row) :] = row
        return padded
