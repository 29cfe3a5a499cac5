"""PEFT's configs and models: which become our LoRA, which PEFT runs itself; stock PEFT is the reference throughout."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from afinar.data.collate import Collator
from afinar.errors import ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRAMethod, lora_layers
from afinar.methods.peft_bridge import TASK_TYPES, PeftWrapped, config_of, is_peft, is_peft_config, method_for
from afinar.models.causal import supervise
from afinar.models.heads import classify
from tests.rows import causal_rows, class_rows
from tests.tiny import ARCHITECTURES, tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults

CAUSAL: dict[str, Any] = {"task_type": "CAUSAL_LM"}
# What PEFT runs itself: prompts, prompts as a cache, with and without an encoder; layers; norms; tokens.
TECHNIQUES: dict[str, Any] = {
    "prompt": peft.PromptTuningConfig(num_virtual_tokens=3, **CAUSAL),
    "prefix": peft.PrefixTuningConfig(num_virtual_tokens=3, **CAUSAL),
    "prefix-projected": peft.PrefixTuningConfig(
        num_virtual_tokens=3, prefix_projection=True, encoder_hidden_size=16, **CAUSAL
    ),
    "p-tuning": peft.PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=16, **CAUSAL),
    "p-tuning-lstm": peft.PromptEncoderConfig(
        num_virtual_tokens=3, encoder_hidden_size=16, encoder_reparameterization_type="LSTM", **CAUSAL
    ),
    "ia3": peft.IA3Config(**CAUSAL),
    "dora": peft.LoraConfig(use_dora=True, r=4, **CAUSAL),
    "loha": peft.LoHaConfig(target_modules=["q_proj"], r=4, **CAUSAL),
    "vera": peft.VeraConfig(target_modules=["q_proj"], r=4, **CAUSAL),
    "norms": peft.LNTuningConfig(**CAUSAL),
    "tokens": peft.TrainableTokensConfig(token_indices=[7, 9], **CAUSAL),
}
HAS_ENCODER = {"prefix-projected", "p-tuning", "p-tuning-lstm"}


def fresh(config: Any, task: str = "causal", architecture: str = "llama") -> tuple[Any, Any]:
    """The method for `config` and a model with it on, always from the same random state."""
    base = tiny_model(architecture, task, num_labels=3)
    method = method_for(config, base)
    if not isinstance(method, PeftWrapped) and (config.peft_type != "LORA" or config.use_dora):
        method = wrapped(config, task)  # one of our own can do it; what is tried here is PEFT's
    torch.manual_seed(1)
    model = method.attach(base)
    return method, (supervise if task == "causal" else classify)(model)


def wrapped(config: Any, task: str = "causal") -> PeftWrapped:
    """The method that leaves everything to PEFT."""
    config = copy.deepcopy(config)
    config.task_type, config.inference_mode = TASK_TYPES[task], False
    return PeftWrapped(config)


def stock(config: Any, task: str = "causal") -> Any:
    """The same model as PEFT itself makes it."""
    base = tiny_model("llama", task, num_labels=3)
    torch.manual_seed(1)
    return peft.get_peft_model(base, copy.deepcopy(config))


def batch(rows: list[dict[str, Any]] | None = None) -> dict[str, Tensor]:
    return Collator(0)(rows or causal_rows(4))


def scramble(model: Any) -> None:
    """Move everything that trains away from where it starts."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def logits(model: Any) -> Tensor:
    inputs = batch()
    with torch.no_grad():
        return model.eval()(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits


# --- LoraConfig → our LoRA -----------------------------------------------------------------------------------------

TARGETS: list[Any] = [
    {},
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj", "attn.c_attn", "query_key_value"]},
    {"target_modules": r".*\.1\..*(q_proj|c_attn|query_key_value)"},
    {"target_modules": "all-linear", "exclude_modules": ["q_proj", "c_attn", "dense"]},
    {"target_modules": ["q_proj", "attn.c_attn", "query_key_value"], "layers_to_transform": [1]},
]


@pytest.mark.parametrize("task", ["causal", "classification"])
@pytest.mark.parametrize("targets", TARGETS, ids=str)
@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_lora_goes_onto_exactly_peft_s_layers(architecture: str, targets: dict[str, Any], task: str) -> None:
    config = peft.LoraConfig(r=4, task_type="CAUSAL_LM" if task == "causal" else "SEQ_CLS", **targets)
    wrapped = peft.get_peft_model(tiny_model(architecture, task), copy.deepcopy(config))
    expected = {name.removeprefix("base_model.model.") for name, m in wrapped.named_modules() if isinstance(m, LoraLayer)}
    method = method_for(config, tiny_model(architecture, task))
    assert isinstance(method, LoRAMethod)
    model = method.attach(tiny_model(architecture, task))
    assert lora_layers(model).keys() == expected
    assert method.trainable_count(model) == wrapped.get_nb_trainable_parameters()[0]


@pytest.mark.parametrize("rank_stabilised", [False, True])
def test_lora_computes_what_peft_s_computes(rank_stabilised: bool, tmp_path: Path) -> None:
    config = peft.LoraConfig(r=4, lora_alpha=6, lora_dropout=0.1, use_rslora=rank_stabilised, **CAUSAL)
    wrapped = stock(config)
    scramble(wrapped)
    wrapped.save_pretrained(tmp_path)
    method = method_for(config, tiny_model())
    assert method.config.dropout == 0.1
    torch.testing.assert_close(logits(method.restore(tiny_model(), tmp_path)), logits(wrapped), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name not in ("norms", "tokens")])
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_what_trains_is_float32_on_a_coarse_base(name: str, task: str) -> None:
    """Norms and token embeddings stay: they are layers of the base, and those after them read its precision."""
    config = copy.deepcopy(TECHNIQUES[name])
    config.task_type = None
    base = tiny_model("llama", task, num_labels=3).to(torch.bfloat16)
    method = method_for(config, base)
    model = (supervise if task == "causal" else classify)(method.attach(base))
    assert {parameter.dtype for parameter in model.parameters() if parameter.requires_grad} == {torch.float32}
    rows = batch(causal_rows(3) if task == "causal" else class_rows(3))
    model.train()(**rows).loss.backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", ["prompt", "prefix", "p-tuning", "ia3", "dora"])
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_wrapping_warns_of_nothing(name: str, task: str) -> None:
    config = copy.deepcopy(TECHNIQUES[name])
    config.task_type = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, model = fresh(config, task)
    assert sum(weights.numel() for weights in model.parameters() if weights.requires_grad) > 0


