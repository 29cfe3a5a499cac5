"""The LoRA layer against the formula in float64, its memory, merging, and what attach refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from afinar.errors import ConfigError, ModelError
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRALayer, LoRAMethod, lora_layers
from tests.methods import reference
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

IN, OUT, R = 6, 5, 3


def linear() -> nn.Linear:
    return nn.Linear(IN, OUT)


def linear_without_bias() -> nn.Linear:
    return nn.Linear(IN, OUT, bias=False)


def conv1d() -> Conv1D:
    layer = Conv1D(OUT, IN)
    nn.init.normal_(layer.bias)
    return layer


BASES = pytest.mark.parametrize("make_base", [linear, linear_without_bias, conv1d])


def random_layer(make_base: Any, dtype: torch.dtype = torch.float64, **options: Any) -> LoRALayer:
    """A frozen base with an adapter whose A and B are random."""
    torch.manual_seed(0)
    base = make_base().to(dtype).requires_grad_(False)
    layer = LoRALayer(base, **{"r": R, "scale": 0.7, **options})
    nn.init.normal_(layer.B)
    return layer.double() if dtype == torch.float64 else layer


def weight(layer: LoRALayer) -> Tensor:
    """W (out, in), whichever way it is stored."""
    return layer.weight.t() if isinstance(layer.base, Conv1D) else layer.weight


def scrambled(model: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for layer in lora_layers(model).values():
        nn.init.normal_(layer.B, std=0.3)
    return model


def ids() -> Tensor:
    return torch.randint(3, VOCAB, (2, 10), generator=torch.Generator().manual_seed(1))


@BASES
@pytest.mark.parametrize("shape", [(4, IN), (2, 3, IN), (IN,)])
def test_output_is_the_formula(make_base: Any, shape: tuple[int, ...]) -> None:
    layer = random_layer(make_base)
    x = torch.randn(shape, dtype=torch.float64)
    expected = reference.output(weight(layer), layer.bias, layer.A, layer.B, 0.7, x)
    torch.testing.assert_close(layer(x), expected, atol=1e-12, rtol=1e-12)


@BASES
def test_gradients_are_the_formula_s(make_base: Any) -> None:
    layer = random_layer(make_base)
    x = torch.randn(4, IN, dtype=torch.float64, requires_grad=True)
    g = torch.randn(4, OUT, dtype=torch.float64)
    layer(x).backward(g)
    expected = reference.gradients(weight(layer), layer.A, layer.B, 0.7, x, g)
    for got, wanted in zip((layer.A.grad, layer.B.grad, x.grad), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-12)
    assert all(parameter.grad is None for parameter in layer.base.parameters())


def test_starts_at_the_base_with_a_kaiming_uniform_and_b_zero() -> None:
    layer = LoRALayer(nn.Linear(400, 30), r=50, scale=2.0)
    bound = 1 / math.sqrt(400)  # Kaiming uniform with a = sqrt(5): bound = sqrt(6 / ((1 + 5) · fan_in))
    assert layer.A.abs().max() <= bound
    torch.testing.assert_close(layer.A.std().item(), bound / math.sqrt(3), rtol=0.02, atol=0)
    assert not layer.B.any()
    assert (layer.A.shape, layer.B.shape) == ((50, 400), (30, 50))


@pytest.mark.parametrize(("stabilised", "expected"), [(False, 16 / 4), (True, 16 / 2)])
def test_scale(stabilised: bool, expected: float) -> None:
    model = LoRAMethod(LoRA(r=4, alpha=16, rank_stabilised=stabilised)).attach(tiny_model())
    assert {layer.scale for layer in lora_layers(model).values()} == {expected}


def test_dropout_drops_the_adapter_s_input_in_training_only() -> None:
    layer = random_layer(linear_without_bias, torch.float32, dropout=0.5)
    x = torch.ones(2000, IN)
    with torch.no_grad():
        clean, base = layer.eval()(x), layer.base(x)
        torch.manual_seed(0)
        dropped = layer.train()(x)
        torch.manual_seed(0)
        assert torch.equal(layer(x), dropped)  # from torch's global generator
    assert not torch.equal(dropped, clean)
    update = (dropped - base).mean(0)  # scaled by 1 / (1 - p), so its mean is the update's own
    torch.testing.assert_close(update, (clean - base)[0], atol=0.15, rtol=0)


def test_bfloat16_base_float32_adapter() -> None:
    layer = random_layer(linear, torch.bfloat16)
    x = torch.randn(64, IN, dtype=torch.bfloat16, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert (y.dtype, layer.A.dtype, layer.B.dtype, layer.A.grad.dtype) == (torch.bfloat16, *[torch.float32] * 3)
    exact = reference.output(layer.weight, layer.bias, layer.A, layer.B, 0.7, x)
    assert ((y - exact).abs() / exact.abs().clamp(min=1)).max() < 4 * torch.finfo(torch.bfloat16).eps


def test_under_autocast_the_output_has_the_base_s_dtype() -> None:
    layer = random_layer(linear, torch.float32)
    x = torch.randn(3, IN)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == layer.base(x).dtype == torch.bfloat16


class Allocations(TorchDispatchMode):
    """The tensors of at least `size` elements that operators give, without views of what was there before."""

    def __init__(self, size: int, *before: Tensor) -> None:
        super().__init__()
        self.size, self.made = size, []
        self.addresses = {tensor.data_ptr() for tensor in before}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.numel() >= self.size and out.data_ptr() not in self.addresses:
            self.addresses.add(out.data_ptr())
            self.made.append(out)  # held, so that no address is used twice
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_forward_makes_two_wide_tensors_and_keeps_only_its_input(dtype: torch.dtype) -> None:
    tokens, wide = 64, 128
    layer = LoRALayer(nn.Linear(wide, wide, bias=False).to(dtype).requires_grad_(False), r=2, scale=1.0)
    x = torch.randn(tokens, wide, dtype=dtype, requires_grad=True)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with (
        Allocations(tokens * wide, x, layer.weight) as wide_ones,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        layer(x)
    assert len(wide_ones.made) == 2  # W x, and the result
    activations = [tensor for tensor in kept if tensor.shape[0] == tokens and tensor.numel() >= tokens * wide]
    assert {tensor.data_ptr() for tensor in activations} == {x.data_ptr()}


@BASES
def test_merge_is_the_dense_weight_and_unmerge_restores_it_exactly(make_base: Any) -> None:
    layer = random_layer(make_base)
    before, stored = layer.weight.clone(), layer.weight
    expected = reference.dense_weight(weight(layer), layer.A, layer.B, 0.7)
    x = torch.randn(4, IN, dtype=torch.float64)
    y = layer(x)
    layer.merge()
    layer.merge()  # once is enough
    assert layer.merged
    torch.testing.assert_close(weight(layer).double(), expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(layer(x), y, atol=1e-12, rtol=1e-12)
    layer.unmerge()
    layer.unmerge()
    assert not layer.merged
    assert layer.weight is stored
    assert torch.equal(layer.weight, before)
    assert torch.equal(layer(x), y)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unmerge_restores_a_model_bit_for_bit(architecture: str) -> None:
    method = LoRAMethod(LoRA(target_modules="all-linear"))
    model = scrambled(method.attach(tiny_model(architecture)))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for layer in lora_layers(model).values():
        layer.merge()
    with method.disabled(model), torch.no_grad():  # while merged
        assert torch.equal(model(ids()).logits, tiny_model(architecture)(ids()).logits)
    assert all(layer.merged for layer in lora_layers(model).values())
    for layer in lora_layers(model).values():
        layer.unmerge()
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_merging_does_not_change_a_module_that_shares_the_weight() -> None:
    shared = nn.Linear(IN, IN, bias=False)
    other = nn.Linear(IN, IN, bias=False)
    other.weight = shared.weight
    layer = LoRALayer(shared, r=2, scale=1.0)
    nn.init.normal_(layer.B)
    before = other.weight.clone()
    folded = layer.fold()
    assert torch.equal(other.weight, before)
    assert not torch.equal(folded.weight, before)


def test_merging_a_quantised_weight_is_refused() -> None:
    layer = random_layer(linear, torch.float32)
    layer.base.weight = nn.Parameter(torch.zeros(OUT, IN, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ModelError) as error:
        layer.merge()
    assert error.value.key == "methods.merge_quantised"
    assert not layer.merged


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_merged_model_loads_in_plain_transformers(architecture: str, tmp_path: Path) -> None:
    method = LoRAMethod(LoRA(target_modules="all-linear"))
    model = scrambled(method.attach(tiny_model(architecture, tie_word_embeddings=True)))
    with torch.no_grad():
        before = model(ids()).logits
        method.merge(model).save_pretrained(tmp_path)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
        torch.testing.assert_close(loaded(ids()).logits, before, atol=1e-5, rtol=1e-5)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_linear_leaves_the_lm_head_out_tied_or_not(architecture: str, tied: bool) -> None:
    model = tiny_model(architecture, tie_word_embeddings=tied)
    LoRAMethod(LoRA(target_modules="all-linear")).attach(model)
    assert "lm_head" not in lora_layers(model)
    per_block = 4 if architecture in ("gpt2", "gpt_neox") else 6 if architecture in ("opt", "phi") else 7
    assert len(lora_layers(model)) == 2 * per_block


def test_count_of_a_rectangular_layer() -> None:
    # q and o are 32 x 32, k and v 32 → 16 (grouped-query attention): r · (in + out) each, not 2 · r · in
    expected = 2 * 4 * ((32 + 32) * 2 + (32 + 16) * 2)
    assert LoRAMethod(LoRA(r=4)).trainable_count(tiny_model()) == expected


def test_the_same_seed_gives_the_same_adapter() -> None:
    models = []
    for _ in range(2):
        base = tiny_model()
        torch.manual_seed(11)
        models.append(LoRAMethod(LoRA()).attach(base))
    first, second = (LoRAMethod(LoRA()).state(model) for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(tensor.any() for tensor in first.values())


def test_generation_runs_through_the_adapter() -> None:
    model = LoRAMethod(LoRA()).attach(tiny_model())
    options: dict[str, Any] = {"max_new_tokens": 8, "min_new_tokens": 8, "do_sample": False}
    plain = model.generate(ids(), **options)
    adapted = scrambled(model).generate(ids(), **options)
    assert not torch.equal(plain, adapted)
    assert torch.equal(LoRAMethod(LoRA()).merge(model).generate(ids(), **options), adapted)


def test_a_second_adapter_is_refused() -> None:
    method = LoRAMethod(LoRA())
    model = method.attach(tiny_model())
    count = len(lora_layers(model))
    with pytest.raises(ModelError) as error:
        method.attach(model)
    assert error.value.key == "methods.already_attached"
    assert len(lora_layers(model)) == count


NEED_AN_ADAPTER: dict[str, Callable[[LoRAMethod, Any, Path], Any]] = {
    "merge": lambda method, model, folder: method.merge(model),
    "state": lambda method, model, folder: method.state(model),
    "disabled": lambda method, model, folder: method.disabled(model).__enter__(),
    "export": lambda method, model, folder: method.export(model, folder, base="b", task="causal"),
}


@pytest.mark.parametrize("call", NEED_AN_ADAPTER.values(), ids=NEED_AN_ADAPTER)
def test_without_an_adapter_there_is_nothing_to_do(call: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        call(LoRAMethod(LoRA()), tiny_model(), tmp_path / "new")
    assert error.value.key == "methods.not_attached"
    assert not (tmp_path / "new").exists()


def test_targets_that_match_nothing_leave_the_model_as_it_was() -> None:
    model = tiny_model()
    with pytest.raises(ConfigError):
        LoRAMethod(LoRA(target_modules=("q_proj", "query"))).attach(model)
    assert not lora_layers(model)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_disabled_nests() -> None:
    method = LoRAMethod(LoRA())
    model = scrambled(method.attach(tiny_model()))
    with method.disabled(model):
        with method.disabled(model):
            pass
        assert not any(layer.enabled for layer in lora_layers(model).values())
    assert all(layer.enabled for layer in lora_layers(model).values())


@pytest.mark.parametrize("training", [True, False])
def test_a_new_layer_is_in_its_base_s_mode(training: bool) -> None:
    model = LoRAMethod(LoRA(dropout=0.5)).attach(tiny_model().train(training))
    assert {layer.training for layer in lora_layers(model).values()} == {training}


def test_a_layer_says_what_it_is() -> None:
    assert "r=3, scale=0.7, dropout=0.1" in repr(random_layer(linear, dropout=0.1))
