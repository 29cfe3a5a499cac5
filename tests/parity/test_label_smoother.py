"""Label smoothing equals transformers' LabelSmoother in value and gradient, in float64, in one forward pass."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
import torch
from transformers import trainer_pt_utils
from transformers.trainer_pt_utils import LabelSmoother

from afinar.models.causal import supervise
from afinar.models.heads import class_loss, classify
from afinar.ops.loss import head_loss
from tests.tiny import VOCAB, tiny_model

CASES = list(product([0.05, 0.1, 0.5], [None, 40]))


@pytest.fixture(params=["exact", "as it is"])
def tolerance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How near gradients are to be. Theirs sums over the vocabulary in float32 whatever the input, which rounds its value and
    the gradient that comes back through it; with that one type made float64, they are equal to the last digits."""
    if request.param == "as it is":
        return 1e-6
    monkeypatch.setattr(trainer_pt_utils, "torch", SimpleNamespace(**{**vars(torch), "float32": torch.float64}))
    return 1e-11


def _batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(3, VOCAB, (3, 12), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, :4], labels[1, 9:] = -100, -100
    return {"input_ids": ids, "labels": labels}


@pytest.mark.parametrize(("factor", "items"), CASES)
def test_the_function_alone(factor: float, items: int | None, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 12, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(VOCAB, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = _batch()["labels"]
    smoother = LabelSmoother(epsilon=factor)
    theirs = smoother({"logits": hidden @ weight.T}, labels, shift_labels=True, num_items_in_batch=items)

    kept = labels[:, 1:] != -100
    total = head_loss(hidden[:, :-1][kept], weight, None, labels[:, 1:][kept], label_smoothing=factor, chunk=5).total
    ours = total / (int(kept.sum()) if items is None else items)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=0)
    for mine, reference in zip(*(torch.autograd.grad(loss, [hidden, weight]) for loss in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, reference, rtol=tolerance, atol=tolerance / 100)


@pytest.mark.parametrize(("factor", "items"), CASES)
@pytest.mark.parametrize("output_logits", [False, True])
def test_a_whole_model(factor: float, items: int | None, output_logits: bool, tolerance: float) -> None:
    """GPT-2, whose every operation keeps float64 (Llama's norms work in float32)."""
    plain, ours = tiny_model("gpt2").double(), supervise(tiny_model("gpt2").double())
    batch = _batch()
    smoother = LabelSmoother(epsilon=factor)
    theirs = smoother(plain(input_ids=batch["input_ids"]), batch["labels"], shift_labels=True, num_items_in_batch=items)
    loss = ours(**batch, label_smoothing=factor, num_items_in_batch=items, output_logits=output_logits).loss
    torch.testing.assert_close(loss, theirs, rtol=tolerance, atol=0)
    theirs.backward()
    loss.backward()
    for (name, reference), parameter in zip(plain.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=tolerance, atol=tolerance / 100, msg=name)


@pytest.mark.parametrize("items", [None, 40])
def test_accumulated(items: int | None, tolerance: float) -> None:
    """Micro-batches of different sizes, given the step's items, add up to theirs over the whole batch."""
    plain, ours = tiny_model("gpt2").double(), supervise(tiny_model("gpt2").double())
    batch = _batch()
    smoother = LabelSmoother(epsilon=0.1)
    theirs = smoother(plain(input_ids=batch["input_ids"]), batch["labels"], shift_labels=True, num_items_in_batch=items)
    theirs.backward()
    count = torch.tensor(items or int((batch["labels"][:, 1:] != -100).sum()))
    for rows in (slice(0, 1), slice(1, 3)):
        micro = {name: tensor[rows] for name, tensor in batch.items()}
        ours(**micro, label_smoothing=0.1, num_items_in_batch=count).loss.backward()
    for (name, reference), parameter in zip(plain.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=tolerance, atol=tolerance / 100, msg=name)


@pytest.mark.parametrize(("factor", "items"), CASES)
def test_classes(factor: float, items: int | None, tolerance: float) -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    labels = torch.tensor([0, 3, -100, 2, 2])
    theirs = LabelSmoother(epsilon=factor)({"logits": logits}, labels, num_items_in_batch=items)
    ours = class_loss(logits, labels, label_smoothing=factor, num_items_in_batch=items)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=0)
    mine, reference = (torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs))
    torch.testing.assert_close(mine, reference, rtol=tolerance, atol=tolerance / 100)


def test_a_classifier() -> None:
    plain, ours = (
        tiny_model("llama", "classification", num_labels=3),
        classify(tiny_model("llama", "classification", num_labels=3)),
    )
    ids, labels = _batch()["input_ids"], torch.tensor([0, 2, 1])
    theirs = LabelSmoother(epsilon=0.2)(plain(input_ids=ids), labels)
    torch.testing.assert_close(ours(input_ids=ids, labels=labels, label_smoothing=0.2).loss, theirs)
