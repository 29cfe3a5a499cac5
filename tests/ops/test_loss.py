"""The chunked head and loss equal the whole logits with autograd, in value and gradient, in float64."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from afinar.ops.loss import head_loss, head_loss_reference

OPTIONS = list(product([0.0, 0.1], [None, 3.0], [1.0, 0.25], [True, False], [True, False]))


def _inputs(rows: int = 37, dim: int = 8, vocab: int = 50, bias: bool = True) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    targets = torch.randint(0, vocab, (rows,), generator=generator)
    return normal(rows, dim), normal(vocab, dim), normal(vocab) if bias else None, targets


@pytest.mark.parametrize(("smoothing", "softcap", "scale", "bias", "weighted"), OPTIONS)
def test_equals_the_whole_logits(smoothing: float, softcap: float | None, scale: float, bias: bool, weighted: bool) -> None:
    hidden, weight, b, targets = _inputs(bias=bias)
    leaves = [tensor for tensor in (hidden, weight, b) if tensor is not None]
    options = {"label_smoothing": smoothing, "softcap": softcap, "scale": scale}
    options["weights_N"] = torch.linspace(0, 3, len(targets)) if weighted else None

    ours = head_loss(hidden, weight, b, targets, chunk=10, **options)
    plain = head_loss_reference(hidden, weight, b, targets, **options)

    torch.testing.assert_close(ours.total, plain.total, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.nll_N, plain.nll_N, rtol=1e-12, atol=1e-12)
    assert torch.equal(ours.correct_N, plain.correct_N)
    # an upstream factor other than 1, as division by the supervised tokens or a loss scaler give
    grads, expected = (torch.autograd.grad(loss.total / 7, leaves) for loss in (ours, plain))
    for grad, reference in zip(grads, expected, strict=True):
        torch.testing.assert_close(grad, reference, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("weights_N", [None, torch.tensor([0.5, 0.0, 2.0, 1.0, 3.0])])
def test_numeric_gradient(weights_N: Tensor | None) -> None:
    hidden, weight, b, targets = _inputs(rows=5, dim=3, vocab=7)
    options = {"label_smoothing": 0.1, "softcap": 2.0, "weights_N": weights_N, "chunk": 2}
    assert torch.autograd.gradcheck(lambda h, w, v: head_loss(h, w, v, targets, **options).total, (hidden, weight, b))


def test_whole_weights_are_repeated_rows() -> None:
    """An independent reference: a position of weight 3 is the same position three times, one of weight 0 is not there."""
    hidden, weight, b, targets = _inputs(rows=4)
    times = torch.tensor([3, 0, 1, 2])
    ours = head_loss(hidden, weight, b, targets, weights_N=times.float(), label_smoothing=0.1, chunk=3)
    repeated = head_loss_reference(
        hidden.repeat_interleave(times, 0), weight, b, targets.repeat_interleave(times), label_smoothing=0.1
    )
    torch.testing.assert_close(ours.total, repeated.total, rtol=1e-12, atol=1e-12)
    assert len(ours.nll_N) == 4  # what perplexity is made of knows no weights
    for grad, reference in zip(
        *(torch.autograd.grad(loss.total, [hidden, weight, b]) for loss in (ours, repeated)), strict=True
    ):
        torch.testing.assert_close(grad, reference, rtol=1e-11, atol=1e-12)


def test_frozen_head_gets_no_gradient_and_hidden_does() -> None:
    hidden, weight, _, targets = _inputs(bias=False)
    loss = head_loss(hidden, weight.detach(), None, targets).total
    loss.backward()
    assert weight.grad is None
    assert hidden.grad is not None
    assert hidden.grad.abs().sum() > 0


def test_no_supervised_position_gives_zero_loss_and_zero_gradients() -> None:
    hidden, weight, b, targets = _inputs()
    loss = head_loss(hidden[:0], weight, b, targets[:0])
    assert loss.total.item() == 0
    assert loss.nll_N.shape == (0,)
    loss.total.backward()
    assert weight.grad is not None
    assert weight.grad.abs().sum() == 0


def test_without_grad_mode_nothing_is_kept() -> None:
    hidden, weight, b, targets = _inputs()
    with torch.no_grad():
        loss = head_loss(hidden, weight, b, targets)
    assert not loss.total.requires_grad


def test_bfloat16_stays_within_its_own_rounding() -> None:
    hidden, weight, b, targets = _inputs(rows=64, dim=32)
    exact = head_loss_reference(hidden, weight, b, targets)
    half = head_loss(hidden.bfloat16(), weight.bfloat16(), b.bfloat16(), targets)
    assert half.total.dtype == torch.float32
    assert abs(half.total.item() / exact.total.item() - 1) < 1e-2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_products_are_half_and_gradients_are_those_of_autograd(dtype: torch.dtype) -> None:
    """Within the half type's own rounding; the gradient has the weights' dtype, and a scaler's factor goes through."""
    hidden, weight, b, targets = (tensor.float() if tensor.is_floating_point() else tensor for tensor in _inputs(64, 32))
    leaves = [tensor.detach().requires_grad_() for tensor in (hidden, weight, b)]
    with torch.autocast("cpu", dtype):
        ours = head_loss(*leaves, targets, weights_N=torch.linspace(0, 2, 64), chunk=20)
        plain = head_loss_reference(*leaves, targets, weights_N=torch.linspace(0, 2, 64))
    assert ours.total.dtype == torch.float32
    torch.testing.assert_close(ours.total, plain.total, rtol=1e-5, atol=0)
    factor = 2**17 / 64  # a scaler's over the number of tokens; 2**17 itself is beyond float16
    grads, expected = (torch.autograd.grad(loss.total * factor, leaves, retain_graph=True) for loss in (ours, plain))
    epsilon = torch.finfo(dtype).eps
    for grad, reference in zip(grads, expected, strict=True):
        assert grad.dtype == torch.float32
        assert (grad - reference).norm() < 2 * epsilon * reference.norm()
    assert torch.isfinite(torch.autograd.grad(ours.total * 2**17, leaves[0])[0]).all()
