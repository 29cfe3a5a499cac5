"""Parameter groups: every weight once, at the rate and decay that its place in the model calls for."""

from __future__ import annotations

import copy
import re
import tempfile
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import IA3Config, LoraConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from transformers import Trainer

from afinar import SFTConfig, messages
from afinar.errors import ConfigError
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.training.groups import describe, parameter_groups
from tests.tiny import ARCHITECTURES, tiny_model

RATE, DECAY = 1e-3, 0.1
LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")


@cache
def _folder() -> str:
    return tempfile.mkdtemp()


def arguments(**given: Any) -> SFTConfig:
    return SFTConfig(output_dir=_folder(), use_cpu=True, **{"learning_rate": RATE, "weight_decay": DECAY, **given})


def by_name(model: nn.Module, **given: Any) -> dict[str, tuple[float, float]]:
    """(rate, decay) of each parameter that trains, by its first name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, arguments(**given))
    return {names[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}


def rates(model: nn.Module, **given: Any) -> dict[str, float]:
    return {name: rate for name, (rate, _) in by_name(model, **given).items()}


def peft_model(**config: Any) -> Any:
    return get_peft_model(tiny_model(), LoraConfig(r=4, **{"target_modules": ["q_proj", "up_proj"], **config}))


# --- nothing lost, nothing twice -----------------------------------------------------------------------------------


@cache
def models() -> dict[str, nn.Module]:
    made = {name: tiny_model(name) for name in ARCHITECTURES}
    made["tied"] = tiny_model("llama", tie_word_embeddings=True)
    made["classifier"] = tiny_model("qwen2", "classification")
    made["lora"] = create(LoRA(r=2, target_modules="all-linear")).attach(tiny_model("gpt2"))
    made["lora classifier"] = create(LoRA(r=2)).attach(tiny_model("phi", "classification"))
    made["peft"] = peft_model(modules_to_save=["lm_head", "embed_tokens"], use_dora=True)
    made["prompt"] = get_peft_model(tiny_model(), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    made["plain"] = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    return made


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([*ARCHITECTURES, "tied", "classifier", "lora", "lora classifier", "peft", "prompt", "plain"]),
    frozen=st.sets(st.integers(0, 40), max_size=20),
    words=st.sets(st.sampled_from(["bias", "norm", "embedding", "."])),
    decay=st.sampled_from([None, 0.5]),
)
def test_every_trained_parameter_is_in_exactly_one_group(
    name: str, frozen: set[int], words: set[str], decay: float | None
) -> None:
    model = copy.deepcopy(models()[name])
    for number, parameter in enumerate([parameter for parameter in model.parameters() if parameter.requires_grad]):
        parameter.requires_grad_(number not in frozen)
    trains = {path: id(parameter) for path, parameter in model.named_parameters() if parameter.requires_grad}
    args = arguments(no_decay=sorted(words), layerwise_lr_decay=decay)
    if not trains or (decay and not any(LAYER.search(path) for path in trains)):
        with pytest.raises(ConfigError):
            parameter_groups(model, args)
        return
    groups = parameter_groups(model, args)
    assert sorted(id(parameter) for group in groups for parameter in group["params"]) == sorted(trains.values())
    assert len({group["name"] for group in groups}) == len(groups)
    assert all(group["params"] and 0 < group["lr"] <= RATE and group["weight_decay"] in (0.0, DECAY) for group in groups)


def test_a_tied_weight_is_an_embedding() -> None:
    model = tiny_model("llama", tie_word_embeddings=True)
    given = by_name(model, embedding_learning_rate=0.5)
    assert {name for name, (rate, _) in given.items() if rate == 0.5} == {"model.embed_tokens.weight"}
    assert given["model.embed_tokens.weight"] == (0.5, 0.0)


# --- weight decay --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_decay_leaves_out_what_transformers_leaves_out_and_embeddings(architecture: str) -> None:
    model = tiny_model(architecture)
    decays = set(Trainer.get_decay_parameter_names(None, model))  # type: ignore[arg-type]
    embeddings = {f"{path}.weight" for path, module in model.named_modules() if isinstance(module, nn.Embedding)}
    names = {name for name, _ in model.named_parameters()}
    assert {name for name, (_, decay) in by_name(model, no_decay=["bias", "norm"]).items() if decay} == decays & names
    assert {name for name, (_, decay) in by_name(model).items() if decay} == (decays & names) - embeddings


def test_decay_by_regular_expression() -> None:
    decays = by_name(tiny_model(), no_decay=[r"layers\.0\..*q_proj", "lm_head$|lm_head.weight"])
    assert {name for name, (_, decay) in decays.items() if not decay} == {
        "model.layers.0.self_attn.q_proj.weight",
        "lm_head.weight",
    }


@pytest.mark.parametrize(("given", "kept"), [("bias", ["bias"]), (None, []), (("norm", "bias"), ["norm", "bias"])])
def test_one_word_is_a_list_of_one(given: Any, kept: list[str]) -> None:
    """A text taken letter by letter would be patterns that match nearly everything."""
    assert arguments(no_decay=given).no_decay == kept


def test_scales_count_as_norms() -> None:
    """Decayed, (IA)³ would switch the layer off and DoRA shrink the base's weight."""
    ia3 = get_peft_model(tiny_model(), IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]))
    assert {decay for _, decay in by_name(ia3).values()} == {0.0}
    assert {decay for _, decay in by_name(ia3, no_decay=[]).values()} == {DECAY}
    dora = by_name(peft_model(use_dora=True))
    assert {"magnitude" in name for name, (_, decay) in dora.items() if not decay} == {True}