def test_several_adapters_under_names_of_their_own(tmp_path: Path) -> None:
    """Only the active one trains, and its values are the state; PEFT saves each in a folder of its own."""
    model = peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2), adapter_name="first")
    model.add_adapter("second", peft.LoraConfig(r=3, target_modules=["o_proj"]))
    model.set_adapter("second")
    method = method_for(None, model)
    supervise(method.attach(model))
    state = method.state(model)
    assert method.config.r == 3
    assert all(".second." in name for name in state)
    assert len(state) == 4
    method.export(model, tmp_path, base="", task="causal")
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"first", "second"}
    scramble(model)
    expected = model(**batch()).loss
    other = peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2), adapter_name="first")
    other.load_state_dict(model.state_dict(), strict=False)
    other.add_adapter("second", peft.LoraConfig(r=3, target_modules=["o_proj"]))
    other.set_adapter("second")
    method.load_state(supervise(other), state)
    assert torch.equal(other(**batch()).loss, expected)


def test_a_model_wrapped_without_a_task_trains() -> None:
    model = supervise(peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2)))
    expected = peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2))(**batch()).loss
    assert model(**batch()).loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_targets_that_the_rest_of_the_config_takes_away_match_nothing() -> None:
    with pytest.raises(ConfigError) as error:
        method_for(peft.LoraConfig(exclude_modules=["q_proj", "v_proj"]), tiny_model())
    assert error.value.key == "methods.peft_no_match"


