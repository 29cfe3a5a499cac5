"""P-tuning: the encoder against PEFT's, its count, what its files hold and what is left without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft.tuners.p_tuning import PromptEncoder as PeftEncoder
from safetensors.torch import load_file, save_file

from afinar.errors import ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.config import PTuning
from afinar.methods.p_tuning import ENCODER_FILE, PromptEncoder, PTuningMethod, encoder_count
from afinar.methods.peft_files import WEIGHTS_FILE
from afinar.methods.prompt_format import from_peft
from afinar.methods.virtual_tokens import prompt_of
from tests.tiny import VOCAB, tiny_model

SHAPES: dict[str, dict[str, Any]] = {
    "mlp": {"encoder": "mlp", "hidden": 12},
    "lstm": {"encoder": "lstm", "hidden": 12},
    "lstm-1": {"encoder": "lstm", "hidden": 7, "layers": 1},
    "lstm-3": {"encoder": "lstm", "hidden": 5, "layers": 3},
}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def peft_encoder(shape: dict[str, Any]) -> Any:
    config = peft.PromptEncoderConfig(
        num_virtual_tokens=6,
        token_dim=10,
        num_transformer_submodules=1,
        encoder_hidden_size=shape["hidden"],
        encoder_reparameterization_type=shape["encoder"].upper(),
        **({"encoder_num_layers": shape["layers"]} if "layers" in shape else {}),
    )
    return PeftEncoder(config)


@every_shape
def test_the_encoder_is_peft_s(shape: dict[str, Any]) -> None:
    """The same tokens and the same gradients from the same weights."""
    torch.manual_seed(0)
    theirs, ours = peft_encoder(shape), PromptEncoder(6, 10, **shape)
    ours.load_state_dict({name.replace("_head", ""): tensor for name, tensor in theirs.state_dict().items()})
    expected = theirs(torch.arange(6))
    assert torch.equal(ours(), expected)
    weight = torch.randn(6, 10)
    (ours() * weight).sum().backward()
    (expected * weight).sum().backward()
    gradients = {name.replace("_head", ""): parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-5, atol=1e-6)


@every_shape
def test_the_count_is_the_formula(shape: dict[str, Any]) -> None:
    encoder = PromptEncoder(6, 10, **shape)
    assert encoder_count(6, 10, **shape) == sum(parameter.numel() for parameter in encoder.parameters())


def test_the_count_of_the_page() -> None:
    assert encoder_count(20, 4096, encoder="mlp", hidden=4096) == 50_425_856


def test_dropout_is_between_the_layers_of_the_lstm_in_training_only() -> None:
    torch.manual_seed(0)
    encoder = PromptEncoder(6, 10, encoder="lstm", hidden=12, dropout=0.5).train()
    assert not torch.equal(encoder(), encoder())
    encoder.eval()
    assert torch.equal(encoder(), encoder())


@pytest.mark.parametrize("encoder", ["mlp", "lstm"])
def test_under_autocast_the_encoder_stays_in_float32(encoder: str) -> None:
    model = PTuningMethod(PTuning(virtual_tokens=4, encoder=encoder)).attach(tiny_model())
    expected = prompt_of(model).embeddings()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(prompt_of(model).embeddings(), expected)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"encoder": "gru"}, "core.choice"),
        ({"virtual_tokens": -1}, "core.range"),
        ({"encoder_hidden_size": 0}, "core.range"),
        ({"encoder_layers": 0}, "core.range"),
        ({"encoder": "lstm", "dropout": 1.0}, "core.range"),
        ({"encoder": "lstm", "dropout": float("nan")}, "core.range"),
        ({"dropout": 0.1}, "prompts.dropout"),
        ({"encoder": "lstm", "encoder_layers": 1, "dropout": 0.1}, "prompts.dropout"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        PTuning(**settings)
    assert error.value.key == key


def exported(folder: Path, **config: Any) -> tuple[PTuningMethod, Any]:
    torch.manual_seed(2)
    method = PTuningMethod(PTuning(**{"virtual_tokens": 3, "encoder_hidden_size": 8, **config}))
    model = method.attach(tiny_model())
    method.export(model, folder, base="some/base", task="causal")
    return method, model


def test_peft_s_file_holds_what_the_encoder_gives(tmp_path: Path) -> None:
    _, model = exported(tmp_path)
    assert torch.equal(load_file(tmp_path / WEIGHTS_FILE)["prompt_embeddings"], prompt_of(model).embeddings())


def test_without_its_encoder_the_prompt_trains_by_itself(tmp_path: Path) -> None:
    method, model = exported(tmp_path)
    (tmp_path / ENCODER_FILE).unlink()  # as PEFT leaves it
    ids = torch.randint(3, VOCAB, (2, 6))
    expected = model(ids).logits
    for start in (tiny_model(), model):  # also onto a model that has an encoder
        restored = method.restore(start, tmp_path)
        assert torch.equal(restored(ids).logits, expected)
        assert method.trainable_count(restored) == 3 * 32 == sum(t.numel() for t in method.state(restored).values())
    restored(ids).logits.sum().backward()
    assert prompt_of(restored).rows.embedding.weight.grad.abs().sum() > 0
    method.export(restored, tmp_path / "again", base="some/base", task="causal")
    assert not (tmp_path / "again" / ENCODER_FILE).exists()


def test_an_encoder_that_does_not_give_the_tokens_beside_it_is_refused(tmp_path: Path) -> None:
    method, _ = exported(tmp_path)
    save_file({"prompt_embeddings": torch.ones(3, 32)}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == "prompts.stale_encoder"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"encoder_hidden_size": 16}, PTuning(virtual_tokens=7, encoder_hidden_size=16)),
        ({"encoder_dropout": 0.3}, PTuning(virtual_tokens=7)),  # PEFT's mlp has no dropout
        (
            {"encoder_reparameterization_type": "LSTM", "encoder_num_layers": 3, "encoder_dropout": 0.3},
            PTuning(virtual_tokens=7, encoder="lstm", encoder_layers=3, dropout=0.3),
        ),
    ],
)
def test_a_config_of_peft_s_becomes_ours(settings: dict[str, Any], expected: PTuning, tmp_path: Path) -> None:
    config = peft.PromptEncoderConfig(num_virtual_tokens=7, task_type="CAUSAL_LM", **settings)
    assert from_peft(config.to_dict()) == expected


def test_a_prompt_of_peft_s_is_read(tmp_path: Path) -> None:
    config = peft.PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=8, task_type="CAUSAL_LM")
    peft.get_peft_model(tiny_model(), config).save_pretrained(tmp_path)
    assert saved.read(tmp_path).config == PTuning(virtual_tokens=3, encoder_hidden_size=8)
