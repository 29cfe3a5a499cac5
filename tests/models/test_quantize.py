"""Bases in 4 and 8 bits: which layers, nothing raised to float32, peak memory, stored ones, shards, ties, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D

from afinar.errors import AfinarError, ConfigError, ModelError
from afinar.models import quantize
from afinar.models.config import ModelConfig
from afinar.models.load import load_model
from afinar.models.quantize import count_weights, dequantise, double_quantised, float_weight, kind_of, quantised_layers
from afinar.models.targets import linear_layers
from afinar.ops import nf4
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model, tiny_quantised

pytest.importorskip("bitsandbytes")

KINDS = ("nf4", "int8")
TASKS = ("causal", "classification")
IDS = torch.randint(3, VOCAB, (2, 9), generator=torch.Generator().manual_seed(1))
every_kind = pytest.mark.parametrize("kind", KINDS)
QUICK = ("llama", "gpt2")  # a linear layer and a Conv1D; the loader is one for all
every_pair = pytest.mark.parametrize(
    ("kind", "architecture"),
    [pytest.param(k, a, marks=[] if a in QUICK else [pytest.mark.slow]) for k in KINDS for a in ARCHITECTURES],
)


def load(folder: Path, task: str = "causal", **settings: Any) -> Any:
    return load_model(ModelConfig(name=str(folder), device="cpu", **{"dtype": "float32", **settings}), task=task)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).logits


def raised(folder: Path, **settings: Any) -> AfinarError:
    with pytest.raises(AfinarError) as error:
        load(folder, **settings)
    return error.value


@every_pair
@pytest.mark.parametrize("task", TASKS)
def test_every_linear_layer_but_the_head_is_quantised(kind: str, architecture: str, task: str) -> None:
    model, plain = tiny_quantised(architecture, kind, task), tiny_model(architecture, task)
    assert kind_of(model) == kind
    assert dict(quantised_layers(model)).keys() == linear_layers(plain).keys() == linear_layers(model).keys()
    head = model.score if task == "classification" else model.get_output_embeddings()
    assert type(head) is nn.Linear
    assert count_weights(model) == sum(parameter.numel() for parameter in plain.parameters())
    own = {
        name: parameter
        for name, parameter in plain.named_parameters()
        if name.removesuffix(".weight") not in linear_layers(plain)
    }
    for name, parameter in own.items():
        assert torch.equal(model.get_parameter(name), parameter), name


@every_pair
def test_nothing_is_raised_to_float32(kind: str, architecture: str, tmp_path: Path) -> None:
    tiny_model(architecture).bfloat16().save_pretrained(tmp_path)
    model = load(tmp_path, quantize=kind, dtype="bfloat16")
    quantised = {f"{path}.weight" for path, _ in quantised_layers(model)}
    assert {parameter.dtype for name, parameter in model.named_parameters() if name not in quantised} == {torch.bfloat16}
    assert logits(model).dtype == torch.bfloat16


@pytest.mark.parametrize("architecture", [*QUICK, pytest.param("gemma2", marks=pytest.mark.slow)])
def test_the_weights_are_those_of_the_codebook(architecture: str) -> None:
    """Conv1D's too, which is turned first; blocks run over the ends of rows, whatever their length."""
    model, plain = tiny_quantised(architecture, double_quant=False), tiny_model(architecture)
    for path, layer in quantised_layers(model):
        source = plain.get_submodule(path)
        weight = source.weight.t().contiguous() if isinstance(source, Conv1D) else source.weight
        expected = nf4.dequantise(*nf4.quantise(weight), tuple(weight.shape), torch.float32)
        assert torch.equal(float_weight(layer), expected), path


def test_double_quantisation_is_a_choice() -> None:
    assert double_quantised(tiny_quantised(double_quant=True))
    assert not double_quantised(tiny_quantised(double_quant=False))
    assert not double_quantised(tiny_quantised(kind="int8"))


@every_kind
def test_shards_give_the_same_model(kind: str, tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "one")
    tiny_model().save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 3
    assert torch.equal(*(logits(load(tmp_path / name, quantize=kind)) for name in ("one", "many")))


def test_tied_weights_stay_tied() -> None:
    model = tiny_quantised("llama", tie_word_embeddings=True)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_new_head_is_drawn_as_without_quantisation(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path)
    heads = []
    for kind in ("none", "nf4"):
        torch.manual_seed(7)
        config = ModelConfig(name=str(tmp_path), quantize=kind, dtype="float32", device="cpu")
        heads.append(load_model(config, task="classification", label_names=("a", "b")).score.weight)
    assert torch.equal(*heads)


def test_missing_weights_are_still_told(tmp_path: Path) -> None:
    model = tiny_model()
    state = {name: tensor for name, tensor in model.state_dict().items() if "layers.1.mlp.up_proj" not in name}
    model.save_pretrained(tmp_path, state_dict=state)
    assert raised(tmp_path, quantize="nf4").key == "models.missing_weights"