def test_the_user_s_config_stays_as_it_is() -> None:
    for config in (peft.LoraConfig(r=4), TECHNIQUES["dora"], TECHNIQUES["p-tuning"]):
        before = copy.deepcopy(config.to_dict())
        fresh(config)
        assert config.to_dict() == before


def test_a_config_without_a_task_gets_the_model_s() -> None:
    """PEFT itself would freeze the classifier's untrained head."""
    method, model = fresh(peft.LoraConfig(r=4), "classification")
    assert "score.weight" in method.state(model)
    method, model = fresh(peft.IA3Config(), "classification")
    assert any("score" in name for name in method.state(model))


def test_a_classifier_s_head_needs_no_mention() -> None:
    for saved_modules in (None, ["score"], ["classifier", "score"]):
        config = peft.LoraConfig(r=4, task_type="SEQ_CLS", modules_to_save=saved_modules)
        assert isinstance(method_for(config, tiny_model(task="classification")), LoRAMethod)


def test_a_saved_config_trains_again() -> None:
    """adapter_config.json says inference_mode: true, with which PEFT freezes the adapter."""
    for config in (peft.LoraConfig(inference_mode=True, **CAUSAL), peft.IA3Config(inference_mode=True, **CAUSAL)):
        _, model = fresh(config)
        assert any(parameter.requires_grad for parameter in model.parameters())
        assert config.inference_mode


@pytest.mark.parametrize(
    ("beyond", "named"),
    [
        ({"lora_bias": True}, "lora_bias"),
        ({"init_lora_weights": False}, "init_lora_weights=False"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "target_modules"),
        ({"target_modules": ["lm_head"]}, "target_modules"),
    ],
)
def test_what_lora_cannot_express_is_left_to_peft(beyond: dict[str, Any], named: str) -> None:
    method, model = fresh(peft.LoraConfig(**CAUSAL, **beyond))
    assert isinstance(method, PeftWrapped)
    assert isinstance(model, peft.PeftModel)
    assert named in method.beyond


def mixture(architecture: str) -> Any:
    """A tiny mixture of experts; transformers 5 keeps the experts of a layer in one tensor."""
    sizes = {"hidden_size": 32, "intermediate_size": 16, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
    heads = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    experts = {"num_experts": 2, "num_local_experts": 2, "num_experts_per_tok": 1}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, vocab_size=64, **sizes, **heads, **experts))


@pytest.mark.parametrize(
    "targets", [["q_proj"], ["q_proj", "w1", "w2", "w3"], ["gate_proj", "up_proj"], "all-linear"], ids=str
)
@pytest.mark.parametrize("architecture", ["mixtral", "qwen2_moe", "qwen3_moe"])
def test_fused_experts_are_left_to_peft(architecture: str, targets: Any) -> None:
    config = peft.LoraConfig(target_modules=targets, **CAUSAL)
    model = mixture(architecture)
    try:
        wrapped = peft.get_peft_model(mixture(architecture), copy.deepcopy(config))
    except ValueError:
        with pytest.raises(ConfigError):
            method_for(config, model)
        return
    adapted = {name.removeprefix("base_model.model."): m for name, m in wrapped.named_modules() if isinstance(m, LoraLayer)}
    method = method_for(config, model)
    if wrapped.peft_config["default"].target_parameters:  # PEFT rewrote the experts' names to their fused tensors
        assert isinstance(method, PeftWrapped)
        assert method.trainable_count(method.attach(model)) == wrapped.get_nb_trainable_parameters()[0]
    else:
        assert lora_layers(method.attach(model)).keys() == adapted.keys()


