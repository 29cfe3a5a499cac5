"""Quantised models under adapters: gradients, evaluation in between, and transformers' Trainer taking them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.trainer_utils import validate_quantization_for_training

from afinar.data.collate import Collator
from afinar.errors import ConfigError
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRALayer, LoRAMethod
from afinar.models.causal import supervise
from afinar.models.quantised import accepted_by_trainer, check_adapted, quantised_core
from afinar.models.quantize import adopt
from tests.rows import causal_rows
from tests.tiny import tiny_model

pytest.importorskip("bitsandbytes")

KINDS = {"4bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "8bit": {"load_in_8bit": True}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    tiny_model(hidden_size=64, intermediate_size=128).save_pretrained(path)
    return path


def quantised(folder: Path, kind: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, quantization_config=BitsAndBytesConfig(**KINDS[kind]))


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_evaluation_in_between_leaves_the_gradients(folder: Path, kind: str) -> None:
    model = quantised(folder, kind)
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = True  # as on a CPU that has it, where evaluation repacks the weights
    adopt(model)
    supervise(LoRAMethod(LoRA(r=4)).attach(model))
    for layer in model.modules():
        if isinstance(layer, LoRALayer):
            torch.nn.init.normal_(layer.B, std=0.1)
    rows = Collator(0)(causal_rows(4))
    gradients = []
    for _ in range(2):
        model.train().zero_grad()
        model(**rows).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad})
        with torch.no_grad():
            model.eval()(**rows)
    assert gradients[0].keys() == {name for name, p in model.named_parameters() if p.requires_grad}
    for name, value in gradients[0].items():
        assert value.abs().max() > 0, name
        assert torch.equal(gradients[1][name], value), name


@pytest.mark.parametrize("kind", list(KINDS))
def test_trainer_takes_it_with_our_adapter(folder: Path, kind: str) -> None:
    model = LoRAMethod(LoRA(r=4)).attach(quantised(folder, kind))
    with pytest.raises(ValueError, match="quantized"):  # what transformers says of any adapter but PEFT's
        validate_quantization_for_training(model)
    with accepted_by_trainer(model):
        validate_quantization_for_training(model)
    assert model.is_quantized


def test_without_an_adapter_it_is_refused(folder: Path) -> None:
    model = quantised(folder, "4bit")
    assert quantised_core(model) is model
    check_adapted(model, adapted=True)
    with pytest.raises(ConfigError) as error:
        check_adapted(model, adapted=False)
    assert error.value.key == "models.quantised_needs_adapter"


def test_a_format_without_gradients_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantised(folder, "4bit")
    monkeypatch.setattr(type(model.hf_quantizer), "is_trainable", property(lambda self: False))
    with pytest.raises(ConfigError) as error:
        check_adapted(model, adapted=True)
    assert error.value.key == "models.quantised_frozen"


def test_other_models_are_left_alone() -> None:
    model = tiny_model()
    assert quantised_core(model) is None
    check_adapted(model, adapted=False)
    adopt(model)
    with accepted_by_trainer(model):
        assert "is_quantized" not in model.__dict__
