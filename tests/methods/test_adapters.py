"""Several adapters on one base: each alone, mixed, none, one in training while the others rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn

from afinar import SFTConfig, SFTTrainer
from afinar.errors import AfinarError, ConfigError, ModelError
from afinar.methods.adapted import adapted_layers
from afinar.methods.adapters import Adapters
from afinar.methods.config import Full, LoRA
from afinar.methods.full import FullMethod
from afinar.methods.lora import LoRAMethod, lora_layers
from tests.rows import causal_rows
from tests.tiny import VOCAB, tiny_model, tiny_tokenizer

CONFIGS: dict[str, LoRA] = {
    "first": LoRA(r=4, alpha=6),
    "second": LoRA(r=2, target_modules=("q_proj", "up_proj"), initialisation="pissa", rank_stabilised=True),
    "third": LoRA(r=3, rank_pattern={"v_proj": 5}, alpha_pattern={"o_proj": 1.0}),
}


def ids() -> Tensor:
    return torch.randint(3, VOCAB, (2, 10), generator=torch.Generator().manual_seed(1))


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model(ids()).logits


def scramble(model: Any, seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)


def several(architecture: str = "llama", task: str = "causal", configs: dict[str, LoRA] | None = None) -> Adapters:
    """Adapters with random values, none in use."""
    adapters = Adapters(tiny_model(architecture, task))
    for seed, (name, config) in enumerate((configs or CONFIGS).items()):
        adapters.add(name, config)
        with adapters.using(name):
            scramble(adapters.model, seed)
    return adapters


def dense(adapters: Adapters, name: str) -> dict[str, Tensor]:
    """The update of each weight, from the equation."""
    with adapters.using(name):
        return {path: layer.update() for path, layer in lora_layers(adapters.model).items()}


def with_updates(updates: dict[str, Tensor]) -> Any:
    model = tiny_model()
    for path, update in updates.items():
        weight = model.get_parameter(f"{path}.weight")
        weight.data.add_(update)
    return model


def test_each_alone_is_what_it_is_without_the_others(tmp_path: Path) -> None:
    adapters = several()
    assert adapters.names == tuple(CONFIGS)
    for name, config in CONFIGS.items():
        adapters.use(name)
        assert adapters.active == name
        LoRAMethod(config).export(adapters.model, tmp_path / name, base="b", task="causal")
        alone = LoRAMethod(config).restore(tiny_model(), tmp_path / name)
        assert torch.equal(logits(adapters.model), logits(alone))
        assert not torch.equal(logits(alone), logits(tiny_model()))


def test_none_is_the_base() -> None:
    adapters = several()
    adapters.use("first")
    adapters.use(None)
    assert adapters.active is None
    assert torch.equal(logits(adapters.model), logits(tiny_model()))
    assert not adapted_layers(adapters.model)
    assert adapters.model.state_dict().keys() == tiny_model().state_dict().keys()


def test_a_mixture_is_the_weighted_sum_of_the_updates(tmp_path: Path) -> None:
    adapters = several()
    weights = {"first": 0.5, "second": -1.0, "third": 2.0}
    method = adapters.mix("all", weights)
    assert adapters.active is None
    summed: dict[str, Tensor] = {}
    for name, weight in weights.items():
        for path, update in dense(adapters, name).items():
            summed[path] = summed.get(path, torch.zeros(())) + weight * update
    expected = logits(with_updates(summed))
    with adapters.using("all"):
        torch.testing.assert_close(logits(adapters.model), expected, atol=1e-5, rtol=1e-5)
        assert method.trainable_count(adapters.model) == sum(layer.count() for layer in lora_layers(adapters.model).values())
    adapters.export("all", tmp_path, base="b", task="causal")
    theirs = peft.PeftModel.from_pretrained(tiny_model(), tmp_path).eval()
    torch.testing.assert_close(logits(theirs), expected, atol=1e-5, rtol=1e-5)
    again = Adapters(tiny_model())
    again.add("read", tmp_path)
    torch.testing.assert_close(logits(again.use("read")), expected, atol=1e-5, rtol=1e-5)


def test_a_mixture_keeps_its_values_when_a_part_trains_on() -> None:
    adapters = several()
    adapters.mix("both", {"first": 1.0, "third": 1.0})
    before = logits(adapters.use("both"))
    with adapters.using("first"):
        scramble(adapters.model, 9)
    assert adapters.active == "both"
    assert torch.equal(logits(adapters.model), before)


def test_a_mixture_of_one_is_that_one_and_can_be_merged() -> None:
    adapters = several(configs={"conv": LoRA(r=4, target_modules="all-linear")}, architecture="gpt2")
    expected = logits(adapters.use("conv"))
    method = adapters.mix("same", {"conv": 1.0})
    torch.testing.assert_close(logits(adapters.use("same")), expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(logits(method.merge(adapters.model)), expected, atol=1e-5, rtol=1e-5)


def test_one_trains_while_the_others_rest(tmp_path: Path) -> None:
    adapters = several()
    before = {name: {k: v.clone() for k, v in state(adapters, name).items()} for name in adapters.names}
    adapters.use("third")
    args = SFTConfig(
        output_dir=str(tmp_path), max_steps=2, learning_rate=1e-2, use_cpu=True, disable_tqdm=True, save_strategy="no"
    )
    SFTTrainer(adapters.model, args, train_dataset=causal_rows(), processing_class=tiny_tokenizer()).train()
    for name in adapters.names:
        same = [torch.equal(value, before[name][key]) for key, value in state(adapters, name).items()]
        assert all(same) == (name != "third")
    assert torch.equal(logits(adapters.use(None)), logits(tiny_model()))


def state(adapters: Adapters, name: str) -> dict[str, Tensor]:
    with adapters.using(name):
        return adapters.method(name).state(adapters.model)


def test_only_the_one_in_use_has_gradients() -> None:
    adapters = several()
    assert not any(parameter.requires_grad for parameter in adapters.model.parameters())
    adapters.use("second")
    trained = {name for name, parameter in adapters.model.named_parameters() if parameter.requires_grad}
    assert trained == {f"{path}.{matrix}" for path in lora_layers(adapters.model) for matrix in "AB"}


def test_classifiers_keep_a_head_each() -> None:
    adapters = several(task="classification", configs={"a": LoRA(r=2), "b": LoRA(r=2)})
    outputs = [logits(adapters.use(name)) for name in ("a", "b", None)]
    assert not any(torch.equal(x, y) for x, y in ((outputs[0], outputs[1]), (outputs[0], outputs[2])))
    assert torch.equal(outputs[2], logits(tiny_model(task="classification")))
    assert torch.equal(logits(adapters.use("a")), outputs[0])
    with pytest.raises(ModelError) as error:
        adapters.mix("c", {"a": 1.0, "b": 1.0})
    assert error.value.key == "lora.no_mixing"


def test_it_follows_the_model_s_mode_and_dropout() -> None:
    adapters = several(configs={"a": LoRA(r=2, dropout=0.5)})
    adapters.model.train()
    adapters.use("a")
    assert all(layer.training for layer in lora_layers(adapters.model).values())
    adapters.use(None)
    adapters.model.eval()
    adapters.use("a")
    assert not any(module.training for module in adapters.model.modules() if not isinstance(module, nn.ParameterDict))


def test_one_that_is_merged_is_taken_out_exactly() -> None:
    adapters = several()
    for layer in adapted_layers(adapters.use("first")).values():
        layer.merge()
    assert torch.equal(logits(adapters.use(None)), logits(tiny_model()))


def test_removing() -> None:
    adapters = several()
    adapters.use("first")
    adapters.remove("first")
    assert (adapters.active, adapters.names) == (None, ("second", "third"))
    assert torch.equal(logits(adapters.model), logits(tiny_model()))


@pytest.mark.parametrize("config", [LoRA(dora=True), LoRA(trainable_tokens=(5,)), LoRA(modules_to_save=("norm",))])
def test_what_is_no_sum_is_not_mixed_but_used(config: LoRA) -> None:
    adapters = several(configs={"plain": LoRA(r=2), "other": config})
    assert not torch.equal(logits(adapters.use("other")), logits(tiny_model()))
    with pytest.raises(ModelError) as error:
        adapters.mix("both", {"plain": 1.0, "other": 1.0})
    assert error.value.key == "lora.no_mixing"
    assert "other" in error.value.message
    assert adapters.names == ("plain", "other")


def test_names_are_checked() -> None:
    adapters = several()
    for call, key in [
        (lambda: adapters.add("first", LoRA()), "lora.adapter_name"),
        (lambda: adapters.mix("first", {"second": 1.0}), "lora.adapter_name"),
        (lambda: adapters.use("fourth"), "lora.no_adapter"),
        (lambda: adapters.mix("new", {"fourth": 1.0}), "lora.no_adapter"),
        (lambda: adapters.remove("fourth"), "lora.no_adapter"),
    ]:
        with pytest.raises(ModelError) as error:
            call()
        assert error.value.key == key


def test_a_mixture_needs_weights_and_using_ends_with_an_exception_too() -> None:
    adapters = several()
    with pytest.raises(ConfigError) as error:
        adapters.mix("nothing", {})
    assert error.value.key == "core.missing"
    adapters.use("second")
    with pytest.raises(KeyError), adapters.using("first"):
        raise KeyError
    assert adapters.active == "second"


def test_an_adapter_that_does_not_fit_leaves_everything_as_it_was(tmp_path: Path) -> None:
    LoRAMethod(LoRA()).export(LoRAMethod(LoRA()).attach(tiny_model(hidden_size=64)), tmp_path, base="b", task="causal")
    adapters = several()
    before = logits(adapters.use("first"))
    bad: list[tuple[Any, type[AfinarError]]] = [
        (tmp_path, ModelError),
        (LoRA(r=99), ConfigError),
        (tmp_path / "no", ModelError),
    ]
    for source, kind in bad:
        with pytest.raises(kind):
            adapters.add("bad", source)
        assert adapters.active == "first"
        assert torch.equal(logits(adapters.model), before)
    assert adapters.names == tuple(CONFIGS)


def test_only_the_lora_family_shares_a_base(tmp_path: Path) -> None:
    FullMethod(Full()).export(tiny_model(), tmp_path, base="b", task="causal")
    with pytest.raises(ModelError) as error:
        Adapters(tiny_model()).add("full", tmp_path)
    assert error.value.key == "lora.other_method"
    with pytest.raises(ModelError) as error:
        Adapters(LoRAMethod(LoRA()).attach(tiny_model()))
    assert error.value.key == "methods.already_attached"