def test_half_of_a_fused_tensor_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        method_for(peft.LoraConfig(target_modules=["gate_proj"], **CAUSAL), mixture("qwen3_moe"))
    assert error.value.key == "methods.peft_refuses"
    assert "up_proj" in error.value.message


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "task", "key"),
    [
        (peft.LoraConfig(task_type="SEQ_CLS"), "causal", "methods.peft_task"),
        (peft.LoraConfig(task_type="CAUSAL_LM"), "classification", "methods.peft_task"),
        (peft.IA3Config(task_type="SEQ_2_SEQ_LM"), "causal", "methods.peft_task"),
        (peft.LoraConfig(target_modules=["no_such"]), "causal", "methods.peft_no_match"),
        (peft.LoraConfig(target_modules="q_proj"), "causal", "methods.peft_no_match"),  # a regular expression
        (peft.LoHaConfig(target_modules=["no_such"]), "causal", "methods.peft_refuses"),
        (peft.PolyConfig(**CAUSAL), "causal", "peft.needs"),
        (object(), "causal", "methods.not_a_config"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_a_config_that_does_not_fit_is_refused(config: Any, task: str, key: str) -> None:
    with pytest.raises(ConfigError) as error:
        fresh(config, task)
    assert error.value.key == key


def test_a_wrapped_model_that_needs_more_is_refused_too() -> None:
    wrapped = peft.get_peft_model(tiny_model(), peft.AdaLoraConfig(total_step=10, **CAUSAL))
    with pytest.raises(ConfigError) as error:
        method_for(None, wrapped)
    assert error.value.key == "peft.adalora_wrapped"


def test_an_architecture_that_peft_does_not_know_needs_targets() -> None:
    small = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    unknown = AutoModelForCausalLM.from_config(AutoConfig.for_model("olmo2", intermediate_size=16, **small))
    with pytest.raises(ConfigError) as error:
        method_for(peft.LoraConfig(**CAUSAL), unknown)
    assert error.value.key == "methods.peft_no_targets"
    assert isinstance(method_for(peft.LoraConfig(target_modules="all-linear"), unknown), LoRAMethod)


def test_a_wrapped_model_is_never_wrapped_again(tmp_path: Path) -> None:
    model = stock(TECHNIQUES["ia3"])
    for config in (peft.LoraConfig(**CAUSAL), LoRA(r=2)):
        with pytest.raises(ModelError) as error:
            method_for(config, model)
        assert error.value.key == "methods.already_wrapped"
    method = method_for(None, model)
    assert method.attach(model) is model
    assert sum("base_model.model.base_model" in name for name, _ in model.named_modules()) == 0
    with pytest.raises(ModelError) as error:
        method.restore(model, tmp_path)
    assert error.value.key == "methods.already_wrapped"
    assert isinstance(method_for(config_of(model), model), PeftWrapped)  # its own config names no second adapter


def test_a_mixed_model_is_refused() -> None:
    model = peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2), mixed=True)
    with pytest.raises(ModelError) as error:
        method_for(None, model).attach(model)
    assert error.value.key == "methods.mixed_adapters"


def test_is_peft_tells_models_and_configs_apart() -> None:
    added = tiny_model()
    added.add_adapter(peft.LoraConfig(r=2))
    assert [is_peft(model) for model in (tiny_model(), stock(TECHNIQUES["prompt"]), added)] == [False, True, True]
    assert [is_peft_config(config) for config in (LoRA(), TECHNIQUES["prompt"], None)] == [False, True, False]
    assert config_of(added).r == 2
    for ask in (config_of, PeftWrapped(TECHNIQUES["ia3"]).state, PeftWrapped(TECHNIQUES["ia3"]).trainable_count):
        with pytest.raises(ModelError) as error:
            ask(tiny_model())
        assert error.value.key == "methods.not_wrapped"


def test_our_own_configs_are_their_own_methods() -> None:
    assert type(method_for(LoRA(r=2), tiny_model())) is type(create(LoRA(r=2)))


