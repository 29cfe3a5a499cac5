"""The 4-bit and 8-bit layers on the CPU: the codebook in training and evaluation, gradients, and bitsandbytes' faults."""

from __future__ import annotations

import copy
from math import prod
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afinar.errors import ModelError
from afinar.ops import nf4

bitsandbytes = pytest.importorskip("bitsandbytes")
from afinar.models.quantised_layers import EightBitLinear, FourBitLinear, adopt  # noqa: E402

SHAPES = [(64, 64), (48, 32), (32, 48), (33, 64), (64, 100), (5, 3), (32, 192)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def weights(shape: tuple[int, int]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def four_bit(weight: Tensor, *, double: bool = False, bias: bool = True, kind: str = "nf4") -> Any:
    rows, columns = weight.shape
    layer = bitsandbytes.nn.Linear4bit(columns, rows, bias=bias, compress_statistics=double, quant_type=kind)
    layer.load_state_dict({"weight": weight, **({"bias": torch.linspace(-1, 1, rows)} if bias else {})})
    return layer.to("cpu").requires_grad_(False)


def eight_bit(weight: Tensor) -> Any:
    rows, columns = weight.shape
    layer = bitsandbytes.nn.Linear8bitLt(columns, rows, bias=False, has_fp16_weights=False, threshold=6.0)
    layer.load_state_dict({"weight": weight})
    return layer.to("cpu")


def adopted(layer: nn.Module) -> Any:
    adopt(layer)
    return layer


def outputs(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the layer gives in training, the gradient of x there, and what it gives in evaluation."""
    x = x.clone().requires_grad_()
    trained = layer.train()(x)
    trained.square().sum().backward()
    with torch.no_grad():
        return trained.detach(), x.grad, layer.eval()(x)  # type: ignore[return-value]


@every_shape
@pytest.mark.parametrize("double", [False, True])
def test_it_computes_with_the_codebook_in_training_and_evaluation(shape: tuple[int, int], double: bool) -> None:
    weight = weights(shape)
    packed, absmax = nf4.quantise(weight)
    layer = adopted(four_bit(weight, double=double))
    if double:
        state = layer.weight.quant_state
        absmax = nf4.dequantise_absmax(state.absmax, state.state2.absmax, state.state2.code, state.offset)
    expected_weight = nf4.dequantise(packed, absmax, shape, torch.float32)
    x = torch.randn(4, shape[1])
    trained, gradient, evaluated = outputs(layer, x)
    expected = F.linear(x, expected_weight, layer.bias)
    assert torch.equal(layer.float_weight(torch.float32), expected_weight)
    torch.testing.assert_close(trained, expected)
    assert torch.equal(evaluated, trained)
    torch.testing.assert_close(gradient, 2 * expected @ expected_weight)


@every_shape
def test_8_bits_compute_the_same_in_training_and_evaluation(shape: tuple[int, int]) -> None:
    weight = weights(shape)
    scale = weight.abs().amax(1, keepdim=True)
    expected_weight = (weight * 127 / scale).round() * scale / 127
    layer = adopted(eight_bit(weight))
    x = torch.randn(4, shape[1])
    trained, gradient, evaluated = outputs(layer, x)
    # bitsandbytes rounds the weight to float16 before: a few codes lie one step beside
    torch.testing.assert_close(layer.float_weight(torch.float32), expected_weight, atol=float(scale.max()) / 120, rtol=0)
    own_weight = layer.float_weight(torch.float32)
    torch.testing.assert_close(trained, F.linear(x, own_weight))
    assert torch.equal(evaluated, trained)
    torch.testing.assert_close(gradient, 2 * F.linear(x, own_weight) @ own_weight)


def test_8_bits_after_bitsandbytes_own_forward() -> None:
    """That one moves the scales from the weight to the layer's state."""
    layer = eight_bit(weights((48, 32)))
    before = adopted(copy.deepcopy(layer)).float_weight(torch.float32)
    layer.train()(torch.randn(2, 32))
    assert layer.weight.SCB is None
    assert torch.equal(adopted(layer).float_weight(torch.float32), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_output_has_the_input_s_dtype(dtype: torch.dtype) -> None:
    x = torch.randn(4, 48, dtype=dtype)
    for layer in (four_bit(weights((32, 48))), eight_bit(weights((32, 48)))):
        assert adopted(layer)(x).dtype == dtype


def test_a_compute_dtype_is_kept() -> None:
    layer = four_bit(weights((32, 64)), bias=False)
    layer.compute_dtype = torch.bfloat16
    x = torch.randn(4, 64)
    expected = F.linear(x.bfloat16(), adopted(layer).float_weight(torch.bfloat16)).float()
    assert torch.equal(layer(x), expected)


def test_fp4_is_taken_too() -> None:
    weight = weights((32, 64))
    layer = four_bit(weight, kind="fp4")
    expected = bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    assert torch.equal(adopted(layer).float_weight(torch.float32), expected)


def test_adopting_changes_no_weight_and_may_be_repeated() -> None:
    model = nn.Sequential(four_bit(weights((32, 64))), eight_bit(weights((16, 32))), nn.Linear(16, 4))
    tensors = [parameter.data.clone() for parameter in model.parameters()]
    adopt(model)
    adopt(model)
    assert [type(module) for module in model] == [FourBitLinear, EightBitLinear, nn.Linear]
    assert all(torch.equal(before, now) for before, now in zip(tensors, model.parameters(), strict=True))


# --- the faults of bitsandbytes on CPUs with AVX512 ----------------------------------------------------------------


class RowsBeginBlocks:
    """The dequantisation of CPUs with AVX512: the scale of a weight is sought as if each row began a block."""

    def __init__(self, own: Any) -> None:
        self.own, self.default = own, self

    def __call__(
        self, packed: Tensor, absmax: Tensor, block: int, kind: str, shape: Any, dtype: torch.dtype, **others: Any
    ) -> Tensor:
        rows, columns = prod(shape[:-1]), shape[-1]
        ones = self.own(packed, torch.ones_like(absmax), block, kind, shape, dtype)
        place = torch.arange(rows)[:, None] * (columns // block) + torch.arange(columns) // block
        return ones * absmax[place.clamp(max=len(absmax) - 1)].view(ones.shape).to(dtype)


@every_shape
def test_the_kernel_s_fault_does_not_reach_it(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    weight = weights(shape)
    expected = nf4.dequantise(*nf4.quantise(weight), shape, torch.float32)
    faulty = RowsBeginBlocks(torch.ops.bitsandbytes.dequantize_4bit)
    monkeypatch.setattr(torch.ops.bitsandbytes, "dequantize_4bit", faulty)
    plain, ours = four_bit(weight, bias=False), adopted(four_bit(weight, bias=False))
    x = torch.eye(shape[1])
    torch.testing.assert_close(ours.eval()(x).t(), expected)
    assert torch.equal(ours.float_weight(torch.float32), expected)
    if shape[1] % nf4.BLOCK and shape[0] > 1 and prod(shape) > nf4.BLOCK:  # what goes wrong without us
        wrong = bitsandbytes.functional.dequantize_4bit(plain.weight.data, plain.weight.quant_state)
        assert not torch.allclose(wrong, expected)


def test_an_evaluation_repacks_nothing() -> None:
    layer = four_bit(weights((64, 64)))
    layer.support_avx512bf16_for_cpu = True  # as on a CPU that has it
    adopt(layer)
    first, gradient, _ = outputs(layer, torch.ones(2, 64))
    again, same, _ = outputs(layer, torch.ones(2, 64))
    assert not getattr(layer.weight.quant_state, "packing_format_for_cpu", False)
    assert torch.equal(first, again)
    assert torch.equal(gradient, same)


def test_a_weight_that_was_repacked_before_is_refused() -> None:
    layer = four_bit(weights((64, 64)))
    functional = bitsandbytes.functional
    layer.weight.data, _ = functional._convert_weight_packed_for_cpu(layer.weight.data, layer.weight.quant_state)
    with pytest.raises(ModelError) as error:
        adopt(nn.ModuleDict({"inner": layer}))
    assert (error.value.key, error.value.values["path"]) == ("quantised.repacked", "inner")


class Derived(bitsandbytes.nn.Linear4bit):
    """Somebody's own layer."""


def test_a_derived_layer_keeps_its_forward_and_is_not_repacked() -> None:
    layer = Derived(64, 64, quant_type="nf4").to("cpu")
    layer.support_avx512bf16_for_cpu = True
    adopt(layer)
    assert type(layer) is Derived
    assert not layer.support_avx512bf16_for_cpu
