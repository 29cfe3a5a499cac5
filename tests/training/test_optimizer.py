"""Every optimizer of transformers that is installed: groups intact, checkpoints exact; a clear word for all others."""

from __future__ import annotations

import copy
import re
import tempfile
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.trainer_pt_utils import LayerWiseDummyOptimizer
from transformers.training_args import OptimizerNames

from afinar import SFTConfig
from afinar.errors import ConfigError, RefusedError
from afinar.training import checkpoints
from afinar.training import optimizer as optimizers
from afinar.training.optimizer import PACKAGES, averaged_weights, make_optimizer, parameter_groups, training_weights
from tests.tiny import tiny_model

RATE, HEAD_RATE, DECAY = 1e-3, 1e-2, 0.1
NAMES = {
    "torch": ["adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop"],
    "bitsandbytes": [
        *("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "lion_32bit", "lion_8bit"),
        *("paged_lion_32bit", "paged_lion_8bit", "ademamix", "ademamix_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"),
        *("rmsprop_bnb", "rmsprop_bnb_8bit", "rmsprop_bnb_32bit"),
    ],
    "schedulefree": ["schedule_free_adamw", "schedule_free_radam", "schedule_free_sgd"],
}
INSTALLED = [optim for module, names in NAMES.items() if find_spec(module) for optim in names]


@cache
def _folder() -> str:
    return tempfile.mkdtemp()


def arguments(optim: str = "adamw_torch", **given: Any) -> SFTConfig:
    options = {"learning_rate": RATE, "weight_decay": DECAY, "head_learning_rate": HEAD_RATE, "save_strategy": "no", **given}
    return SFTConfig(output_dir=_folder(), use_cpu=True, optim=optim, **options)


@cache
def _model() -> Any:
    return tiny_model("llama", hidden_size=64, intermediate_size=96, num_hidden_layers=1)  # 8 bits begin at 4,096 values


def model() -> Any:
    return copy.deepcopy(_model())


def gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


def run(model: nn.Module, optimizer: Any, steps: range) -> None:
    """Steps along random gradients, the same for the same step."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Paged optimizers are not supported on CPU")
        for step in steps:
            training_weights(optimizer)
            gradients(model, step)
            optimizer.step()
        averaged_weights(optimizer)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# --- every optimizer by name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optim", INSTALLED)
def test_a_group_trains_as_if_it_had_an_optimizer_of_its_own(optim: str) -> None:
    whole, apart = model(), model()
    args = arguments(optim)
    optimizer = make_optimizer(args, whole)
    groups = parameter_groups(apart, args)
    assert [group["name"] for group in optimizer.param_groups] == [group["name"] for group in groups]
    before = weights(whole)
    run(whole, optimizer, range(6))
    changed = {name for name, value in weights(whole).items() if not torch.equal(value, before[name])}
    assert changed == set(before)
    for number, group in enumerate(groups):
        for parameter in apart.parameters():
            parameter.requires_grad_(any(parameter is member for member in group["params"]))
        own = [key for key in ("head_learning_rate",) if group["name"] != "head"]
        alone = arguments(optim, no_decay=[], weight_decay=group["weight_decay"], **dict.fromkeys(own))
        single = make_optimizer(alone, apart)
        torch.manual_seed(0)
        _run_with_gradients_of_all(apart, single, range(6))
        assert len(single.param_groups) == 1, number
    assert same(whole, apart)


def _run_with_gradients_of_all(model: nn.Module, optimizer: Any, steps: range) -> None:
    trains = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Paged optimizers are not supported on CPU")
        for step in steps:
            training_weights(optimizer)
            model.requires_grad_(True)
            gradients(model, step)
            model.requires_grad_(False)
            for parameter in trains:
                parameter.requires_grad_(True)
            optimizer.step()
        averaged_weights(optimizer)


@pytest.mark.parametrize("optim", INSTALLED)
def test_a_checkpoint_goes_on_bit_for_bit(optim: str, tmp_path: Path) -> None:
    uninterrupted, resumed = model(), model()
    optimizer = make_optimizer(arguments(optim), uninterrupted)
    run(uninterrupted, optimizer, range(3))
    checkpoints.save_optimizer(optimizer, tmp_path)
    saved = weights(uninterrupted)
    run(uninterrupted, optimizer, range(3, 6))
    other = make_optimizer(arguments(optim), resumed)
    with torch.no_grad():
        for name, parameter in resumed.named_parameters():
            parameter.copy_(saved[name])
    checkpoints.load_optimizer(other, tmp_path)
    run(resumed, other, range(3, 6))
    assert same(uninterrupted, resumed)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize("optim", [name.value for name in OptimizerNames if name.value not in INSTALLED])
def test_a_missing_package_is_named(optim: str) -> None:
    """Every other name that transformers has; none of them reaches an error of transformers' own."""
    ((module, package),) = (needed for pattern, needed in PACKAGES.items() if re.fullmatch(pattern, optim))
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    with pytest.raises(ConfigError) as caught:
        make_optimizer(arguments(optim, optim_target_modules="all-linear"), model())
    assert caught.value.key == "training.optimizer_package"
    assert f"pip install {package}" in str(caught.value)


def test_a_bfloat16_weight_keeps_its_float32_state(tmp_path: Path) -> None:
    """transformers' Adafactor holds float32 statistics; torch's load_state_dict would round them to bfloat16."""
    one, other = model().bfloat16(), model().bfloat16()
    optimizer, twin = (make_optimizer(arguments("adafactor"), module) for module in (one, other))
    run(one, optimizer, range(2))
    checkpoints.save_optimizer(optimizer, tmp_path)
    with torch.no_grad():
        for mine, theirs in zip(other.parameters(), one.parameters(), strict=True):
            mine.copy_(theirs)
    checkpoints.load_optimizer(twin, tmp_path)
    run(one, optimizer, range(2, 4))
    run(other, twin, range(2, 4))
    assert same(one, other)


# --- bitsandbytes --------------------------------------------------------------------------------------------------


def _bits(optimizer: Any, groups: str) -> set[torch.dtype]:
    found = [group for group in optimizer.param_groups if group["name"].startswith(groups)]
    return {optimizer.state[parameter]["state1"].dtype for group in found for parameter in group["params"]}


@pytest.mark.parametrize("by_class", [False, True])
def test_embeddings_keep_32_bits_and_no_other_optimizer_hears_of_it(by_class: bool) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    manager = bitsandbytes.optim.GlobalOptimManager.get_instance()
    before = (len(manager.module_weight_config_triple), dict(manager.index2config), dict(manager.pid2config))
    first = model()
    given = (bitsandbytes.optim.AdamW8bit, {"lr": RATE}) if by_class else None
    optimizer = make_optimizer(arguments("adamw_8bit"), first, given)
    run(first, optimizer, range(1))
    assert _bits(optimizer, "embedding") == {torch.float32}
    assert torch.uint8 in _bits(optimizer, "weights")
    assert (len(manager.module_weight_config_triple), manager.index2config, manager.pid2config) == before


def test_an_override_of_the_callers_own_holds() -> None:
    module = model()
    manager = pytest.importorskip("bitsandbytes").optim.GlobalOptimManager.get_instance()
    manager.override_config(module.lm_head.weight, "optim_bits", 32)
    try:
        optimizer = make_optimizer(arguments("adamw_8bit"), module)
        run(module, optimizer, range(1))
        assert _bits(optimizer, "head") == {torch.float32}
        assert torch.uint8 in _bits(optimizer, "weights")
    finally:
        manager.initialize()


# --- schedule-free -------------------------------------------------------------------------------------------------


def test_averaged_weights_are_the_average() -> None:
    pytest.importorskip("schedulefree")
    module = model()
    optimizer = make_optimizer(arguments("schedule_free_adamw"), module)
    points = []
    for step in range(5):
        training_weights(optimizer)
        gradients(module, step)
        optimizer.step()
        points.append(optimizer.state[module.lm_head.weight]["z"].clone())
    trained = module.lm_head.weight.detach().clone()
    averaged_weights(optimizer)
    averaged_weights(optimizer)  # a second call changes nothing
    torch.testing.assert_close(module.lm_head.weight.detach(), torch.stack(points).mean(0), atol=1e-5, rtol=1e-5)
    assert (module.lm_head.weight - trained).abs().max() > 1e-3
    training_weights(optimizer)
    torch.testing.assert_close(module.lm_head.weight.detach(), trained, atol=1e-5, rtol=1e-5)


def test_optimizers_without_modes_are_left_alone() -> None:
    module = model()
    optimizer = torch.optim.SGD(module.parameters())
    averaged_weights(optimizer)
    training_weights(optimizer)
    assert same(module, model())


def test_a_share_as_warm_up_of_schedule_free_is_refused() -> None:
    """transformers would divide by it: the first step would be taken at ten times the rate."""
    pytest.importorskip("schedulefree")
    with pytest.raises(ConfigError) as caught:
        make_optimizer(arguments("schedule_free_adamw", warmup_steps=0.1), model())
    assert caught.value.key == "training.schedule_free_warmup"
    make_optimizer(arguments("schedule_free_adamw", warmup_steps=5), model())


# --- classes and factories of the caller ---------------------------------------------------------------------------


def test_a_class_takes_the_rate_and_decay_given_with_it() -> None:
    optimizer = make_optimizer(arguments(), model(), (torch.optim.SGD, {"lr": 0.5, "weight_decay": 0.25, "momentum": 0.9}))
    told = {group["name"]: (group["lr"], group["weight_decay"], group["momentum"]) for group in optimizer.param_groups}
    assert told == {
        "weights": (0.5, 0.25, 0.9),
        "weights/no_decay": (0.5, 0.0, 0.9),
        "embedding/no_decay": (0.5, 0.0, 0.9),
        "head": (HEAD_RATE, 0.25, 0.9),
    }


def test_a_class_without_a_rate_takes_the_learning_rate() -> None:
    optimizer = make_optimizer(arguments(), model(), (torch.optim.AdamW, {}))
    assert {group["lr"] for group in optimizer.param_groups} == {RATE, HEAD_RATE}


def test_weight_decay_in_optim_args_is_used() -> None:
    optimizer = make_optimizer(arguments("sgd", optim_args="weight_decay=0.3,momentum=0.5"), model())
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.3, 0.0}


