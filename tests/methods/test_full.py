"""Full fine-tuning: float32 masters, weights tied as before, an export that plain transformers reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from afinar.errors import ModelError
from afinar.methods.config import Full
from afinar.methods.full import FullMethod
from tests.tiny import tiny_model

METHOD = FullMethod(Full())
IDS = torch.tensor([[5, 6, 7, 8]])


def test_bfloat16_weights_become_float32_and_stay_tied() -> None:
    model = METHOD.attach(tiny_model("gemma2").bfloat16())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_a_small_adam_step_survives() -> None:
    model = METHOD.attach(tiny_model().bfloat16())
    torch.nn.init.ones_(model.model.norm.weight)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0)
    model(input_ids=IDS).logits.sum().backward()
    optimizer.step()
    moved = (model.model.norm.weight - 1).abs()
    assert (moved > 4e-5).all()
    assert (moved < 6e-5).all()  # a bfloat16 one would have stayed at 1


def test_tied_weights_are_counted_once() -> None:
    tied = tiny_model(tie_word_embeddings=True)
    untied = tiny_model(tie_word_embeddings=False)
    assert METHOD.trainable_count(untied) - METHOD.trainable_count(tied) == untied.lm_head.weight.numel()


@pytest.mark.parametrize(
    ("task", "auto"), [("causal", AutoModelForCausalLM), ("classification", AutoModelForSequenceClassification)]
)
def test_the_export_is_a_plain_model(task: str, auto: type, tmp_path: Path) -> None:
    model = METHOD.attach(tiny_model("gpt2", task, num_labels=3))
    METHOD.export(model, tmp_path, base="b", task=task)
    loaded = auto.from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, model(IDS).logits)


def test_a_sharded_export_is_restored(tmp_path: Path) -> None:
    model = METHOD.attach(tiny_model(seed=1))
    model.save_pretrained(tmp_path, max_shard_size="50KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    restored = METHOD.restore(tiny_model(seed=2), tmp_path)
    with torch.no_grad():
        assert torch.equal(restored(IDS).logits, model(IDS).logits)


def test_restore_of_another_size_is_refused(tmp_path: Path) -> None:
    METHOD.export(tiny_model(), tmp_path, base="b", task="causal")
    with pytest.raises(ModelError) as error:
        METHOD.restore(tiny_model(intermediate_size=64), tmp_path)
    assert error.value.key == "methods.state_shape"


@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_a_broken_export_is_named(kept: float, tmp_path: Path) -> None:
    METHOD.export(tiny_model(), tmp_path, base="b", task="causal")
    weights = tmp_path / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ModelError) as error:
        METHOD.restore(tiny_model(), tmp_path)
    assert error.value.key == "methods.broken_file"


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        METHOD.restore(tiny_model(), tmp_path / "nowhere")
    assert error.value.key == "methods.no_file"


def test_it_cannot_be_switched_off_and_says_what_to_do() -> None:
    with pytest.raises(ModelError) as error:
        METHOD.disabled(METHOD.attach(tiny_model()))
    assert error.value.key == "methods.full_keeps_no_base"
    assert "lora" in error.value.hint
