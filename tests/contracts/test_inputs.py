"""Ways in which a model is called: padded on either side, with its cache, by `generate`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.contracts.cases import Case, batch, cases, close, logits

PAD = 0


def padded(row: Tensor, length: int, side: str) -> dict[str, Tensor]:
    """`row` (n,) beside a full row of `length` tokens, with positions that count attended tokens only."""
    fill = (length - len(row), 0) if side == "left" else (0, length - len(row))
    full = batch(1, length, seed=8)["input_ids"][0]
    ids = torch.stack([torch.nn.functional.pad(row, fill, value=PAD), full])
    mask = torch.stack([torch.nn.functional.pad(torch.ones_like(row), fill), torch.ones_like(full)])
    return {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}


@cases(task="causal")
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(case: Case, side: str) -> None:
    _, model = case.adapted()
    row = batch(1, 7)["input_ids"][0]
    inputs = padded(row, 11, side)
    got = logits(model, **inputs)[0][inputs["attention_mask"][0].bool()]
    close(got, logits(model, input_ids=row[None])[0])


@cases(task="causal")
def test_generate_continues_as_the_model_does(case: Case) -> None:
    """Greedy answers of a left-padded batch, with the cache, are the likeliest tokens of the model without it."""
    _, model = case.adapted()
    row, count = batch(1, 5)["input_ids"][0], 4
    inputs = padded(row, 9, "left")
    inputs.pop("position_ids")
    options = {"do_sample": False, "max_new_tokens": count, "eos_token_id": None, "pad_token_id": PAD}
    answers = model.generate(**inputs, **options)
    ids = row[None]
    for _ in range(count):
        ids = torch.cat([ids, logits(model, input_ids=ids)[:, -1:].argmax(-1)], 1)
    assert answers[0, -count:].tolist() == ids[0, -count:].tolist()