# --- rates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_layerwise_decay_counts_from_the_top(architecture: str, task: str) -> None:
    layers = {"gpt2": {"n_layer": 3}}.get(architecture, {"num_hidden_layers": 3})
    model = tiny_model(architecture, task, **layers)
    embeddings = {f"{path}.weight" for path, module in model.named_modules() if isinstance(module, nn.Embedding)}
    for name, rate in rates(model, layerwise_lr_decay=0.5).items():
        found = LAYER.search(name)
        below = 3 if name in embeddings else 2 - int(found.group(1)) if found else 0
        assert rate == pytest.approx(RATE * 0.5**below), name


def test_layerwise_decay_reaches_adapters() -> None:
    for model in (create(LoRA(r=2)).attach(tiny_model()), peft_model()):
        for name, rate in rates(model, layerwise_lr_decay=0.9, adapter_learning_rate=0.2).items():
            assert rate == pytest.approx(0.2 * (0.9 if ".layers.0." in name else 1.0)), name


def test_a_rate_for_embeddings_is_taken_as_it_is() -> None:
    given = rates(tiny_model(), layerwise_lr_decay=0.5, embedding_learning_rate=0.3)
    assert given["model.embed_tokens.weight"] == 0.3


def test_rates_of_head_embeddings_and_the_rest() -> None:
    given = rates(tiny_model("gpt_neox"), head_learning_rate=0.1, embedding_learning_rate=0.2)
    assert given.pop("embed_out.weight" if "embed_out.weight" in given else "lm_head.weight") == 0.1
    assert given.pop("gpt_neox.embed_in.weight") == 0.2
    assert set(given.values()) == {RATE}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_classifier_has_a_head_of_its_own(architecture: str) -> None:
    model = create(LoRA(r=2)).attach(tiny_model(architecture, "classification"))
    given = rates(model, head_learning_rate=0.1, adapter_learning_rate=0.2)
    assert given.pop("score.weight") == 0.1
    assert set(given.values()) == {0.2}


def test_what_peft_trains_of_the_base_keeps_its_role() -> None:
    model = peft_model(modules_to_save=["lm_head", "norm"], trainable_token_indices=[5, 6])
    given = rates(model, head_learning_rate=0.1, embedding_learning_rate=0.2, adapter_learning_rate=0.3)
    roles = {0.1: "lm_head.modules_to_save", 0.2: "trainable_tokens_delta", 0.3: "lora_", RATE: "norm.modules_to_save"}
    assert set(given.values()) == set(roles)
    for name, rate in given.items():
        assert roles[rate] in name


@pytest.mark.parametrize("config", [PromptEncoderConfig, PromptTuningConfig])
def test_prompts_are_adapters(config: Any) -> None:
    model = get_peft_model(tiny_model(), config(task_type="CAUSAL_LM", num_virtual_tokens=4))
    assert set(rates(model, adapter_learning_rate=0.3).values()) == {0.3}
    assert by_name(model)["prompt_encoder.default.embedding.weight"] == (RATE, 0.0)


