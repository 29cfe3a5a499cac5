"""torch.compile over supervised models: the same loss and gradients, and one compilation for batches of any count."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from afinar.models.causal import supervise
from afinar.models.heads import classify
from tests.models.test_router import assert_same_gradients, mixture
from tests.tiny import VOCAB, tiny_model


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Any:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def _batch(supervised: int, rows: int = 3, length: int = 12) -> dict[str, torch.Tensor]:
    """The last `supervised` positions of each row are supervised."""
    ids = torch.randint(3, VOCAB, (rows, length), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, : length - supervised] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _assert_equal(compiled: Any, plain: Any, **batch: Any) -> None:
    items = torch.tensor(50)
    for model in (compiled, plain):
        model.zero_grad()
    loss, expected = (model(**batch, num_items_in_batch=items).loss for model in (compiled, plain))
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    loss.backward()
    expected.backward()
    assert_same_gradients(compiled, plain)


def test_causal_and_no_recompilation_for_another_count() -> None:
    plain, model = supervise(tiny_model()), supervise(tiny_model())
    compiled = torch.compile(model, backend="aot_eager")
    weights = torch.rand(3, 12, generator=torch.Generator().manual_seed(2))
    for supervised in (3, 4):  # torch takes a size as variable once it has seen two
        _assert_equal(compiled, plain, **_batch(supervised), label_smoothing=0.1, weights=weights)
    frames = counters["frames"]["ok"]
    assert frames > 0  # something was compiled
    for supervised in (6, 11):
        _assert_equal(compiled, plain, **_batch(supervised), label_smoothing=0.1, weights=weights)
    assert counters["frames"]["ok"] == frames


def test_classification() -> None:
    plain, model = (classify(tiny_model("llama", "classification", num_labels=3)) for _ in range(2))
    batch = {**_batch(3), "labels": torch.tensor([0, 2, 1])}
    _assert_equal(torch.compile(model, backend="aot_eager"), plain, **batch, label_smoothing=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
def test_inductor(architecture: str) -> None:
    plain, model = supervise(tiny_model(architecture)), supervise(tiny_model(architecture))
    compiled = torch.compile(model)
    for supervised in (3, 8):
        _assert_equal(compiled, plain, **_batch(supervised), label_smoothing=0.1)


@pytest.mark.slow
def test_a_mixture_of_experts() -> None:
    plain, model = supervise(mixture("mixtral")), supervise(mixture("mixtral"))
    _assert_equal(torch.compile(model, backend="aot_eager"), plain, **_batch(8))