def test_keywords_are_not_changed() -> None:
    module = model()
    keywords = {"params": list(module.parameters()), "lr": 0.1}
    make_optimizer(arguments(), module, (torch.optim.SGD, keywords))
    assert set(keywords) == {"params", "lr"}


def test_groups_of_a_low_rank_optimizer_are_cut_along_ours() -> None:
    """As transformers' GaLore and APOLLO hand them over: frozen parameters among them, one group with a rank."""
    module = model()
    module.model.norm.requires_grad_(False)
    projected = [module.model.layers[0].self_attn.q_proj.weight, module.lm_head.weight]
    rest = [parameter for parameter in module.parameters() if not any(parameter is other for other in projected)]
    groups = [{"params": rest}, {"params": projected, "rank": 8, "scale": 0.25}]
    optimizer = make_optimizer(arguments(), module, (torch.optim.AdamW, {"params": groups, "lr": RATE}))
    told = {group["name"]: (len(group["params"]), group["lr"], group.get("rank")) for group in optimizer.param_groups}
    assert told == {
        "embedding/no_decay/0": (1, RATE, None),
        "weights/0": (6, RATE, None),
        "weights/no_decay/0": (2, RATE, None),
        "weights/1": (1, RATE, 8),
        "head/1": (1, HEAD_RATE, 8),
    }