def test_lora_plus_gives_the_rates_of_peft() -> None:
    model = peft_model(modules_to_save=["lm_head"])
    theirs = create_loraplus_optimizer(model, torch.optim.SGD, lr=RATE, loraplus_lr_ratio=16.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    expected = {names[id(p)]: group["lr"] for group in theirs.param_groups for p in group["params"]}
    assert rates(model, lora_plus_ratio=16.0) == pytest.approx(expected)
    own = create(LoRA(r=4, target_modules=("q_proj", "up_proj"))).attach(tiny_model())
    assert {name[-2:]: rate for name, rate in rates(own, lora_plus_ratio=16.0).items()} == pytest.approx(
        {".A": RATE, ".B": 16 * RATE}
    )


def test_the_logged_rate_is_the_learning_rate() -> None:
    """transformers logs the rate of the first group."""
    model = create(LoRA(r=2)).attach(tiny_model("llama", "classification"))
    assert parameter_groups(model, arguments(lora_plus_ratio=4.0, head_learning_rate=0.5))[0]["lr"] == RATE
    assert parameter_groups(tiny_model(), arguments(layerwise_lr_decay=0.5))[0]["lr"] == RATE


# --- what is refused, what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({"head_learning_rate": 0.1}, "training.applies_to_nothing"),
        ({"embedding_learning_rate": 0.1}, "training.applies_to_nothing"),
        ({"no_decay": ["("]}, "training.bad_pattern"),
        ({"no_decay": ["norms?$"]}, "training.pattern_matches_nothing"),
    ],
)
def test_a_setting_without_use_is_refused(setting: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(create(LoRA(r=2)).attach(tiny_model()), arguments(**setting))
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("name", "value"),
    [("head_learning_rate", 0.0), ("adapter_learning_rate", -1.0), ("lora_plus_ratio", 0), ("layerwise_lr_decay", 1.5)],
)
def test_values_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}"):
        arguments(**{name: value})


@pytest.mark.parametrize("setting", [{"adapter_learning_rate": 0.1}, {"lora_plus_ratio": 4.0}])
def test_settings_of_adapters_need_one(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(tiny_model(), arguments(**setting))
    assert caught.value.key == "training.applies_to_nothing"
    assert caught.value.values["trained"] == "embedding, head, weights"


def test_layers_are_needed_for_rates_by_layer() -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(nn.Linear(2, 2), arguments(layerwise_lr_decay=0.9))
    assert caught.value.values["field"] == "layerwise_lr_decay"


def test_a_rate_for_a_tied_head_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(tiny_model("llama", tie_word_embeddings=True), arguments(head_learning_rate=0.1))
    assert caught.value.key == "training.tied_head"


def test_an_adapter_on_the_head_is_no_head() -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(peft_model(target_modules=["lm_head"]), arguments(head_learning_rate=0.1))
    assert caught.value.key == "training.applies_to_nothing"
    assert caught.value.values["trained"] == "adapter"


def test_a_frozen_model_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(tiny_model().requires_grad_(False), arguments())
    assert caught.value.key == "training.nothing_trains"


def test_groups_are_told() -> None:
    groups = parameter_groups(create(LoRA(r=2)).attach(tiny_model()), arguments(lora_plus_ratio=16.0))
    assert describe(groups)[0] == "  adapter: 512 values, learning rate 0.001, weight decay 0.1"
    optimizer = torch.optim.SGD(groups)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    messages.use("pt")
    expected = "  adapter/B: 384 valores, taxa de aprendizado 0,016, decaimento de pesos 0,1"  # the peak, not the warm-up's 0
    assert describe(optimizer.param_groups)[1] == expected


def test_each_device_mesh_has_groups_of_its_own() -> None:
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, distribute_tensor

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
        mesh = init_device_mesh("cpu", (1,))
        model[1].weight = nn.Parameter(distribute_tensor(model[1].weight.detach(), mesh, [Replicate()]))
        groups = parameter_groups(model, arguments())
        assert sorted(len(group["params"]) for group in groups) == [1, 2, 3]
        torch.optim.AdamW(groups, fused=True)
    finally:
        dist.destroy_process_group()
