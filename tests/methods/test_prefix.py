"""Prefix tuning: against PEFT's, checkpointed, padded, windowed; its settings, its files and what it refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from afinar.errors import ConfigError, ModelError
from afinar.methods import peft_files, prefix_format, saved
from afinar.methods.config import LoRA, PrefixTuning
from afinar.methods.prefix import PrefixEncoder, PrefixMethod, dimensions_of, encoder_of
from afinar.methods.prefix_format import ENCODER_FILE
from afinar.models.attention import pack
from afinar.models.causal import supervise
from afinar.models.decoder import virtual_tokens
from afinar.models.heads import classify
from tests.models.test_attention import same
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
both = pytest.mark.parametrize("projection", [False, True])
P = 5
# Windows that the prefix slides out of within the rows below.
NARROW: dict[str, dict[str, Any]] = {"mistral": {"sliding_window": 6}, "gemma2": {"sliding_window": 6}}


def config_of(projection: bool, **settings: Any) -> PrefixTuning:
    """Drawn as PEFT draws it."""
    width = {"encoder_hidden_size": 7} if projection else {}
    return PrefixTuning(virtual_tokens=P, projection=projection, **{"init": "random", **width, **settings})


def base_of(architecture: str = "llama", task: str = "causal") -> Any:
    return tiny_model(architecture, task, num_labels=3, **NARROW.get(architecture, {}))


def ours(architecture: str = "llama", projection: bool = False, task: str = "causal", **settings: Any) -> Any:
    torch.manual_seed(1)
    return PrefixMethod(config_of(projection, **settings)).attach(base_of(architecture, task))


def theirs(architecture: str = "llama", projection: bool = False, task: str = "causal", **settings: Any) -> Any:
    """PEFT's own, drawn from the same seed."""
    width = {"prefix_projection": True, "encoder_hidden_size": 7} if projection else {}
    kind = "CAUSAL_LM" if task == "causal" else "SEQ_CLS"
    torch.manual_seed(1)
    config = peft.PrefixTuningConfig(task_type=kind, num_virtual_tokens=P, **width, **settings)
    return peft.get_peft_model(base_of(architecture, task), config).eval()