# --- PEFT's own techniques -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_loss_and_gradients_are_stock_peft_s(name: str) -> None:
    """Prompts lengthen the sequence inside PEFT; the supervised forward inside must see the labels padded alike."""
    _, ours = fresh(TECHNIQUES[name])
    theirs = stock(TECHNIQUES[name])
    items = torch.tensor(40.0)
    scramble(ours), scramble(theirs)
    loss = ours.train()(**batch(), num_items_in_batch=items, label_smoothing=0.0).loss
    expected = theirs.train()(**batch(), num_items_in_batch=items).loss
    loss.backward(), expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters() if parameter.requires_grad}
    reference = {name: parameter.grad for name, parameter in theirs.named_parameters() if parameter.requires_grad}
    assert gradients.keys() == reference.keys()
    assert any(gradient.abs().max() > 0 for gradient in gradients.values() if gradient is not None)
    for key, gradient in reference.items():
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-4, atol=1e-7, msg=key)


@pytest.mark.parametrize("name", ["prompt", "prefix", "p-tuning", "ia3"])
def test_token_weights_reach_the_loss_through_peft(name: str) -> None:
    _, model = fresh(TECHNIQUES[name])
    inputs = batch()
    kept = inputs["labels"].clone()
    kept[:, ::2] = -100  # weight 0 on every second position is the same as no label there
    weights = torch.ones(kept.shape)
    weights[:, ::2] = 0.0
    expected = model(**{**inputs, "labels": kept}, num_items_in_batch=torch.tensor(20.0)).loss
    loss = model(**inputs, weights=weights, num_items_in_batch=torch.tensor(20.0)).loss
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("name", ["prompt", "prefix", "p-tuning", "ia3", "dora"])
def test_a_classifier_under_peft_is_pooled_by_attention(name: str) -> None:
    config = copy.deepcopy(TECHNIQUES[name])
    config.task_type = "SEQ_CLS"
    method, ours = fresh(config, "classification")
    rows = class_rows(4)
    expected = torch.cat([stock(config, "classification").eval()(**_alone(row)).logits for row in rows])
    torch.testing.assert_close(ours.eval()(**Collator(0)(rows)).logits, expected, rtol=1e-5, atol=1e-5)
    assert any("score" in key for key in method.state(ours))


