from __future__ import annotations

import pytest
import torch

from afinar.models.modes import eval_mode, evaluating, model_device
from tests.tiny import tiny_model


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