def batch(side: str = "none") -> dict[str, Tensor]:
    ids = torch.randint(3, VOCAB, (3, 11), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    if side != "none":
        mask[0, :4] = mask[1, :9] = 0
    return {"input_ids": ids, "attention_mask": mask.flip(1) if side == "right" else mask}


def logits(model: Any, **inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return model(**inputs).logits


def gradients(model: Any, inputs: dict[str, Any]) -> dict[str, Tensor]:
    model.zero_grad()
    model(**inputs).logits.square().mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@every_architecture
@both
@pytest.mark.parametrize("side", ["none", "right"])
def test_logits_are_peft_s_to_the_bit(architecture: str, projection: bool, side: str) -> None:
    inputs = batch(side)
    attended = inputs["attention_mask"].bool()
    expected = logits(theirs(architecture, projection), **inputs)
    same(architecture, logits(ours(architecture, projection), **inputs)[attended], expected[attended])


@every_architecture
@pytest.mark.parametrize("beams", [1, 3])
def test_a_left_padded_batch_generates_what_peft_s_does_row_by_row(architecture: str, beams: int) -> None:
    """Row by row, since PEFT counts padding as part of a sliding window."""
    inputs, options = batch("left"), {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None, "num_beams": beams}
    answers = ours(architecture).generate(**inputs, **options)[:, -6:]
    other = theirs(architecture)
    for row, mask, answer in zip(inputs["input_ids"], inputs["attention_mask"].bool(), answers, strict=True):
        alone = row[mask][None]
        expected = other.generate(input_ids=alone, attention_mask=torch.ones_like(alone), **options)
        assert answer.tolist() == expected[0, -6:].tolist()


@every_architecture
def test_a_classifier_is_peft_s_to_the_bit(architecture: str) -> None:
    own, other = ours(architecture, task="classification"), theirs(architecture, task="classification")
    same(architecture, logits(own, **batch()), logits(other, **batch()))


@both
@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_gradients_are_peft_s(architecture: str, projection: bool) -> None:
    own = gradients(ours(architecture, projection), batch())
    other = gradients(theirs(architecture, projection), batch())
    names = {name: name.replace("prefix.", "prompt_encoder.default.") for name in own}
    assert set(names.values()) == other.keys()
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, other[names[name]], rtol=1e-4, atol=1e-7, msg=name)


@both
def test_zero_initialisation_is_peft_s(projection: bool) -> None:
    own, other = ours(projection=projection, init="zero"), theirs(projection=projection, init_weights="zero")
    assert not encoder_of(own)().any()
    assert torch.equal(logits(own, **batch()), logits(other, **batch()))


@every_architecture
def test_a_vocabulary_start_is_as_if_the_model_had_read_those_tokens(architecture: str) -> None:
    base, row = base_of(architecture), batch()["input_ids"][:1]
    torch.manual_seed(3)
    ids = torch.randint(VOCAB, (1, P))
    ids[0, 0] = base.config.bos_token_id
    expected = logits(base, input_ids=torch.cat((ids, row), 1))[:, P:]
    torch.manual_seed(3)
    model = PrefixMethod(PrefixTuning(virtual_tokens=P)).attach(base)
    torch.testing.assert_close(logits(model, input_ids=row), expected, rtol=1e-5, atol=1e-6)


def test_a_start_is_the_base_s_in_any_mode() -> None:
    """Checkpointing in training throws caches away; a base in bfloat16 gives float32 masters."""
    method, plain, trained = PrefixMethod(PrefixTuning(virtual_tokens=P)), base_of(), base_of().train()
    trained.gradient_checkpointing_enable()
    torch.manual_seed(3)
    expected = encoder_of(method.attach(plain))()
    torch.manual_seed(3)
    assert torch.equal(encoder_of(method.attach(trained))(), expected)
    assert trained.training
    coarse = encoder_of(method.attach(base_of().bfloat16()))
    assert coarse().dtype == torch.float32


@every_architecture
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_row_gets_what_it_gets_alone(architecture: str, side: str) -> None:
    """Without position_ids of the caller's own."""
    model, inputs = ours(architecture), batch(side)
    for row, mask, got in zip(inputs["input_ids"], inputs["attention_mask"].bool(), logits(model, **inputs), strict=True):
        torch.testing.assert_close(got[mask], logits(model, input_ids=row[mask][None])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "opt"])
def test_a_pooled_classifier_gets_its_rows_however_padded(architecture: str) -> None:
    model = classify(ours(architecture, task="classification"))
    for side in ("left", "right"):
        inputs = batch(side)
        for row, mask, got in zip(inputs["input_ids"], inputs["attention_mask"].bool(), logits(model, **inputs), strict=True):
            torch.testing.assert_close(got, logits(model, input_ids=row[mask][None])[0], rtol=1e-5, atol=1e-6)


@both
@pytest.mark.parametrize("architecture", ["llama", "mistral", "gpt2"])
def test_gradients_under_checkpointing_and_packed_together(architecture: str, projection: bool) -> None:
    model = supervise(ours(architecture, projection).train())
    packed = pack(list(batch()["input_ids"]))
    inputs = {**packed, "labels": packed["input_ids"], "output_logits": True}
    expected = gradients(model, inputs)
    model.gradient_checkpointing_enable()
    for name, gradient in gradients(model, inputs).items():
        assert torch.equal(gradient, expected[name]), name
    assert all(gradient.abs().sum() > 0 for gradient in expected.values())


def test_reentrant_checkpointing_is_refused() -> None:
    model = ours().train()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    with pytest.raises(ConfigError) as error:
        model(**batch())
    assert error.value.key == "prefix.reentrant"
    model.eval()(**batch())  # nothing is checkpointed


def test_dropout_is_drawn_in_training_only() -> None:
    plain, dropped = ours(), ours(dropout=0.5)
    assert torch.equal(logits(dropped, **batch()), logits(plain, **batch()))
    dropped.train()
    assert not torch.equal(logits(dropped, **batch()), logits(dropped, **batch()))
    keys, _ = encoder_of(dropped).layers()[0]
    assert 0.2 < float((keys == 0).float().mean()) < 0.8


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_base_s_own_attention_comes_back(attention: str) -> None:
    base = base_of()
    base.config._attn_implementation = attention
    expected = logits(base, **batch())
    method = PrefixMethod(PrefixTuning())
    model = method.attach(base)
    assert model.config._attn_implementation == "afinar"
    with method.disabled(model):
        assert model.config._attn_implementation == attention
        assert torch.equal(logits(model, **batch()), expected)
    assert model.config._attn_implementation == "afinar"


