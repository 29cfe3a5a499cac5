"""The pooled head equals a plain reference: one row at a time, no padding, the last hidden state times the head's weight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from afinar.data.collate import Collator
from afinar.models.heads import classify
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

TEXTS = ["bom", "um livro muito bom<eos>", "<eos>", "não gostei<eos>", "péssimo do começo ao fim<eos>"]
LABELS = torch.tensor([0, 1, 2, 0, 1])


def rows(tokenizer: Any) -> list[dict[str, Any]]:
    return [{"input_ids": tokenizer(text).input_ids, "labels": int(label)} for text, label in zip(TEXTS, LABELS, strict=True)]


def reference(model: Any, items: list[dict[str, Any]]) -> torch.Tensor:
    """Logits (N, C) without batches, masks, or any of our code."""
    pooled = [model.base_model(input_ids=torch.tensor([item["input_ids"]])).last_hidden_state[0, -1] for item in items]
    return F.linear(torch.stack(pooled), model.score.weight, model.score.bias)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pad_is_eos", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
def test_logits_loss_and_gradients_equal_the_reference(architecture, pad_is_eos, side):
    tokenizer = tiny_tokenizer(pad_is_eos=pad_is_eos)
    model = tiny_model(architecture, "classification", num_labels=3)
    F.cross_entropy(expected := reference(model, rows(tokenizer)), LABELS).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()

    output = classify(model)(**Collator(tokenizer.pad_token_id, side)(rows(tokenizer)))
    output.loss.backward()
    torch.testing.assert_close(output.logits, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(output.loss, F.cross_entropy(expected, LABELS), rtol=1e-5, atol=1e-5)
    for name, parameter in model.named_parameters():
        if name.endswith("embed_tokens.weight") and not pad_is_eos:
            assert parameter.grad[tokenizer.pad_token_id].abs().sum() == 0
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("side", ["right", "left"])
def test_transformers_own_pooling_reads_another_token_where_pad_is_eos(side):
    """Why there is a forward of our own; should this fail one day, transformers has been mended."""
    tokenizer = tiny_tokenizer(pad_is_eos=True)
    model = tiny_model("llama", "classification", num_labels=3, pad_token_id=2)
    items = rows(tokenizer)[1:2] + rows(tokenizer)[3:]
    with torch.no_grad():
        theirs = model(**{name: t for name, t in Collator(2, side)(items).items() if name != "labels"}).logits
        assert (theirs - reference(model, items)).abs().max() > 1e-3