def test_each_optimizer_of_a_layerwise_one_gets_its_groups_settings() -> None:
    module = model()
    inner = {parameter: torch.optim.SGD([{"params": [parameter]}], lr=RATE) for parameter in module.parameters()}
    optimizer = make_optimizer(arguments(), module, (LayerWiseDummyOptimizer, {"optimizer_dict": inner, "lr": RATE}))
    assert optimizer.optimizer_dict is inner
    assert {(o.param_groups[0]["lr"], o.param_groups[0]["weight_decay"]) for o in inner.values()} == {
        (RATE, DECAY), (RATE, 0.0), (HEAD_RATE, DECAY),
    }  # fmt: skip
    assert inner[module.lm_head.weight].param_groups[0]["name"] == "head"


class WholeModel(torch.optim.SGD):
    """Takes a model, as LOMO does."""

    def __init__(self, model: nn.Module, lr: float) -> None:
        self.model = model
        super().__init__(model.parameters(), lr=lr)


class Factory:
    """Made without arguments, then called with the model, as transformers does with Muon and Dion."""

    def __call__(self, model: nn.Module, **keywords: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), **keywords)


def test_an_optimizer_that_takes_the_model_gets_it() -> None:
    module = model()
    optimizer = make_optimizer(arguments(head_learning_rate=None), module, (WholeModel, {"model": module, "lr": 0.1}))
    assert optimizer.model is module


def test_a_factory_is_made_and_called() -> None:
    optimizer = make_optimizer(arguments(head_learning_rate=None), model(), (Factory, {"lr": 0.7}))
    assert optimizer.param_groups[0]["lr"] == 0.7


@pytest.mark.parametrize("given", [(WholeModel, {"model": None, "lr": 0.1}), (Factory, {"lr": 0.1})])
def test_settings_that_need_groups_are_refused_without_them(given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make_optimizer(arguments(), model(), given)
    assert caught.value.key == "training.optimizer_without_groups"
    assert caught.value.values["optimizer"] == given[0].__name__


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optim", ["galore_adamw_layerwise", "lomo", "adalomo", "apollo_adamw_layerwise"])
def test_updates_within_the_backward_pass_admit_no_accumulation(optim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "find_spec", lambda module: object())
    with pytest.raises(ConfigError) as caught:
        make_optimizer(arguments(optim), model(), several_backwards=True)
    assert caught.value.key == "training.optimizer_in_backward"


@pytest.mark.parametrize("optim", ["galore_adamw", "apollo_adamw", "adamw_torch_8bit", "lomo"])
def test_a_state_that_no_checkpoint_holds_is_refused_before_training(optim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "find_spec", lambda module: object())
    with pytest.raises(ConfigError) as caught:
        make_optimizer(arguments(optim, save_strategy="steps"), model())
    assert caught.value.key == "training.optimizer_state_unwritable"


def test_an_object_in_the_state_is_named(tmp_path: Path) -> None:
    module = model()
    optimizer = torch.optim.SGD(module.parameters())
    optimizer.state[module.lm_head.weight] = {"projector": object()}
    with pytest.raises(RefusedError) as caught:
        checkpoints.save_optimizer(optimizer, tmp_path)
    assert caught.value.key == "training.optimizer_state_object"
    assert caught.value.values["got"] == "object"
