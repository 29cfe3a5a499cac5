"""(IA)³ against the formula in float64 and against PEFT: layers, gradients, merging, which layers, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from afinar.errors import ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.config import IA3, LoRA
from afinar.methods.ia3 import IA3Layer, IA3Method, ia3_layers
from afinar.methods.ia3_format import from_peft
from afinar.methods.ia3_targets import TARGETS
from afinar.methods.lora import LoRAMethod
from afinar.methods.peft_files import CONFIG_FILE, WEIGHTS_FILE
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

IN, OUT = 6, 5


def linear() -> nn.Linear:
    return nn.Linear(IN, OUT)


def linear_without_bias() -> nn.Linear:
    return nn.Linear(IN, OUT, bias=False)


def conv1d() -> Conv1D:
    layer = Conv1D(OUT, IN)
    nn.init.normal_(layer.bias)
    return layer


BASES = pytest.mark.parametrize("make_base", [linear, linear_without_bias, conv1d])
SIDES = pytest.mark.parametrize("feedforward", [False, True])


def random_layer(make_base: Any, feedforward: bool) -> IA3Layer:
    torch.manual_seed(0)
    layer = IA3Layer(make_base().double().requires_grad_(False), feedforward=feedforward).double()
    nn.init.normal_(layer.ia3_l)
    return layer


def formula(layer: IA3Layer, x: Tensor) -> Tensor:
    """Entry by entry: y[n, o] = s_o (Σ_i W[o, i] s_i x[n, i] + b[o]), one of the two scales being one."""
    W = layer.weight.t() if isinstance(layer.base, Conv1D) else layer.weight
    ones_in, ones_out = torch.ones(IN, dtype=x.dtype), torch.ones(OUT, dtype=x.dtype)
    inner, outer = (layer.ia3_l, ones_out) if layer.feedforward else (ones_in, layer.ia3_l)
    y = torch.einsum("o,oi,i,ni->no", outer, W, inner, x)
    return y if layer.bias is None else y + outer * layer.bias


@BASES
@SIDES
def test_output_and_gradients_are_the_formula_s(make_base: Any, feedforward: bool) -> None:
    layer = random_layer(make_base, feedforward)
    x = torch.randn(4, IN, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, OUT, dtype=torch.float64)
    got = torch.autograd.grad((layer(x) * weight).sum(), [layer.ia3_l, x])
    expected = torch.autograd.grad((formula(layer, x) * weight).sum(), [layer.ia3_l, x])
    torch.testing.assert_close(layer(x), formula(layer, x), atol=1e-12, rtol=1e-12)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@BASES
@SIDES
def test_the_folded_layer_computes_the_same(make_base: Any, feedforward: bool) -> None:
    layer = random_layer(make_base, feedforward)
    x = torch.randn(4, IN, dtype=torch.float64)
    expected = layer(x).detach()
    stored, shared = layer.weight.clone(), layer.weight
    folded = layer.fold()
    torch.testing.assert_close(folded(x), expected, atol=1e-12, rtol=1e-12)
    assert torch.equal(shared, stored)  # a module that shares the weight keeps it
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_a_quantised_weight_is_not_folded() -> None:
    layer = random_layer(linear, False)
    layer.base.weight = nn.Parameter(torch.zeros(OUT, IN, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ModelError) as error:
        layer.fold()
    assert error.value.key == "methods.merge_quantised"


@SIDES
def test_over_bfloat16_the_vector_is_not_rounded(feedforward: bool) -> None:
    """A factor of 1 + 1/300, which bfloat16 does not have, moves what it scales where rounding allows."""
    base = nn.Linear(2, 2, bias=False).bfloat16().requires_grad_(False)
    nn.init.eye_(base.weight)
    layer = IA3Layer(base, feedforward=feedforward)
    assert layer.ia3_l.dtype == torch.float32
    with torch.no_grad():
        layer.ia3_l.fill_(1 + 1 / 300)
    x = torch.full((1, 2), 1.9921875, dtype=torch.bfloat16)  # the largest below 2: times 1 + 1/300, nearer to 2
    assert layer(x).dtype == torch.bfloat16
    assert layer(x).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_auto_is_peft_s_choice(architecture: str) -> None:
    wrapped = peft.get_peft_model(tiny_model(architecture), peft.IA3Config(task_type="CAUSAL_LM"))
    theirs = {
        name.removeprefix("base_model.model."): module.is_feedforward
        for name, module in wrapped.named_modules()
        if isinstance(module, peft.tuners.ia3.IA3Layer)
    }
    ours = ia3_layers(IA3Method(IA3()).attach(tiny_model(architecture)))
    assert {path: layer.feedforward for path, layer in ours.items()} == theirs


SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
    "intermediate_size": 48, "pad_token_id": 0, "rotary_dim": 4, "head_dim": 8, "attention_types": [[["global"], 2]],
    "num_layers": 2, "num_heads": 4, "multi_query": True, "new_decoder_architecture": False,
}  # fmt: skip


def _computed(config: Any, name: str) -> bool:
    return isinstance(vars(type(config)).get(name), property)


@pytest.mark.parametrize("architecture", sorted(TARGETS.keys() - ARCHITECTURES.keys()))
def test_every_architecture_on_record_has_the_layers(architecture: str) -> None:
    known = AutoConfig.for_model(architecture)
    own = {name: value for name, value in SMALL.items() if hasattr(known, name) and not _computed(known, name)}
    config = AutoConfig.for_model(architecture, **own)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    layers = ia3_layers(IA3Method(IA3()).attach(model))
    outputs, inputs = TARGETS[architecture]
    assert len(layers) == 2 * len(outputs + inputs)
    assert sum(layer.feedforward for layer in layers.values()) == 2 * len(inputs)


def test_layers_of_one_s_own() -> None:
    method = IA3Method(IA3(target_modules=["self_attn.o_proj", "up_proj", "down_proj"], feedforward_modules="up_proj"))
    layers = ia3_layers(method.attach(tiny_model()))
    assert {path.rsplit(".", 1)[-1]: layer.feedforward for path, layer in layers.items()} == {
        "o_proj": False, "up_proj": True, "down_proj": False,
    }  # fmt: skip
    assert method.trainable_count(tiny_model()) == 2 * (32 + 32 + 32)


def test_no_feedforward_layer_at_all() -> None:
    layers = ia3_layers(IA3Method(IA3(target_modules=("k_proj",), feedforward_modules=())).attach(tiny_model()))
    assert [layer.feedforward for layer in layers.values()] == [False, False]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (IA3(target_modules=("query",)), "target_modules"),
        (IA3(target_modules=("k_proj",), feedforward_modules=("down_proj",)), "feedforward_modules"),
        (IA3(target_modules=("lm_head",), feedforward_modules=()), "target_modules"),
    ],
)
def test_an_ending_without_a_layer_is_refused(config: IA3, field: str) -> None:
    model = tiny_model()
    with pytest.raises(ConfigError) as error:
        IA3Method(config).attach(model)
    assert (error.value.key, error.value.values["field"]) == ("ia3.no_match", field)
    assert "gate_proj" in error.value.message
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("config", "field"), [(IA3(), "target_modules"), (IA3(target_modules=("k_proj",)), "feedforward_modules")]
)
def test_auto_on_an_unknown_architecture_lists_its_layers(config: IA3, field: str) -> None:
    model = tiny_model()
    model.config.model_type = "unheard-of"
    with pytest.raises(ConfigError) as error:
        IA3Method(config).attach(model)
    assert (error.value.key, error.value.values["field"]) == ("ia3.unknown_architecture", field)
    assert "down_proj" in error.value.message


def test_targets_may_not_be_empty() -> None:
    with pytest.raises(ConfigError) as error:
        IA3(target_modules=())
    assert error.value.key == "core.missing"


def test_a_model_that_carries_an_adapter_is_refused() -> None:
    with pytest.raises(ModelError) as error:
        IA3Method(IA3()).attach(LoRAMethod(LoRA(r=2)).attach(tiny_model()))
    assert error.value.key == "ia3.already_adapted"


def test_without_vectors_there_is_nothing_to_do(tmp_path: Path) -> None:
    method = IA3Method(IA3())
    for call in (method.state, method.merge, lambda model: method.disabled(model).__enter__()):
        with pytest.raises(ModelError) as error:
            call(tiny_model())
        assert error.value.key == "ia3.not_attached"


def exported(folder: Path, architecture: str = "llama") -> IA3Method:
    method = IA3Method(IA3())
    method.export(method.attach(tiny_model(architecture)), folder, base="some/base", task="causal")
    return method


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_files_are_peft_s(architecture: str, tmp_path: Path) -> None:
    exported(tmp_path / "ours", architecture)
    config = peft.IA3Config(task_type="CAUSAL_LM", fan_in_fan_out=architecture == "gpt2")
    peft.get_peft_model(tiny_model(architecture), config).save_pretrained(tmp_path / "theirs")
    tensors = [load_file(tmp_path / name / WEIGHTS_FILE) for name in ("ours", "theirs")]
    shapes = [{name: tuple(tensor.shape) for name, tensor in found.items()} for found in tensors]
    assert shapes[0] == shapes[1]
    ours, theirs = (json.loads((tmp_path / name / CONFIG_FILE).read_text()) for name in ("ours", "theirs"))
    for name in ("peft_type", "task_type", "fan_in_fan_out", "init_ia3_weights", "modules_to_save"):
        assert ours[name] == theirs[name], name


def rewrite(folder: Path, **values: Any) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_layers_chosen_by_a_pattern_are_read_from_the_weights(tmp_path: Path) -> None:
    pattern = r".*\.1\..*(k_proj|down_proj)"
    config = peft.IA3Config(task_type="CAUSAL_LM", target_modules=pattern, feedforward_modules=r".*down_proj")
    wrapped = peft.get_peft_model(tiny_model(), config)
    for name, parameter in wrapped.named_parameters():
        if "ia3_l" in name:
            nn.init.normal_(parameter)
    wrapped.save_pretrained(tmp_path)
    found = saved.read(tmp_path).config
    paths = ("model.layers.1.mlp.down_proj", "model.layers.1.self_attn.k_proj")
    assert tuple(sorted(found.target_modules)) == paths
    assert found.feedforward_modules == paths[:1]
    ids = torch.randint(3, VOCAB, (2, 7))
    with torch.no_grad():
        torch.testing.assert_close(IA3Method(found).restore(tiny_model(), tmp_path)(ids).logits, wrapped(ids).logits)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"peft_type": "LN_TUNING"}, "ia3.other_type"),
        ({"some_new_setting": 3}, "methods.unsupported_peft"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], key: str, tmp_path: Path) -> None:
    method = exported(tmp_path)
    rewrite(tmp_path, **values)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == key


def test_another_model_is_refused(tmp_path: Path) -> None:
    method = exported(tmp_path)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model("opt"), tmp_path)
    assert error.value.key == "methods.adapter_of_another_model"
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(intermediate_size=64), tmp_path)
    assert error.value.key == "methods.state_shape"


@pytest.mark.parametrize(
    "tensors",
    [
        {"base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight": torch.zeros(2, 32)},
        {"base_model.model.model.layers.0.self_attn.k_proj.ia3_l": torch.zeros(2, 8)},
        {},
    ],
)
def test_other_tensors_are_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    method = exported(tmp_path)
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == "ia3.strange_tensors"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, IA3()),
        (
            {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
            IA3(target_modules=("down_proj", "k_proj"), feedforward_modules=("down_proj",)),
        ),
        ({"target_modules": ["k_proj"], "feedforward_modules": []}, IA3(target_modules=("k_proj",), feedforward_modules=())),
        ({"target_modules": ".*k_proj", "feedforward_modules": []}, None),
        ({"exclude_modules": ["k_proj"]}, None),
        ({"init_ia3_weights": False}, None),
    ],
)
def test_a_config_of_peft_s_becomes_ours_where_ours_says_the_same(settings: dict[str, Any], expected: IA3 | None) -> None:
    assert from_peft(peft.IA3Config(task_type="CAUSAL_LM", **settings).to_dict()) == expected


def test_a_layer_says_what_it_is() -> None:
    assert "feedforward=True" in repr(random_layer(linear, True))
