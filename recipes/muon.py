"""Muon for the matrices inside the layers, AdamW for everything else, as one torch optimizer.

    M_t = mu M_{t-1} + G_t
    O_t = NewtonSchulz(G_t + mu M_t) ~ U V^T          where U S V^T is the singular value decomposition of its argument
    W_t = (1 - eta lambda) W_{t-1} - eta sqrt(max(1, rows / columns)) O_t

Symbols: W (rows, columns) a weight, G its gradient, M its momentum, eta the learning rate, lambda the weight decay.
Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the coefficients of the quintic
iteration are theirs. torch.optim.Muon iterates in bfloat16, which processors without bfloat16 units compute some fifty
times slower than float32; hence float32 here. AdamW: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values end up between about 0.7 and 1.2."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Groups with `muon=True` take Muon's step, the others AdamW's (betas 0.9, 0.95)."""

    def __init__(self, model: nn.Module, *, matrix_rate: float, other_rate: float, weight_decay: float) -> None:
        layers = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers." in name]
        inside = {id(parameter) for parameter in layers}
        rest = [parameter for parameter in model.parameters() if id(parameter) not in inside]
        groups = [
            {"params": layers, "muon": True, "lr": matrix_rate, "weight_decay": weight_decay},
            {"params": rest, "muon": False, "lr": other_rate, "weight_decay": 0.0},
        ]
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update = self._muon(parameter) if group["muon"] else self._adam(parameter)
                    parameter.add_(update, alpha=-group["lr"])

    def _muon(self, parameter: Tensor, momentum: float = 0.95) -> Tensor:
        buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
        buffer.mul_(momentum).add_(parameter.grad)  # type: ignore[arg-type]
        update = orthogonalise(parameter.grad.add(buffer, alpha=momentum))  # type: ignore[union-attr]
        return update * max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5

    def _adam(self, parameter: Tensor, betas: tuple[float, float] = (0.9, 0.95), epsilon: float = 1e-10) -> Tensor:
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        state["mean"].lerp_(parameter.grad, 1 - betas[0])  # type: ignore[arg-type]
        state["square"].lerp_(parameter.grad.square(), 1 - betas[1])  # type: ignore[union-attr]
        mean = state["mean"] / (1 - betas[0] ** state["step"])
        square = state["square"] / (1 - betas[1] ** state["step"])
        return mean / (square.sqrt() + epsilon)
