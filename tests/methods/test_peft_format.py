"""PEFT's files: what is written, what of others is read, and what is refused by name. Parity with PEFT itself is in
tests/parity."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from afinar.errors import ModelError
from afinar.methods import exports, peft_format, saved
from afinar.methods.config import Full, LoRA
from afinar.methods.full import FullMethod
from afinar.methods.lora import LoRAMethod, lora_layers
from afinar.methods.peft_format import CONFIG_FILE, WEIGHTS_FILE
from tests.tiny import tiny_model


def exported(folder: Path, task: str = "causal", architecture: str = "llama", **config: Any) -> LoRAMethod:
    """An adapter with random weights in `folder`."""
    method = LoRAMethod(LoRA(**{"r": 4, **config}))
    model = method.attach(tiny_model(architecture, task, num_labels=3))
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.B)
    method.export(model, folder, base="some/base", task=task)
    return method


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_config_says_what_peft_needs(tmp_path: Path) -> None:
    exported(tmp_path, alpha=6, dropout=0.1, rank_stabilised=True)
    assert json.loads((tmp_path / CONFIG_FILE).read_text()) == {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "some/base",
        "r": 4,
        "lora_alpha": 6,
        "lora_dropout": 0.1,
        "use_rslora": True,
        "target_modules": ["k_proj", "o_proj", "q_proj", "v_proj"],
        "modules_to_save": None,
        "fan_in_fan_out": False,
        "bias": "none",
        "init_lora_weights": True,
        "inference_mode": True,
    }


def test_keys_and_shapes_are_peft_s(tmp_path: Path) -> None:
    exported(tmp_path, task="classification", architecture="gpt2", target_modules="c_attn")
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(tmp_path / WEIGHTS_FILE).items()}
    expected = {"base_model.model.score.weight": (3, 32)}
    for layer in (0, 1):
        path = f"base_model.model.transformer.h.{layer}.attn.c_attn"
        expected |= {f"{path}.lora_A.weight": (4, 32), f"{path}.lora_B.weight": (96, 4)}
    assert shapes == expected
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    assert (config["fan_in_fan_out"], config["modules_to_save"], config["task_type"]) == (True, ["score"], "SEQ_CLS")


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("bias", "all"),
        ("lora_bias", True),
        ("layer_replication", [[0, 1]]),
        ("trainable_token_indices", {"embed_tokens": [3], "lm_head": [4]}),
        ("target_parameters", ["experts.gate"]),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "corda"),
        ("use_something_of_next_year", True),
    ],
)
def test_what_would_be_lost_is_refused_by_name(feature: str, value: Any, tmp_path: Path) -> None:
    exported(tmp_path)
    change(tmp_path / CONFIG_FILE, **{feature: value})
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.unsupported_peft"
    assert f"{feature}={value!r}" in error.value.message
    assert "merge_and_unload" in error.value.hint


@pytest.mark.parametrize(
    ("feature", "value"),
    [("use_dora", True), ("rank_pattern", {"q_proj": 2}), ("trainable_token_indices", [3])],
)
def test_settings_without_their_tensors_are_refused(feature: str, value: Any, tmp_path: Path) -> None:
    exported(tmp_path)
    change(tmp_path / CONFIG_FILE, **{feature: value})
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.strange_tensors"


def test_what_has_no_meaning_for_a_trained_adapter_is_not_refused(tmp_path: Path) -> None:
    method = exported(tmp_path)
    change(tmp_path / CONFIG_FILE, init_lora_weights="gaussian", layers_to_transform=[0, 1], use_dora=False, rank_pattern={},
           megatron_core="megatron.core", qalora_group_size=16, peft_version="0.99", revision="main")  # fmt: skip
    assert peft_format.read(tmp_path).config.r == method.config.r


@pytest.mark.parametrize("peft_type", ["PREFIX_TUNING", "IA3", "LOHA"])
def test_another_kind_of_adapter_is_named(peft_type: str, tmp_path: Path) -> None:
    exported(tmp_path)
    change(tmp_path / CONFIG_FILE, peft_type=peft_type)
    with pytest.raises(ModelError, match=peft_type) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.other_peft_type"


def test_adapterhub_s_file_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text('{"config": {"architecture": "lora"}, "model_type": "llama", "version": "1.0"}')
    with pytest.raises(ModelError, match="AdapterHub") as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.not_peft"


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("base_model.model.lm_head.weight", torch.zeros(3, 3)),
        ("base_model.model.model.embed_tokens.lora_embedding_A", torch.zeros(4, 288)),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", torch.zeros(4, 32)),  # without its B
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", torch.zeros(5, 32)),  # of another rank
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", torch.zeros(32)),
        ("model.layers.0.mlp.up_proj.lora_A.weight", torch.zeros(4, 32)),
    ],
)
def test_tensors_that_would_be_lost_are_refused_by_name(name: str, tensor: torch.Tensor, tmp_path: Path) -> None:
    exported(tmp_path)
    save_file({**load_file(tmp_path / WEIGHTS_FILE), name: tensor}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.strange_tensors"
    assert name.removeprefix("base_model.model.") in error.value.message


def test_keys_without_peft_s_prefix_are_refused(tmp_path: Path) -> None:
    exported(tmp_path)
    tensors = load_file(tmp_path / WEIGHTS_FILE)
    save_file({name.removeprefix("base_model.model."): tensor for name, tensor in tensors.items()}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.strange_tensors"


def test_a_pattern_of_layers_becomes_their_paths(tmp_path: Path) -> None:
    exported(tmp_path, target_modules="q_proj")
    change(tmp_path / CONFIG_FILE, target_modules=".*q_proj")
    paths = ("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj")
    assert peft_format.read_config(tmp_path).target_modules == paths


def test_an_adapter_without_tensors_is_refused(tmp_path: Path) -> None:
    exported(tmp_path)
    save_file({}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.strange_tensors"


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / WEIGHTS_FILE).rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.pickle_adapter"


@pytest.mark.parametrize("missing", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelError, match=missing) as error:
        peft_format.read(tmp_path)
    assert error.value.key == "methods.no_file"


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
@pytest.mark.parametrize("file", [CONFIG_FILE, exports.CARD_FILE])
def test_broken_json_is_named(file: str, content: bytes, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=file) as error:
        (saved if file == exports.CARD_FILE else peft_format).read(tmp_path)
    assert error.value.key == "methods.broken_file"


@pytest.mark.parametrize("values", [{"r": "4"}, {"lora_alpha": "x"}, {"lora_alpha": -1}, {"lora_dropout": None}])
def test_wrong_values_are_model_errors(values: dict[str, Any], tmp_path: Path) -> None:
    exported(tmp_path)
    change(tmp_path / CONFIG_FILE, **values)
    with pytest.raises(ModelError):
        peft_format.read(tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from([CONFIG_FILE, WEIGHTS_FILE, exports.CARD_FILE]), data=st.data())
def test_damaged_files_give_an_adapter_or_a_model_error(file: str, data: st.DataObject, tmp_path: Path) -> None:
    exported(tmp_path, target_modules="q_proj")
    content = bytearray((tmp_path / file).read_bytes())
    start = data.draw(st.integers(0, min(len(content), 600) - 1))
    content[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    (tmp_path / file).write_bytes(content)
    with suppress(ModelError):  # any other exception fails the test
        saved.read(tmp_path)
        LoRAMethod(LoRA(r=4, target_modules="q_proj")).restore(tiny_model(), tmp_path)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    method = exported(tmp_path)
    model = tiny_model("gpt2")
    with pytest.raises(ModelError) as error:
        method.restore(model, tmp_path)
    assert error.value.key == "methods.adapter_of_another_model"
    assert not lora_layers(model)


def test_an_adapter_of_another_width_is_refused(tmp_path: Path) -> None:
    method = exported(tmp_path)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(hidden_size=64), tmp_path)
    assert error.value.key == "methods.state_shape"


@pytest.mark.parametrize(("written", "read"), [("causal", "classification"), ("classification", "causal")])
def test_an_adapter_of_another_task_is_refused(written: str, read: str, tmp_path: Path) -> None:
    method = exported(tmp_path, task=written)
    with pytest.raises(ModelError, match=r"score\.weight") as error:
        method.restore(tiny_model(task=read, num_labels=3), tmp_path)
    assert error.value.key == "methods.state_names"


@pytest.mark.parametrize(("field", "value"), [("r", 2), ("alpha", 3.0), ("rank_stabilised", True)])
def test_settings_that_would_change_the_model_are_refused(field: str, value: Any, tmp_path: Path) -> None:
    exported(tmp_path)
    with pytest.raises(ModelError, match=field) as error:
        LoRAMethod(LoRA(**{"r": 4, field: value})).restore(tiny_model(), tmp_path)
    assert error.value.key == "methods.other_config"


def test_the_card_of_a_foreign_adapter_is_made_from_its_files(tmp_path: Path) -> None:
    exported(tmp_path / "causal", alpha=2.5)
    exported(tmp_path / "classes", task="classification")
    for folder in ("causal", "classes"):
        (tmp_path / folder / exports.CARD_FILE).unlink()
    card = saved.read(tmp_path / "causal")
    assert (card.base, card.task, card.labels) == ("some/base", "causal", ())
    assert (card.config.r, card.config.alpha) == (4, 2.5)
    card = saved.read(tmp_path / "classes")
    assert (card.task, card.labels) == ("classification", ("LABEL_0", "LABEL_1", "LABEL_2"))


def test_a_folder_without_an_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        saved.read(tmp_path)
    assert error.value.key == "methods.no_export"


@pytest.mark.parametrize(
    "values",
    [
        {"method": {"name": "unheard"}},
        {"method": {"name": "lora", "unheard": 1}},
        {"method": {"name": "lora", "r": 0}},
        {"method": {}},
        {"method": None},
        {"labels": None},
    ],
)
def test_a_card_of_another_version_is_refused(values: dict[str, Any], tmp_path: Path) -> None:
    exported(tmp_path)
    change(tmp_path / exports.CARD_FILE, **values)
    with pytest.raises(ModelError) as error:
        saved.read(tmp_path)
    assert error.value.key == "methods.broken_card"


@pytest.mark.parametrize("end", [0, [2, 0]])
@pytest.mark.parametrize("method", [LoRAMethod(LoRA()), FullMethod(Full())], ids=["lora", "full"])
def test_an_export_with_pad_equal_to_eos_warns_of_other_pooling(method: Any, end: Any, tmp_path: Path) -> None:
    model = method.attach(tiny_model(task="classification"))
    model.config.eos_token_id = end
    with pytest.warns(UserWarning, match="one token earlier") as caught:
        method.export(model, tmp_path, base="b", task="classification")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("task", "pad"), [("causal", 2), ("classification", 0), ("classification", None)])
def test_an_export_without_that_trap_does_not_warn(task: str, pad: int | None, tmp_path: Path) -> None:
    method = LoRAMethod(LoRA())
    model = method.attach(tiny_model(task=task))
    model.config.pad_token_id = pad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.export(model, tmp_path, base="b", task=task)
