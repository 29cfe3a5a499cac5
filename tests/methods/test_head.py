"""The head method: what trains, its files, and a model without a head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from afinar.errors import ConfigError, ModelError
from afinar.methods.config import Head
from afinar.methods.head import HEAD_FILE, HeadMethod, head_count, head_of
from tests.tiny import ARCHITECTURES, tiny_model

HIDDEN = 32


def test_a_causal_model_is_refused_and_untouched() -> None:
    model = tiny_model()
    with pytest.raises(ConfigError) as error:
        HeadMethod(Head()).attach(model)
    assert error.value.key == "methods.head_needs_classification"
    assert "LlamaForCausalLM" in error.value.message
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_count_is_classes_times_hidden(architecture: str) -> None:
    assert HeadMethod(Head()).trainable_count(tiny_model(architecture, "classification", num_labels=5)) == 5 * HIDDEN


def test_a_head_s_bias_is_counted_and_saved(tmp_path: Path) -> None:
    models = [tiny_model(task="classification", num_labels=3) for _ in range(2)]
    for model in models:
        model.score = torch.nn.Linear(HIDDEN, 3)
    method = HeadMethod(Head())
    method.export(method.attach(models[0]), tmp_path, base="b", task="classification")
    method.restore(models[1], tmp_path)
    assert head_count(models[0]) == 3 * HIDDEN + 3
    assert torch.equal(models[1].score.bias, models[0].score.bias)


def test_a_causal_model_has_no_head() -> None:
    model = tiny_model()
    assert head_of(model) is None
    assert head_count(model) == 0


def test_the_export_holds_the_head_alone(tmp_path: Path) -> None:
    method, model = HeadMethod(Head()), tiny_model("gpt2", "classification", num_labels=4)
    method.export(method.attach(model), tmp_path, base="b", task="classification")
    tensors = load_file(tmp_path / HEAD_FILE)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {"score.weight": (4, HIDDEN)}


def test_a_head_of_other_classes_is_refused(tmp_path: Path) -> None:
    method = HeadMethod(Head())
    method.export(method.attach(tiny_model(task="classification", num_labels=4)), tmp_path, base="b", task="classification")
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(task="classification", num_labels=3), tmp_path)
    assert error.value.key == "methods.state_shape"


def test_a_missing_head_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        HeadMethod(Head()).restore(tiny_model(task="classification"), tmp_path)
    assert error.value.key == "methods.no_file"
    assert HEAD_FILE in error.value.message