def test_a_copy_of_the_model_uses_its_own_prefix() -> None:
    model = ours()
    before, twin = logits(model, **batch()), copy.deepcopy(model)
    encoder_of(twin).embedding.weight.data.add_(1.0)
    assert not torch.equal(logits(twin, **batch()), before)
    assert torch.equal(logits(model, **batch()), before)


def test_inputs_by_place_and_as_embeddings() -> None:
    model, ids = ours(), batch()["input_ids"]
    expected = logits(model, input_ids=ids)
    with torch.no_grad():
        assert torch.equal(model.get_decoder()(ids).last_hidden_state, model.get_decoder()(input_ids=ids)[0])
    assert torch.equal(logits(model, inputs_embeds=model.get_input_embeddings()(ids)), expected)


def test_the_count_of_the_docs() -> None:
    """A Llama of 7 billion weights with 20 virtual tokens."""
    with torch.device("meta"):
        model = tiny_model("llama", hidden_size=4096, intermediate_size=64, num_hidden_layers=32, num_attention_heads=32,
                           num_key_value_heads=32)  # fmt: skip
    assert PrefixMethod(PrefixTuning()).trainable_count(model) == 5_242_880
    assert PrefixMethod(PrefixTuning(projection=True)).trainable_count(model) == 20 * 4096 + 16_781_312 + 1_074_003_968


def test_grouped_heads_and_heads_of_another_size_are_counted_as_keys() -> None:
    assert dimensions_of(tiny_model("llama")) == (2, 2, 8)
    assert dimensions_of(tiny_model("gpt2")) == (2, 4, 8)
    assert dimensions_of(tiny_model("qwen3", head_dim=4)) == (2, 2, 4)
    model = PrefixMethod(PrefixTuning(virtual_tokens=P)).attach(tiny_model("qwen3", head_dim=4))
    assert encoder_of(model)().shape == (P, 2 * 2 * 2 * 4)
    assert virtual_tokens(model) == P


@both
def test_the_files_hold_the_finished_prefix_and_what_made_it(projection: bool, tmp_path: Path) -> None:
    model, method = ours(projection=projection), PrefixMethod(config_of(projection))
    method.export(model, tmp_path, base="b", task="causal")
    tensors = load_file(tmp_path / peft_files.WEIGHTS_FILE)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {"prompt_embeddings": (P, 2 * 2 * 2 * 8)}
    assert (tmp_path / ENCODER_FILE).exists() is projection
    assert json.loads((tmp_path / peft_files.CONFIG_FILE).read_text())["prefix_projection"] is projection
    restored = method.restore(base_of(), tmp_path)
    assert method.state(restored).keys() == method.state(model).keys()
    assert all(torch.equal(tensor, method.state(model)[name]) for name, tensor in method.state(restored).items())


def test_a_projected_prefix_of_peft_s_own_is_taken_as_it_is(tmp_path: Path) -> None:
    other = theirs(projection=True)
    other.save_pretrained(str(tmp_path))
    card = saved.read(tmp_path)
    assert card.config == PrefixTuning(virtual_tokens=P)
    assert torch.equal(logits(PrefixMethod(card.config).restore(base_of(), tmp_path), **batch()), logits(other, **batch()))
    with pytest.raises(ModelError) as error:
        PrefixMethod(config_of(True)).restore(base_of(), tmp_path)
    assert error.value.key == "prefix.no_encoder"


def test_a_projected_export_can_be_taken_without_its_perceptron(tmp_path: Path) -> None:
    model = ours(projection=True)
    PrefixMethod(config_of(True)).export(model, tmp_path, base="b", task="causal")
    plain = PrefixMethod(config_of(False)).restore(base_of(), tmp_path)
    assert torch.equal(logits(plain, **batch()), logits(model, **batch()))


def exported(directory: Path) -> Path:
    PrefixMethod(config_of(False)).export(ours(), directory, base="b", task="causal")
    return directory