# --- memory --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A model of 16 million weights in bfloat16, and the bytes of its linear layers."""
    folder = tmp_path_factory.mktemp("large")
    sizes = {"vocab_size": 64, "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 5,
             "num_attention_heads": 8, "num_key_value_heads": 8, "pad_token_id": 0}  # fmt: skip
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **sizes), dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="20MB")
    return folder, sum(layer.weight.numel() for layer in linear_layers(model).values())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize(("kind", "dtype"), [("nf4", "bfloat16"), pytest.param("int8", "float32", marks=pytest.mark.slow)])
def test_the_float_model_is_never_whole_in_memory(kind: str, dtype: str, large: tuple[Path, int]) -> None:
    folder, weights = large
    command = [sys.executable, "-m", "tests.models.peak_memory", str(folder), kind, dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    seen = json.loads(done.stdout.splitlines()[-1])
    as_floats = weights * {"bfloat16": 2, "float32": 4}[dtype]
    assert seen["weights"] < 0.6 * as_floats
    largest_layer = 512 * 1408 * 4
    # the result, some copies of one layer while it is quantised, and what small pieces leave behind
    assert seen["peak"] < seen["weights"] + 8 * largest_layer < as_floats + 6e6
    assert seen["after"] < 1.5 * seen["weights"] + 5e6


# --- stored ones ---------------------------------------------------------------------------------------------------


def stored(folder: Path, **how: Any) -> Path:
    """A checkpoint with quantised weights, written by transformers and bitsandbytes alone."""
    tiny_model(hidden_size=64, intermediate_size=128).save_pretrained(folder / "float")
    model = AutoModelForCausalLM.from_pretrained(folder / "float", quantization_config=BitsAndBytesConfig(**how))
    model.save_pretrained(folder / "stored")
    return folder / "stored"


@pytest.mark.parametrize("double", [False, True])
def test_a_stored_4_bit_checkpoint_is_taken_as_it_is(double: bool, tmp_path: Path) -> None:
    how = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": double}
    folder = stored(tmp_path, **how)
    fresh = load(tmp_path / "float", quantize="nf4", double_quant=double)
    for asked in ("none", "nf4"):
        model = load(folder, quantize=asked)
        assert (kind_of(model), double_quantised(model)) == ("nf4", double)
        torch.testing.assert_close(logits(model), logits(fresh), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("how", "kind"), [({"load_in_8bit": True}, "int8"), ({"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}, "fp4")]
)
def test_other_stored_kinds_are_read(how: dict[str, Any], kind: str, tmp_path: Path) -> None:
    model = load(stored(tmp_path, **how))
    assert kind_of(model) == kind
    assert (logits(model) - logits(load(tmp_path / "float"))).abs().max() < 0.3


def test_another_kind_than_the_stored_one_is_refused(tmp_path: Path) -> None:
    error = raised(stored(tmp_path, load_in_8bit=True), quantize="nf4")
    assert error.key == "quantised.stored_otherwise"
    assert (error.values["got"], error.values["asked"]) == ("int8", "nf4")


def test_it_needs_bitsandbytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model().save_pretrained(tmp_path)
    monkeypatch.setattr(quantize, "find_spec", lambda name: None)
    error = raised(tmp_path, quantize="nf4")
    assert (error.key, error.values["kind"]) == ("quantised.no_bitsandbytes", "nf4")
    assert "pip install" in error.hint


def test_a_device_that_bitsandbytes_does_not_serve_is_refused(tmp_path: Path) -> None:
    config = ModelConfig(name="x", quantize="int8")
    with pytest.raises(ConfigError) as error:
        quantize.told_to_loader(config, tiny_model().config, tmp_path, torch.device("mps"), torch.float32)
    assert (error.value.key, error.value.values["got"]) == ("quantised.device", "mps")


# --- and back ------------------------------------------------------------------------------------------------------


@every_pair
def test_dequantised_it_computes_the_same_as_a_plain_model(kind: str, architecture: str, tmp_path: Path) -> None:
    model = tiny_quantised(architecture, kind)
    before = logits(model)
    assert dequantise(model) is model
    assert kind_of(model) == "none"
    assert {path: type(module) for path, module in model.named_modules()} == {
        path: type(module) for path, module in tiny_model(architecture).named_modules()
    }
    torch.testing.assert_close(logits(model), before, atol=1e-6, rtol=1e-6)
    model.save_pretrained(tmp_path)
    assert "quantization_config" not in json.loads((tmp_path / "config.json").read_text())
    assert torch.equal(logits(load(tmp_path)), logits(model))


@every_kind
def test_a_quantised_model_is_saved_and_loaded_with_the_same_logits(kind: str, tmp_path: Path) -> None:
    model = tiny_quantised(kind=kind)
    model.save_pretrained(tmp_path)
    assert torch.equal(logits(load(tmp_path)), logits(model))


def test_a_float_layer_gives_its_weight_and_an_unknown_one_is_refused() -> None:
    layer = nn.Linear(4, 3)
    assert torch.equal(float_weight(layer), layer.weight)
    layer.weight = nn.Parameter(torch.zeros(3, 4, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(ModelError) as error:
        float_weight(layer)
    assert (error.value.key, error.value.values["got"]) == ("quantised.unknown_layer", "Linear")
