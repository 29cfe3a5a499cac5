"""Models that compute their own mean loss: micro-batches add up to the loss and gradient of the whole step."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from afinar.errors import ModelError
from afinar.models.own_loss import can_enter, own_loss
from tests.tiny import VOCAB, tiny_model


class Plain(nn.Module):
    """A little model of somebody's own: an embedding, a head, and the mean loss over shifted labels."""

    def __init__(self, form: str = "dict") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.form = form
        self.embedding = nn.Embedding(VOCAB, 8)
        self.head = nn.Linear(8, VOCAB)

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> Any:
        logits = self.head(self.embedding(input_ids))
        if labels is None:
            return {"logits": logits}
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return {"dict": {"loss": loss, "logits": logits}, "tuple": (loss, logits), "tensor": loss, "none": {}}[self.form]


def _batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCAB, (4, 9), generator=generator)
    labels = ids.clone()
    labels[0, :6], labels[1, :2], labels[3, 1:] = -100, -100, -100  # the last row has nothing but its unpredicted first token
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _items(labels: Tensor) -> int:
    return int((labels[:, 1:] != -100).sum())


@pytest.mark.parametrize("form", ["dict", "tuple", "tensor"])
def test_micro_batches_add_up_to_the_whole(form: str) -> None:
    batch = _batch()
    reference, model = Plain(), own_loss(Plain(form))
    whole = reference(batch["input_ids"], batch["labels"])["loss"]
    whole.backward()
    total = torch.zeros(())
    for rows in (slice(0, 1), slice(1, 3), slice(3, 4)):
        micro = {name: tensor[rows] for name, tensor in batch.items()}
        output = model(**micro, num_items_in_batch=torch.tensor(_items(batch["labels"])), label_smoothing=0.0)
        assert output.n_items.item() == _items(micro["labels"])
        output.loss.backward()
        total += output.loss.detach()
    torch.testing.assert_close(total, whole.detach())
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_one_batch_alone_keeps_its_mean_and_its_logits() -> None:
    batch, reference = _batch(), Plain()
    output = own_loss(Plain())(**batch)
    expected = reference(batch["input_ids"], batch["labels"])
    assert torch.equal(output.loss, expected["loss"])
    assert torch.equal(output.logits, expected["logits"])


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_model_of_transformers_that_uses_num_items_and_a_wrapper_that_does_not(architecture: str) -> None:
    """Neither is told the step's items, so both are scaled alike, though only one would have scaled by itself."""

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_model(architecture)

        def forward(self, **inputs: Any) -> Any:
            return self.inner(**inputs)

    batch = _batch()
    mean = tiny_model(architecture)(**batch).loss
    for model in (own_loss(tiny_model(architecture)), own_loss(Wrapper())):
        torch.testing.assert_close(model(**batch, num_items_in_batch=100).loss, mean * _items(batch["labels"]) / 100)


def test_rows_of_one_label_are_counted_as_they_are() -> None:
    model = tiny_model("gpt2", "classification", num_labels=3)
    ids, labels = _batch()["input_ids"], torch.tensor([0, 2, 1, 1])
    mean = model(input_ids=ids, labels=labels).loss.detach()
    output = own_loss(model)(input_ids=ids, labels=labels, num_items_in_batch=16)
    torch.testing.assert_close(output.loss.detach(), mean * 4 / 16)


def test_a_batch_without_items_has_no_loss_and_no_gradient() -> None:
    model = own_loss(Plain())
    batch = _batch()
    output = model(**{**batch, "labels": torch.full_like(batch["labels"], -100)}, num_items_in_batch=7)
    assert output.loss.item() == 0
    output.loss.backward()  # and every parameter takes part, as DDP wants
    assert [parameter.grad.abs().sum().item() for parameter in model.parameters()] == [0, 0, 0]


def test_without_labels_it_is_the_original_forward_and_the_signature_stays() -> None:
    plain, ours = Plain(), own_loss(Plain())
    ids = _batch()["input_ids"]
    assert torch.equal(ours(ids)["logits"], plain(ids)["logits"])
    assert inspect.signature(ours.forward) == inspect.signature(plain.forward)


def test_twice_is_once_and_a_copy_has_its_own_weights() -> None:
    model = own_loss(own_loss(Plain()))
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    batch = _batch()
    assert twin(**batch).loss.item() == pytest.approx(torch.log(torch.tensor(float(VOCAB))).item())
    assert model(**batch, num_items_in_batch=1).loss.item() == pytest.approx(
        _items(batch["labels"]) * model(**batch).loss.item(), rel=1e-5
    )


def test_what_can_be_entered() -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

    causal, classifier = tiny_model(), tiny_model("llama", "classification")
    peft = get_peft_model(tiny_model(), LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"]))
    assert can_enter(causal, "causal")
    assert can_enter(classifier, "classification")
    assert can_enter(peft, "causal")
    assert can_enter(torch.compile(causal), "causal")
    assert not can_enter(causal, "classification")
    assert not can_enter(classifier, "causal")
    assert not can_enter(causal.model, "causal")
    assert not can_enter(Wrapper(causal), "causal")
    assert not can_enter(Plain(), "causal")


@pytest.mark.parametrize("option", [{"label_smoothing": 0.1}, {"weights": torch.ones(4, 9)}])
def test_what_only_the_model_could_apply_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        own_loss(Plain())(**_batch(), **option)
    assert caught.value.key == "models.own_loss_options"
    assert caught.value.values == {"got": "Plain", "option": next(iter(option))}


def test_a_model_without_labels_or_without_a_loss_is_refused() -> None:
    for model in (nn.Linear(2, 2), tiny_model().model):
        with pytest.raises(ModelError) as caught:
            own_loss(model)
        assert caught.value.key == "models.no_own_loss"
    with pytest.raises(ModelError) as caught:
        own_loss(Plain("none"))(**_batch())
    assert caught.value.key == "models.own_loss_missing"
