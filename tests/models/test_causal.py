"""The supervised forward equals the model's own logits with a plain cross-entropy, on every architecture."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from afinar.errors import ModelError
from afinar.models import causal
from afinar.models.causal import causal_core, supervise
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model


def _batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCAB, (3, 12), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    labels = ids.clone()
    labels[:, :4] = -100  # a prompt
    labels[mask == 0] = -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _plain_loss(model: nn.Module, batch: dict[str, torch.Tensor], divisor: int) -> torch.Tensor:
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum") / divisor


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_loss_and_gradients_equal_the_whole_logits(architecture: str) -> None:
    plain, ours = tiny_model(architecture), supervise(tiny_model(architecture))
    batch = _batch()

    expected = _plain_loss(plain, batch, divisor=100)
    out = ours(**batch, num_items_in_batch=100)
    torch.testing.assert_close(out.loss, expected, rtol=1e-5, atol=1e-6)
    assert out.logits is None
    assert out.token_losses.shape == out.token_correct.shape == ((batch["labels"][:, 1:] != -100).sum(),)

    expected.backward()
    out.loss.backward()
    for (name, reference), parameter in zip(plain.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_without_labels_it_is_the_original_forward() -> None:
    plain, ours = tiny_model(), supervise(tiny_model())
    ids = _batch()["input_ids"]
    assert torch.equal(plain(input_ids=ids).logits, ours(ids).logits)
    assert inspect.signature(ours.forward).parameters.keys() == inspect.signature(plain.forward).parameters.keys()
    generated = ours.generate(ids[:1], max_new_tokens=4, do_sample=False)
    assert torch.equal(generated, plain.generate(ids[:1], max_new_tokens=4, do_sample=False))


def test_a_deep_copy_uses_its_own_weights() -> None:
    model = supervise(tiny_model())
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    batch = _batch()
    assert model(**batch).loss.item() != pytest.approx(torch.log(torch.tensor(float(VOCAB))).item(), abs=1e-4)
    assert twin(**batch).loss.item() == pytest.approx(torch.log(torch.tensor(float(VOCAB))).item(), abs=1e-5)


def test_twice_is_once() -> None:
    once = supervise(tiny_model())
    forward = once.forward
    assert supervise(once).forward == forward


def test_an_unknown_head_takes_its_own_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that does more after its head than soft-cap and scale is found by the probe, and still right."""
    model = tiny_model("llama")
    own = type(model).forward

    def doubled(self: nn.Module, *args: object, **kwargs: object) -> object:
        out = own(self, *args, **kwargs)
        out.logits = out.logits * 2
        return out

    monkeypatch.setattr(causal, "VERIFIED", frozenset())
    monkeypatch.setattr(type(model), "forward", doubled)
    causal._forward_for.cache_clear()
    try:
        batch = _batch()
        expected = _plain_loss(model, batch, divisor=1)
        torch.testing.assert_close(supervise(model)(**batch, num_items_in_batch=1).loss, expected)
    finally:
        causal._forward_for.cache_clear()


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_the_probe_agrees_with_the_table(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "VERIFIED", frozenset())
    model = supervise(tiny_model(architecture))
    assert not model.__dict__[causal._MARK].own


def test_a_model_without_lm_head_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        causal_core(nn.Linear(2, 2))
    assert caught.value.key == "models.no_lm_head"
