"""What AdaLoRA needs beyond its layers: a regulariser in the loss, and ranks that are allotted after each step.

    ΔW = P Λ Q              P (out, r), Q (r, in), Λ diagonal;  P and Q are held near orthogonal by
    R  = c · mean over all P and Q of ‖Pᵀ P − I‖_F          (‖Q Qᵀ − I‖_F for Q)

After each optimizer step, while the gradients are there, the importance |w · ∂L/∂w| of every weight is averaged; triplets of
the least important are set to 0, until on average `target_r` of the `init_r` that each layer started with are left.

PEFT adds R to the loss of every forward pass. Here it is added in training only, and to each micro-batch by its share of the
step's items, so that a step's gradient does not depend on how it was cut, and a reported evaluation loss is the model's.
The averages and the mask lie in buffers of the model, so that a resumed training goes on exactly.

Source: Zhang et al. 2023, "AdaLoRA: Adaptive budget allocation for parameter-efficient fine-tuning", arXiv:2303.10512,
equations 3, 4, 8 to 12. The layers and the allocation are PEFT's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError
from afinar.methods.config import Peft

NAME = "adalora"  # of the module that holds the averages
_IGNORED = -100


class RankAverages(nn.Module):
    """The averages of importance and their uncertainty of each weight, and which triplets are left, as buffers."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.names = list(weights)
        for number, (name, weight) in enumerate(weights.items()):
            self.register_buffer(f"importance_{number}", torch.zeros_like(weight))
            self.register_buffer(f"uncertainty_{number}", torch.zeros_like(weight))
            if "lora_E" in name:
                self.register_buffer(f"left_{number}", torch.ones(len(weight), device=weight.device))
        self.allotted: Tensor
        self.register_buffer("allotted", torch.zeros(1))  # whether any has been taken away yet
        self.regulariser: Any = None

    def hand_over(self, tuner: Any) -> None:
        """Let PEFT's allocator go on from here."""
        allocator, config = tuner.rankallocator, tuner.peft_config[tuner.trainable_adapter_name]
        allocator.exp_avg_ipt = {name: self._get("importance", number) for number, name in enumerate(self.names)}
        allocator.exp_avg_unc = {name: self._get("uncertainty", number) for number, name in enumerate(self.names)}
        allocator.ipt = {name: torch.zeros_like(value) for name, value in allocator.exp_avg_ipt.items()}
        masks = [(number, name) for number, name in enumerate(self.names) if "lora_E" in name]
        left = {name: self._get("left", number).bool().tolist() for number, name in masks}
        config.rank_pattern = left if self.allotted.item() else None

    @torch.no_grad()
    def take_back(self, tuner: Any) -> None:
        """Keep what PEFT's allocator has now; after its last allocation it has no averages any more."""
        allocator, config = tuner.rankallocator, tuner.peft_config[tuner.trainable_adapter_name]
        for number, name in enumerate(self.names):
            for kind, values in (("importance", allocator.exp_avg_ipt), ("uncertainty", allocator.exp_avg_unc)):
                self._get(kind, number).copy_(values[name] if name in values else torch.zeros(()))
            if config.rank_pattern and name in config.rank_pattern:
                self._get("left", number).copy_(torch.tensor(config.rank_pattern[name], dtype=torch.float32))
                self.allotted.fill_(1.0)

    def _get(self, kind: str, number: int) -> Tensor:
        return self.get_buffer(f"{kind}_{number}")


def prepare(model: PreTrainedModel, tuner: Any) -> None:
    """Give `model` the averages, at zero, and the regulariser. tuner: PEFT's AdaLoraModel around it."""
    remove(model)
    averages = RankAverages(_weights(model))
    averages.regulariser = model.register_forward_hook(_Regulariser(tuner.peft_config), with_kwargs=True)
    model.add_module(NAME, averages)


def remove(model: PreTrainedModel) -> None:
    """Take out what :func:`prepare` put in; nothing where it was not called."""
    if NAME in model._modules:
        model.get_submodule(NAME).regulariser.remove()  # type: ignore[operator, union-attr]
        del model._modules[NAME]


def begin(model: PreTrainedModel, tuner: Any, config: Peft, steps: int) -> None:
    """Set the schedule to a training of `steps`, where the config names no total_step of its own.

    Raises ConfigError where `tinit` and `tfinal` leave no step between them.
    """
    total = config.settings.get("total_step") or steps
    theirs = tuner.peft_config[tuner.trainable_adapter_name]
    if theirs.tinit >= total - theirs.tfinal:
        raise ConfigError("peft.adalora_steps", field="method.tinit", tinit=theirs.tinit, tfinal=theirs.tfinal, total=total)
    if theirs.target_r >= theirs.init_r:
        raise ConfigError("peft.adalora_ranks", field="method.target_r", target=theirs.target_r, init=theirs.init_r)
    tuner.rankallocator.set_total_step(total)


def allocate(model: PreTrainedModel, tuner: Any, step: int) -> None:
    """PEFT's allocation after optimizer step `step`."""
    averages = model.get_submodule(NAME)
    assert isinstance(averages, RankAverages)
    averages.hand_over(tuner)
    tuner.update_and_allocate(step)
    averages.take_back(tuner)


class _Regulariser:
    """The forward hook that adds R to a training loss."""

    def __init__(self, configs: dict[str, Any]) -> None:
        self.configs = configs

    def __call__(self, model: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        labels = kwargs.get("labels")
        if not model.training or labels is None:
            return output
        (config,) = self.configs.values()
        weights = {name: value for name, value in _weights(model).items() if "lora_E" not in name}
        norms = [_distance(value if "lora_A" in name else value.t()) for name, value in weights.items()]
        output.loss = output.loss + config.orth_reg_weight * torch.stack(norms).mean() * _share(labels, kwargs)
        return output


def _distance(rows: Tensor) -> Tensor:
    """‖M Mᵀ − I‖_F of a matrix M of r rows."""
    return torch.norm(rows @ rows.t() - torch.eye(len(rows), dtype=rows.dtype, device=rows.device), p="fro")


def _share(labels: Tensor, kwargs: dict[str, Any]) -> Tensor | float:
    """The part that this micro-batch is of its step."""
    items = kwargs.get("num_items_in_batch")
    if items is None:
        return 1.0
    causal = labels.dim() == 2
    kept = (labels[:, 1:] if causal else labels) != _IGNORED
    weights = kwargs.get("weights")
    own = kept.sum() if weights is None else (weights[:, 1:] if causal else weights)[kept].sum()
    return own / torch.as_tensor(items, device=labels.device)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """AdaLoRA's own weights by name: lora_A (r, in), lora_E (r, 1), lora_B (out, r)."""
    return {name: value for name, value in model.named_parameters() if ".lora_" in name}
