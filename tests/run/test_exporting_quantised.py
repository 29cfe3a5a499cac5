"""Runs on a base in 4 or 8 bits, merged into the float base or into the dequantised one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from afinar.config import RunConfig
from afinar.errors import ConfigError
from afinar.models.config import ModelConfig
from afinar.models.load import load_model
from afinar.models.quantize import dequantise
from afinar.run import Run, export, load, merge, train
from tests.tiny import tiny_model, tiny_tokenizer

pytest.importorskip("bitsandbytes")
Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Wide enough that NF4's error shows, with the tokenizer of the other tests."""
    folder = tmp_path / "base"
    tiny_model("llama", hidden_size=64, intermediate_size=128, seed=3).to(torch.bfloat16).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def trained(configure: Configure, questions: Files, kind: str) -> Run:
    config = configure(questions, {"name": "lora", "r": 4}, training={"max_steps": 2})
    return train(replace(config, model=replace(config.model, quantize=kind)))


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(20, 40)[None]).logits.float()


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_merged_into_the_float_base(kind: str, configure: Configure, questions: Files, base: Path, tmp_path: Path) -> None:
    run = trained(configure, questions, kind)
    made = merge(run.folder, tmp_path / "merged", tolerance=1.0)
    assert (made.dtype, made.notes) == ("bfloat16", {"quantised": kind, "onto": "base"})
    assert made.parity.max_difference > 1e-3  # another base than the adapter was trained on, and the report says so
    assert any(kind in line for line in made.lines())
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype="auto").state_dict()
    untouched = "model.layers.0.mlp.up_proj.weight"  # LoRA went onto the attention
    assert torch.equal(written.state_dict()[untouched], plain[untouched])
    assert "quantization_config" not in written.config.to_dict()


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_merged_into_the_dequantised_base(
    kind: str, configure: Configure, questions: Files, base: Path, tmp_path: Path
) -> None:
    run = trained(configure, questions, kind)
    made = merge(run.folder, tmp_path / "merged", onto="dequantised", dtype="float32")
    assert made.notes["onto"] == "dequantised"
    assert made.parity.verdict == "same"
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="float32")
    torch.testing.assert_close(logits(written), logits(load(run.folder).model), rtol=0, atol=1e-3)
    quantised = load_model(ModelConfig(name=str(base), quantize=kind, device="cpu", dtype="float32"), task="causal")
    expected = dequantise(quantised, torch.float32).state_dict()
    untouched = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(written.state_dict()[untouched], expected[untouched])


def test_the_adapter_alone(configure: Configure, questions: Files, tmp_path: Path) -> None:
    run = trained(configure, questions, "nf4")
    made = export(run.folder, tmp_path / "adapter", format="peft")
    assert (made.read_with, made.parity.verdict) == ("peft", "same")


def test_a_base_that_is_stored_in_4_bits(configure: Configure, questions: Files, base: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    quantised = load_model(ModelConfig(name=str(base), quantize="nf4", device="cpu", dtype="float32"), task="causal")
    quantised.save_pretrained(stored)
    AutoTokenizer.from_pretrained(base).save_pretrained(stored)
    config = configure(questions, {"name": "lora", "r": 4}, training={"max_steps": 2})
    run = train(replace(config, model=replace(config.model, name=str(stored))))
    with pytest.raises(ConfigError) as caught:
        merge(run.folder, tmp_path / "merged")
    assert caught.value.key == "exporting.stored_quantised"
    assert "--onto dequantised" in caught.value.hint
    assert merge(run.folder, tmp_path / "merged", onto="dequantised", dtype="float32").parity.verdict == "same"
