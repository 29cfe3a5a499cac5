"""Mixtures of experts: the router's loss is the model's own, and accumulation does not multiply it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version
from transformers import AutoConfig, AutoModelForCausalLM

from afinar.errors import ModelError
from afinar.models import causal
from afinar.models.causal import supervise
from tests.tiny import VOCAB, tiny_model

_SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "num_experts_per_tok": 2,
}
MIXTURES: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 4},
    "qwen2_moe": {"num_experts": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 32},
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 16, "head_dim": 8},
    "olmoe": {"num_experts": 4},
}
COEFFICIENT = 0.3


def mixture(architecture: str, **settings: Any) -> Any:
    settings = {"output_router_logits": True, "router_aux_loss_coef": COEFFICIENT, **settings}
    config = AutoConfig.for_model(architecture, **_SIZES, **MIXTURES[architecture], **settings)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).train()


def batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(3, VOCAB, (4, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    labels = ids.clone()
    labels[:, :4], labels[mask == 0] = -100, -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def assert_same_gradients(ours: Any, theirs: Any) -> None:
    """A gradient that is missing here must be missing there: an expert that nobody chose."""
    for (name, reference), parameter in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("architecture", MIXTURES)
@pytest.mark.parametrize("extra", [{}, {"output_logits": True}], ids=["", "logits"])
def test_loss_and_gradients_equal_the_models_own(architecture: str, extra: dict[str, Any]) -> None:
    theirs, ours = mixture(architecture), supervise(mixture(architecture))
    expected = theirs(**batch())
    out = ours(**batch(), **extra)
    torch.testing.assert_close(out.loss, expected.loss, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(out.aux_loss, expected.aux_loss)
    # the perplexity of a mixture has no router in it
    torch.testing.assert_close(out.token_losses.mean(), expected.loss - COEFFICIENT * expected.aux_loss, rtol=1e-5, atol=1e-5)
    assert (out.logits is None) is (not extra)
    expected.loss.backward()
    out.loss.backward()
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("gpt_oss", {"num_local_experts": 4, "head_dim": 8}),
        ("granitemoe", {"num_local_experts": 4, "logits_scaling": 3.0}),
        ("ernie4_5_moe", {"moe_num_experts": 4, "moe_intermediate_size": 16, "moe_k": 2}),
        ("jetmoe", {"num_local_experts": 4, "kv_channels": 8, "num_key_value_heads": 4, "aux_loss_coef": COEFFICIENT}),
        ("llama4_text", {"num_local_experts": 4}),  # has the setting, but adds no such loss
    ],
)
def test_other_families_by_their_own_names(architecture: str, settings: dict[str, Any]) -> None:
    if architecture in ("granitemoe", "jetmoe") and Version(transformers.__version__) < Version("5.23"):
        pytest.skip("their own forwards do not read output_router_logits from the config")
    sizes = {name: value for name, value in _SIZES.items() if (architecture, name) != ("jetmoe", "num_attention_heads")}
    config = AutoConfig.for_model(
        architecture, **{**sizes, "output_router_logits": True, "router_aux_loss_coef": COEFFICIENT, **settings}
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    expected = model(**batch())
    out = supervise(model)(**batch())
    torch.testing.assert_close(out.loss, expected.loss, rtol=1e-6, atol=1e-6)
    assert (out.aux_loss is None) is (expected.get("aux_loss") is None) is (architecture == "llama4_text")


@pytest.mark.parametrize("architecture", MIXTURES)
def test_micro_batches_share_the_routers_loss_by_their_items(architecture: str) -> None:
    """transformers adds the whole of it for every micro-batch: four of them count it four times."""
    items = int((batch()["labels"][:, 1:] != -100).sum())
    theirs, ours = mixture(architecture), supervise(mixture(architecture))
    expected, total, theirs_total = torch.zeros(()), torch.zeros(()), torch.zeros(())
    for row in range(4):
        micro = {name: tensor[row : row + 1] for name, tensor in batch().items()}
        own_items = int((micro["labels"][:, 1:] != -100).sum())
        reference = theirs(**micro).loss * own_items / items  # mean of its tokens, and its router's loss, by their share
        reference.backward()
        loss = ours(**micro, num_items_in_batch=torch.tensor(items)).loss
        loss.backward()
        expected, total = expected + reference.detach(), total + loss.detach()
        with torch.no_grad():
            theirs_total += theirs(**micro, num_items_in_batch=items).loss
    torch.testing.assert_close(total, expected, rtol=1e-6, atol=1e-6)
    assert theirs_total > total + 2 * COEFFICIENT
    assert_same_gradients(ours, theirs)


def test_weights_and_smoothing_leave_the_routers_share_alone() -> None:
    ours = supervise(mixture("mixtral"))
    weights = torch.rand(4, 12, generator=torch.Generator().manual_seed(2))
    with_router = ours(**batch(), weights=weights, label_smoothing=0.1)
    without = ours(**batch(), weights=weights, label_smoothing=0.1, output_router_logits=False)
    assert without.aux_loss is None
    torch.testing.assert_close(with_router.loss - without.loss, COEFFICIENT * with_router.aux_loss, rtol=1e-5, atol=1e-5)


def test_a_batch_without_items_adds_no_routers_loss() -> None:
    rows = {**batch(), "labels": torch.full((4, 12), -100)}
    assert supervise(mixture("mixtral"))(**rows, num_items_in_batch=20).loss.item() == 0


def test_switched_off_it_is_the_plain_loss() -> None:
    theirs, ours = (
        mixture("qwen3_moe", output_router_logits=False),
        supervise(mixture("qwen3_moe", output_router_logits=False)),
    )
    out = ours(**batch())
    torch.testing.assert_close(out.loss, theirs(**batch()).loss)
    assert out.aux_loss is None
    ours.config.output_router_logits = True  # as TRL and others do, after loading
    assert ours(**batch()).aux_loss is not None


def test_the_whole_logits_are_not_made() -> None:
    ours, shapes = supervise(mixture("olmoe")), []
    ours.lm_head.register_forward_hook(lambda module, args, output: shapes.append(tuple(output.shape)))
    ours(**batch())
    supervised = int((batch()["labels"][:, 1:] != -100).sum())
    assert shapes == [(4, 1, VOCAB), (supervised, VOCAB)]


def test_under_gradient_checkpointing() -> None:
    plain, ours = supervise(mixture("mixtral")), supervise(mixture("mixtral"))
    ours.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    loss, reference = ours(**batch()).loss, plain(**batch()).loss
    torch.testing.assert_close(loss, reference)
    loss.backward()
    reference.backward()
    assert_same_gradients(ours, plain)


def test_a_family_that_takes_no_logits_to_keep_makes_its_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    own = causal.router.forward

    def refusing(own_forward: Any, labels: Any, whole: bool, *args: Any, **kwargs: Any) -> Any:
        if not whole:
            raise ValueError("logits and labels differ in length")
        return own(own_forward, labels, whole, *args, **kwargs)

    theirs = mixture("mixtral")
    monkeypatch.setattr(causal.router, "forward", refusing)
    out = supervise(mixture("mixtral"))(**batch())
    torch.testing.assert_close(out.loss, theirs(**batch()).loss)
    assert out.logits is None


def test_a_routers_loss_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a mean over no label is NaN, nothing can be said of the rest; without the router's loss it trains all the same."""
    model = mixture("mixtral")
    model.loss_function = lambda logits, *args, **kwargs: logits.sum() * float("nan")
    supervise(model)
    with pytest.raises(ModelError) as caught:
        model(**batch())
    assert caught.value.key == "models.router_loss"
    assert caught.value.values == {"got": "MixtralForCausalLM"}
    model.config.output_router_logits = False
    assert model(**batch()).loss.isfinite()


def test_dense_models_have_none() -> None:
    model = supervise(tiny_model())
    assert model(**batch(), output_router_logits=True).aux_loss is None
