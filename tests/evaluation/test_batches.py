from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from afinar.evaluation.batches import batches, eval_mode, evaluating, model_device
from tests.tiny import tiny_model


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 100))
def test_each_row_comes_once_and_the_budget_holds(lengths, budget):
    made = batches(lengths, budget)
    assert sorted(row for batch in made for row in batch) == list(range(len(lengths)))
    for batch in made:
        padded = len(batch) * max(lengths[row] for row in batch)
        assert padded <= budget or len(batch) == 1


def test_rows_of_like_length_share_a_batch_and_the_longest_come_first():
    assert batches([3, 9, 3, 8, 2], 18) == [[1, 3], [0, 2, 4]]


def test_evaluating_brings_each_modules_own_mode_back():
    model = tiny_model().train()
    frozen = model.model.layers[0].eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert model.training
    assert model.model.layers[1].mlp.training
    assert not any(module.training for module in frozen.modules())


def test_the_mode_comes_back_after_an_error():
    model = tiny_model().train()
    with pytest.raises(RuntimeError, match="inside"), eval_mode(model):
        raise RuntimeError("inside")
    assert model.training


def test_the_device_is_the_models():
    assert model_device(tiny_model().to("meta")) == torch.device("meta")