def test_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        PrefixMethod(PrefixTuning(virtual_tokens=9)).restore(base_of(), exported(tmp_path))
    assert error.value.key == "methods.other_config"
    assert (error.value.values["got"], error.value.values["expected"]) == (9, P)


def test_another_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        PrefixMethod(config_of(False)).restore(base_of("gpt2"), exported(tmp_path))
    assert error.value.key == "methods.state_shape"


def test_another_technique_s_files_are_refused(tmp_path: Path) -> None:
    from afinar.methods.lora import LoRAMethod

    method = LoRAMethod(LoRA(r=2))
    method.export(method.attach(base_of()), tmp_path, base="b", task="causal")
    with pytest.raises(ModelError) as error:
        PrefixMethod(PrefixTuning()).restore(base_of(), tmp_path)
    assert error.value.key == "methods.other_peft_type"


def test_files_with_more_in_them_are_refused(tmp_path: Path) -> None:
    settings = json.loads((exported(tmp_path) / peft_files.CONFIG_FILE).read_text())
    (tmp_path / peft_files.CONFIG_FILE).write_text(json.dumps({**settings, "gating": True}))
    with pytest.raises(ModelError) as error:
        prefix_format.config_of_files(peft_files.read(tmp_path))
    assert error.value.key == "methods.unsupported_peft"
    (tmp_path / peft_files.CONFIG_FILE).write_text(json.dumps(settings))
    peft_files.write(tmp_path, settings, {"other": torch.zeros(2)}, base="b", task="causal", head={})
    with pytest.raises(ModelError) as error:
        prefix_format.read(tmp_path)
    assert error.value.key == "methods.strange_tensors"


def test_peft_s_settings_become_ours_where_ours_has_them() -> None:
    def ours_of(**settings: Any) -> PrefixTuning | None:
        config = peft.PrefixTuningConfig(task_type="CAUSAL_LM", **{"num_virtual_tokens": 4, **settings})
        return prefix_format.from_peft(config.to_dict())

    assert ours_of() == PrefixTuning(virtual_tokens=4, init="random")
    assert ours_of(encoder_hidden_size=9) == PrefixTuning(virtual_tokens=4, init="random")  # PEFT ignores it, too
    projected = ours_of(prefix_projection=True, encoder_hidden_size=9)
    assert projected == PrefixTuning(virtual_tokens=4, projection=True, encoder_hidden_size=9, init="random")
    assert ours_of(init_weights="zero") == PrefixTuning(virtual_tokens=4, init="zero")
    assert ours_of(token_dim=64) is None
    assert ours_of(num_transformer_submodules=2) is None
    assert ours_of(num_virtual_tokens=0) is None


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"virtual_tokens": 0}, "core.range"),
        ({"virtual_tokens": True}, "core.range"),
        ({"virtual_tokens": 2.5}, "core.range"),
        ({"projection": True, "encoder_hidden_size": 0}, "core.range"),
        ({"encoder_hidden_size": 8}, "prefix.width_without_projection"),
        ({"init": "normal"}, "core.choice"),
        ({"init": "vocabulary", "projection": True}, "prefix.vocabulary_with_projection"),
        ({"dropout": 1.0}, "core.range"),
        ({"dropout": float("nan")}, "core.range"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        PrefixTuning(**settings)
    assert error.value.key == key


def test_a_second_prefix_is_refused_and_so_is_a_model_without_one() -> None:
    method = PrefixMethod(PrefixTuning())
    with pytest.raises(ModelError) as error:
        method.attach(ours())
    assert error.value.key == "methods.already_attached"
    for call in (method.state, encoder_of):
        with pytest.raises(ModelError) as error:
            call(base_of())
        assert error.value.key == "prefix.not_attached"


def test_it_cannot_be_merged() -> None:
    with pytest.raises(ModelError) as error:
        PrefixMethod(PrefixTuning()).merge(ours())
    assert error.value.key == "methods.no_merge"


def test_one_seed_gives_the_prefix_that_peft_draws() -> None:
    encoder, prompt = encoder_of(ours(projection=True)), theirs(projection=True).prompt_encoder["default"]
    assert isinstance(encoder, PrefixEncoder)
    for (name, own), (theirs_is, other) in zip(encoder.named_parameters(), prompt.named_parameters(), strict=True):
        assert name == theirs_is
        assert torch.equal(own, other)
