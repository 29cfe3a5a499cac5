"""NF4 in plain torch: the code by its equation, both directions against bitsandbytes, the error, double quantisation."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import norm

from afinar.ops import nf4

SHAPES = [(64, 64), (32, 32), (48, 32), (32, 48), (3, 5), (33, 64), (17, 160), (1, 1)]
every_shape = pytest.mark.parametrize("shape", SHAPES)


def weights(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(dtype)


def test_the_code_is_the_normal_distribution_s_quantiles() -> None:
    """8 quantiles above 0 and 7 below, from an offset that bounds the tails, over the largest; 0 itself between them."""
    offset = 0.9677083
    above = norm.ppf(torch.linspace(offset, 0.5, 9)[:-1].numpy())
    below = -norm.ppf(torch.linspace(offset, 0.5, 8)[:-1].numpy())
    code = torch.tensor(sorted([*above, *below, 0.0])) / above.max()
    torch.testing.assert_close(torch.tensor(nf4.NF4), code.float(), atol=1e-6, rtol=0)


@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_quantises_as_bitsandbytes(shape: tuple[int, int], dtype: torch.dtype) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = weights(shape, dtype)
    theirs, state = functional.quantize_4bit(weight, quant_type="nf4")
    packed, absmax = nf4.quantise(weight)
    assert torch.equal(packed, theirs.reshape(-1))
    torch.testing.assert_close(absmax, state.absmax, atol=0, rtol=0)


@every_shape
def test_each_weight_becomes_the_nearest_code_of_its_block(shape: tuple[int, int]) -> None:
    weight = weights(shape)
    ours = nf4.dequantise(*nf4.quantise(weight), shape, torch.float32)
    flat, code = weight.reshape(-1), torch.tensor(nf4.NF4)
    for start in range(0, flat.numel(), nf4.BLOCK):
        block = flat[start : start + nf4.BLOCK]
        levels = code * block.abs().max()
        nearest = levels[(block[:, None] - levels).abs().argmin(1)]
        torch.testing.assert_close(ours.reshape(-1)[start : start + nf4.BLOCK], nearest, atol=1e-6, rtol=0)


def test_the_error_is_that_of_four_bits() -> None:
    weight = weights((256, 256))
    error = (nf4.dequantise(*nf4.quantise(weight), (256, 256), torch.float32) - weight).norm() / weight.norm()
    assert 0.085 < error < 0.1


def test_a_block_of_zeros_stays_zero() -> None:
    zeros = torch.zeros(2, 64)
    assert torch.equal(nf4.dequantise(*nf4.quantise(zeros), (2, 64), torch.float32), zeros)


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_it_dequantises_what_bitsandbytes_stored(kind: str) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = weights((32, 128))  # a multiple of the block: right in bitsandbytes too, on every CPU
    theirs, state = functional.quantize_4bit(weight, quant_type=kind)
    ours = nf4.dequantise(theirs, state.absmax, (32, 128), torch.float32, code=state.code)
    assert torch.equal(ours, functional.dequantize_4bit(theirs, state))


@pytest.mark.parametrize("blocks", [1, 256, 300])
def test_double_quantisation_is_undone_as_bitsandbytes_does(blocks: int) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    _, state = functional.quantize_4bit(weights((blocks, 64)), quant_type="nf4", compress_statistics=True)
    expected = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    ours = nf4.dequantise_absmax(state.absmax, state.state2.absmax, state.state2.code, state.offset)
    torch.testing.assert_close(ours, expected, atol=0, rtol=1e-6)
