"""The supervised forward equals the model's own logits with a plain cross-entropy, on every architecture."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

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


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_micro_batches_add_up_to_the_weighted_mean(architecture: str, smoothing: float) -> None:
    """The reference weighs the losses of the whole logits, in one batch."""
    plain, ours = tiny_model(architecture), supervise(tiny_model(architecture))
    batch = _batch()
    weights = torch.rand(batch["labels"].shape, generator=torch.Generator().manual_seed(2)) * 3
    weights[2, 7] = 0

    logits = plain(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    targets, counts = batch["labels"][:, 1:], weights[:, 1:] * (batch["labels"][:, 1:] != -100)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none", label_smoothing=smoothing)
    expected = (losses * counts.flatten()).sum() / counts.sum()
    expected.backward()

    whole = ours(**batch, weights=weights, label_smoothing=smoothing)
    torch.testing.assert_close(whole.loss, expected, rtol=1e-5, atol=1e-6)
    total = torch.zeros(())
    for rows in (slice(0, 1), slice(1, 3)):
        micro = {name: tensor[rows] for name, tensor in batch.items()}
        out = ours(**micro, weights=weights[rows], label_smoothing=smoothing, num_items_in_batch=counts.sum())
        out.loss.backward()
        total += out.loss.detach()
    torch.testing.assert_close(total, expected.detach(), rtol=1e-5, atol=1e-6)
    for (name, reference), parameter in zip(plain.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_logits_on_request_are_the_models_own_and_the_loss_is_the_same(architecture: str) -> None:
    plain, ours = tiny_model(architecture), supervise(tiny_model(architecture))
    batch, calls = _batch(), []
    ours.get_decoder().register_forward_hook(lambda *_: calls.append(1))
    weights = torch.rand(batch["labels"].shape, generator=torch.Generator().manual_seed(2))

    without = ours(**batch, weights=weights, label_smoothing=0.1, num_items_in_batch=50)
    calls.clear()
    out = ours(**batch, weights=weights, label_smoothing=0.1, num_items_in_batch=50, output_logits=True)
    assert len(calls) == 1  # one forward pass
    own = plain(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert torch.equal(out.logits, own)
    torch.testing.assert_close(out.loss, without.loss, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(out.token_losses, without.token_losses, rtol=1e-5, atol=1e-5)
    assert torch.equal(out.token_correct, without.token_correct)

    gradients = [torch.autograd.grad(each.loss, list(ours.parameters())) for each in (without, out)]
    for grad, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(grad, reference, rtol=1e-4, atol=1e-6)


def test_nothing_supervised_gives_zero_and_zero_gradients() -> None:
    """A row that evens out processes must neither add nor divide by zero, alone or in a step, with weights or without."""
    model, batch = supervise(tiny_model()), _batch()
    batch["labels"] = torch.full_like(batch["labels"], -100)
    for extra in ({}, {"num_items_in_batch": 9}, {"weights": torch.ones(3, 12)}, {"output_logits": True}):
        model.zero_grad()
        loss = model(**batch, **extra).loss
        assert loss.item() == 0
        loss.backward()
        assert all(parameter.grad is not None and parameter.grad.abs().sum() == 0 for parameter in model.parameters())


def test_weights_that_are_all_zero_teach_nothing() -> None:
    out = supervise(tiny_model())(**_batch(), weights=torch.zeros(3, 12))
    assert out.loss.item() == 0
    assert out.token_losses.min() > 0  # the figures are without weights


def test_prompt_tuning_lengthens_the_labels_but_not_the_weights() -> None:
    """PEFT puts virtual tokens before the row and -100 before its labels; the reference weighs PEFT's own logits."""
    from peft import PromptTuningConfig, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(supervise(tiny_model()), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)).eval()
    batch, weights = _batch(), torch.rand(3, 12, generator=torch.Generator().manual_seed(2))
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 5:-1]
    counts = weights[:, 1:] * (batch["labels"][:, 1:] != -100)
    losses = F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="none")
    out = model(**batch, weights=weights, num_items_in_batch=7)
    torch.testing.assert_close(out.loss, (losses * counts.flatten()).sum() / 7, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("how", ["hook", "replaced"])
def test_a_head_that_others_wait_for_is_called(how: str) -> None:
    """FSDP gathers a head's weight in a hook, device_map brings it in from the host: its weight alone is not enough."""
    plain, ours = supervise(tiny_model()), supervise(tiny_model())
    calls: list[int] = []
    if how == "hook":
        ours.lm_head.register_forward_pre_hook(lambda *_: calls.append(1))
    else:
        own = ours.lm_head.forward
        ours.lm_head.forward = lambda hidden: (calls.append(1), own(hidden))[1]
    torch.testing.assert_close(ours(**_batch()).loss, plain(**_batch()).loss)
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("output_logits", [False, True])
def test_under_autocast(dtype: torch.dtype, output_logits: bool) -> None:
    """The loss is float32, near that without autocast, and its gradients near those of autocast over the whole logits."""
    plain, ours = tiny_model(), supervise(tiny_model())
    batch = _batch()
    with torch.autocast("cpu", dtype):
        out = ours(**batch, num_items_in_batch=100, output_logits=output_logits)
        logits = plain(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
    expected = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum") / 100
    assert out.loss.dtype == out.token_losses.dtype == torch.float32
    torch.testing.assert_close(out.loss, expected, rtol=1e-3, atol=0)
    (expected * 4096).backward()
    (out.loss * 4096).backward()
    for (name, reference), parameter in zip(plain.named_parameters(), ours.parameters(), strict=True):
        assert parameter.grad.dtype == torch.float32
        error = (parameter.grad - reference.grad).norm() / reference.grad.norm()
        assert error < 8 * torch.finfo(dtype).eps, name


def test_without_labels_it_is_the_original_forward() -> None:
    plain, ours = tiny_model(), supervise(tiny_model())
    ids = _batch()["input_ids"]
    assert torch.equal(plain(input_ids=ids).logits, ours(ids).logits)
    extras = {"num_items_in_batch": 3, "label_smoothing": 0.1, "weights": torch.ones(3, 12), "output_logits": True}
    assert torch.equal(plain(input_ids=ids).logits, ours(ids, **extras).logits)
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
        assert model(**batch).logits is None  # made, but held by nobody
    finally:
        causal._forward_for.cache_clear()


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_the_probe_agrees_with_the_table(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "VERIFIED", frozenset())
    model = supervise(tiny_model(architecture))
    assert not model.__dict__[causal._MARK].own


@pytest.mark.parametrize(("kind", "key"), [("bert", "models.encoder"), ("bart", "models.encoder_decoder")])
def test_models_that_do_not_shift_their_labels_are_refused(kind: str, key: str) -> None:
    sizes = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sizes |= {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    auto = AutoModelForMaskedLM if kind == "bert" else AutoModelForSeq2SeqLM
    with pytest.raises(ModelError) as caught:
        supervise(auto.from_config(AutoConfig.for_model(kind, **sizes)))
    assert caught.value.key == key


def test_a_model_without_lm_head_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        causal_core(nn.Linear(2, 2))
    assert caught.value.key == "models.no_lm_head"
