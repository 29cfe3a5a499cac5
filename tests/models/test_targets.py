"""Which layers a target names, on the architectures of the table and on one that it lacks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from afinar.errors import ConfigError
from afinar.models.targets import ATTENTION, features, find_targets, linear_layers, matches, shortest_endings
from tests.tiny import ARCHITECTURES, tiny_model

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


def untrained(model_type: str) -> Any:
    """One layer of an architecture with its default sizes, without memory for the weights."""
    config = AutoConfig.for_model(model_type)
    for name in LAYERS:
        if hasattr(config, name):
            setattr(config, name, 1)
    if model_type == "gpt_neo":
        config.attention_layers = ["global"]
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("model_type", sorted(ATTENTION))
def test_every_line_of_the_table_names_layers_of_that_architecture(model_type: str) -> None:
    model = untrained(model_type)
    layers = linear_layers(model)
    for ending in ATTENTION[model_type]:
        assert any(matches(path, [ending]) for path in layers), ending
    found = find_targets(model, "auto")
    assert all("attn" in path or "attention" in path for path in found)
    inside = {path for path in layers if "attn." in path or "attention." in path}
    assert set(found) == inside  # no attention projection is left out


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_structure_finds_what_the_table_says(architecture: str) -> None:
    model = tiny_model(architecture)
    by_table = set(find_targets(model, "auto"))
    model.config.model_type = "unheard-of"
    assert set(find_targets(model, "auto")) == by_table
    assert by_table


def test_auto_without_attention_lists_the_candidates() -> None:
    model = tiny_model()
    for layer in model.model.layers:
        layer._modules["mixer"] = layer._modules.pop("self_attn")
    model.config.model_type = "unheard-of"
    with pytest.raises(ConfigError) as error:
        find_targets(model, "auto")
    assert error.value.key == "methods.no_attention"
    assert error.value.values["candidates"].split(", ") == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    assert "unheard-of" in str(error.value)


@pytest.mark.parametrize("task", ["causal", "classification"])
def test_linear_layers_leave_the_heads_out(task: str) -> None:
    paths = set(linear_layers(tiny_model("llama", task)))
    assert len(paths) == 14
    assert not paths & {"lm_head", "score"}


def test_endings_match_whole_components() -> None:
    assert matches("model.layers.0.self_attn.q_proj", ["q_proj"])
    assert matches("model.layers.0.self_attn.q_proj", ["self_attn.q_proj"])
    assert not matches("model.layers.0.self_attn.q_proj", ["proj"])
    found = find_targets(tiny_model("gpt_neox"), ("dense",))  # not dense_h_to_4h
    assert {path.rsplit(".", 1)[-1] for path in found} == {"dense"}


def test_targets_keep_the_model_s_order() -> None:
    found = list(find_targets(tiny_model(), ("v_proj", "q_proj")))
    assert found == [f"model.layers.{n}.self_attn.{name}" for n in (0, 1) for name in ("q_proj", "v_proj")]


@pytest.mark.parametrize(("ending", "key"), [("query", "methods.no_target"), ("lm_head", "methods.target_is_lm_head")])
def test_refused_endings_list_the_candidates(ending: str, key: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_targets(tiny_model(), ("q_proj", ending))
    assert error.value.key == key
    assert ending in str(error.value)
    assert "q_proj" in error.value.values["candidates"]
    assert "lm_head" not in error.value.values["candidates"]


def test_embeddings_and_norms_are_no_targets() -> None:
    for ending in ("embed_tokens", "input_layernorm"):
        with pytest.raises(ConfigError):
            find_targets(tiny_model(), (ending,))


def test_features_of_both_layouts() -> None:
    assert features(torch.nn.Linear(3, 5)) == features(Conv1D(5, 3)) == (3, 5)


def test_shortest_endings_name_the_layers_and_nothing_else() -> None:
    gpt2 = tiny_model("gpt2")
    assert shortest_endings(gpt2, find_targets(gpt2, "auto")) == ["attn.c_attn", "attn.c_proj"]
    assert shortest_endings(gpt2, find_targets(gpt2, "all-linear")) == ["c_attn", "c_fc", "c_proj"]
    one = ["transformer.h.1.attn.c_attn"]
    assert shortest_endings(gpt2, one) == one