def _alone(row: dict[str, Any]) -> dict[str, Tensor]:
    ids = torch.as_tensor(row["input_ids"], dtype=torch.long)[None]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_export_is_the_adapter_alone_and_loads_in_peft(name: str, tmp_path: Path) -> None:
    method, model = fresh(TECHNIQUES[name])
    scramble(model)
    method.export(model, tmp_path, base="", task="causal")
    files = {path.name for path in tmp_path.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= files <= {
        "adapter_config.json", "adapter_model.safetensors", "README.md", "afinar.json"}  # fmt: skip
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 60_000  # the base has 155 kB
    plain = peft.PeftModel.from_pretrained(tiny_model(), str(tmp_path))
    torch.testing.assert_close(logits(plain), logits(model), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(logits(method.restore(tiny_model(), tmp_path)), logits(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_the_state_brings_back_all_that_trains(name: str) -> None:
    method, model = fresh(TECHNIQUES[name])
    scramble(model)
    state = {key: value.clone() for key, value in method.state(model).items()}
    trained = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained <= state.keys()
    assert method.trainable_count(model) == sum(state[key].numel() for key in trained)
    _, other = fresh(TECHNIQUES[name])
    method.load_state(other, state)
    for key, parameter in other.named_parameters():
        if parameter.requires_grad:
            assert torch.equal(parameter, state[key]), key
    assert torch.equal(logits(other), logits(model))
    state.pop(next(iter(trained)))
    with pytest.raises(ModelError) as error:
        method.load_state(other, state)
    assert error.value.key == "methods.state_names"


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_switched_off_it_is_the_base(name: str) -> None:
    method, model = fresh(TECHNIQUES[name])
    scramble(model)
    adapted = logits(model)
    with method.disabled(model):
        torch.testing.assert_close(logits(model), logits(tiny_model()), rtol=1e-5, atol=1e-6)
    assert torch.equal(logits(model), adapted)


def test_a_trained_head_stays_when_the_adapter_is_off() -> None:
    method, model = fresh(peft.IA3Config(task_type="SEQ_CLS"), "classification")
    scramble(model)
    plain = classify(tiny_model("llama", "classification", num_labels=3))
    head = {key: value for key, value in method.state(model).items() if key.endswith("score.modules_to_save.default.weight")}
    plain.score.weight.data.copy_(next(iter(head.values())))
    with method.disabled(model):
        torch.testing.assert_close(logits(model), logits(plain), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["ia3", "dora", "loha", "prompt", "p-tuning", "prefix"])
def test_merging_keeps_the_output_or_says_that_it_cannot(name: str) -> None:
    method, model = fresh(TECHNIQUES[name])
    scramble(model)
    expected = logits(model)
    if TECHNIQUES[name].is_prompt_learning:
        with pytest.raises(ModelError) as error:
            method.merge(model)
        assert error.value.key == "methods.peft_no_merge"
    else:
        merged = method.merge(model)
        assert not is_peft(merged)
        torch.testing.assert_close(logits(merged), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["prefix", "prefix-projected"])
def test_a_prefix_under_checkpointing_is_refused(name: str) -> None:
    """transformers drops the cache there, so the prefix would train on nothing, silently."""
    _, model = fresh(TECHNIQUES[name])
    model.get_base_model().gradient_checkpointing_enable()
    with pytest.raises(ConfigError) as error:
        model.train()(**batch())
    assert error.value.key == "methods.prefix_checkpointing"
    model.eval()(**batch())


def test_a_pickled_adapter_is_not_read(tmp_path: Path) -> None:
    method, model = fresh(TECHNIQUES["ia3"])
    method.export(model, tmp_path, base="", task="causal")
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == "methods.pickle_adapter"


# --- what the exports say to this package --------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["causal", "classification"])
def test_plain_lora_wrapped_by_peft_is_read_by_afinar(task: str, tmp_path: Path) -> None:
    config = peft.LoraConfig(r=4, lora_alpha=6, task_type="CAUSAL_LM" if task == "causal" else "SEQ_CLS")
    model = stock(config, task)
    scramble(model)
    model = (supervise if task == "causal" else classify)(model)
    method_for(None, model).export(model, tmp_path, base="some/base", task=task)
    card = saved.read(tmp_path)
    assert (card.base, card.task, card.config.r, card.config.alpha) == ("some/base", task, 4, 6)
    base = tiny_model("llama", task, num_labels=3)
    restored = create(card.config).restore(base if task == "causal" else classify(base), tmp_path)
    torch.testing.assert_close(logits(restored), logits(model), rtol=1e-5, atol=1e-6)


def test_an_adapter_added_through_transformers_is_saved_and_switched_off(tmp_path: Path) -> None:
    model = tiny_model()
    model.add_adapter(peft.LoraConfig(r=2, init_lora_weights=False))
    before, base = logits(model), logits(tiny_model())
    method = method_for(None, model)
    supervise(method.attach(model))
    method.export(model, tmp_path, base="", task="causal")
    assert "model.safetensors" not in {path.name for path in tmp_path.iterdir()}
    with method.disabled(model):
        torch.testing.assert_close(logits(model), base, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(logits(model), before)
    assert torch.equal(logits(peft.PeftModel.from_pretrained(tiny_model(), str(tmp_path))), before)


def test_saving_asks_no_hub_and_still_sees_resized_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_hub(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("asked the hub")

    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", no_hub)
    base = tmp_path / "base"
    tiny_model().save_pretrained(base)
    for name, rows, kept in (("owner/model", 288, False), (str(base), 288, False), (str(base), 290, True)):
        model = tiny_model()
        model.resize_token_embeddings(rows)
        method = wrapped(TECHNIQUES["dora"])
        model = method.attach(model)
        method.export(model, tmp_path / "out", base=name, task="causal")
        config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == name
        from safetensors.torch import load_file

        names = load_file(tmp_path / "out" / "adapter_model.safetensors")
        assert any("embed_tokens" in key for key in names) is kept
