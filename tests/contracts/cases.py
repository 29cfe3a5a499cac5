"""Which methods the contract suite tries, on which models.

Every registered method, with its defaults, on every architecture and each of its tasks; every entry of :data:`VARIANTS` on
:data:`SOME` architectures. A new method is held to the contract by being registered, a new setting by a line in VARIANTS.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from afinar.methods.base import Method, create, entry, registered
from afinar.methods.config import AdapterConfig, LoRA, Peft, PrefixTuning, PromptTuning, PTuning
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

LABELS = 3
SOME = ("llama", "gemma2", "gpt2")  # grouped queries; post-norms, soft-caps, tied weights; Conv1D and learned positions

EXAMPLES: dict[str, Any] = {
    "peft": Peft(peft_type="VERA", r=8, d_initial=2.0, target_modules="all-linear"),
}
"""Configs of the methods that have no defaults."""
VARIANTS: dict[str, Any] = {
    "bottleneck-bert": AdapterConfig(init="bert", activation="gelu", size=5, dropout=0.2),
    "bottleneck-parallel": AdapterConfig(placement="parallel", scaling="channel", leave_out=(0,)),
    "bottleneck-pfeiffer": AdapterConfig(placement="pfeiffer", size=8, scaling="learned", ln_before=True, ln_after=True),
    "bottleneck-post-norm": AdapterConfig(reads="sum", before_post_norm=True),
    "lora-all-linear": LoRA(r=3, alpha=5.0, dropout=0.2, target_modules="all-linear", rank_stabilised=True),
    "lora-dora": LoRA(r=3, dora=True, dropout=0.2, rank_pattern={".*(q_proj|attn)": 2}),
    "lora-olora": LoRA(r=3, initialisation="olora", dropout=0.2, alpha_pattern={".*(q_proj|attn)": 2.0}),
    "lora-pissa": LoRA(r=3, initialisation="pissa", dora=True, target_modules="all-linear"),
    "lora-tokens": LoRA(r=3, trainable_tokens=(3, 28, 127, 210)),
    "p_tuning-lstm": PTuning(virtual_tokens=3, encoder="lstm", encoder_hidden_size=6, dropout=0.2),
    "prompt-random": PromptTuning(virtual_tokens=1, init="random"),
    "prefix-projection": PrefixTuning(virtual_tokens=3, projection=True, encoder_hidden_size=5, dropout=0.2),
    "prefix-random": PrefixTuning(virtual_tokens=3, init="random", dropout=0.2),
}
"""Beside each method's defaults: what else its config can turn on. The name starts with the method's."""
ROUNDED: frozenset[str] = frozenset()
"""The variants whose untrained model equals the base up to float32's rounding and not to the bit."""


class Case(NamedTuple):
    """A method with a config on a model. `rounded`: see :data:`ROUNDED`."""

    config: Any
    architecture: str
    task: str
    rounded: bool = False

    @property
    def is_rare(self) -> bool:
        """Whether only the whole suite tries it: classifiers beyond :data:`SOME`, whose decoders are tried without a head."""
        return self.task == "classification" and self.architecture not in SOME and "causal" in create(self.config).tasks

    def base(self) -> Any:
        """A base model of its own, always the same one; what the method then draws is the same each time, too."""
        made = copy.deepcopy(_made(self.architecture, self.task))
        torch.manual_seed(0)
        return made

    def method(self) -> Method:
        """The method, not attached."""
        return create(self.config)

    def adapted(self) -> tuple[Method, Any]:
        """The method on its base, with random values in everything that trains."""
        method = self.method()
        model = method.attach(self.base())
        scramble(training(model))
        return method, model


@functools.cache
def _made(architecture: str, task: str) -> Any:
    return tiny_model(architecture, task, num_labels=LABELS)


def _all() -> Iterator[tuple[str, Case]]:
    for name in registered():
        config = EXAMPLES[name] if name in EXAMPLES else entry(name).config()
        for task in sorted(create(config).tasks):
            for architecture in ARCHITECTURES:
                yield name, Case(config, architecture, task)
    for name, config in VARIANTS.items():
        for task in sorted(create(config).tasks):
            for architecture in SOME if task == "causal" else SOME[:1]:
                yield name, Case(config, architecture, task, name in ROUNDED)


def cases(*, few: bool = False, task: str | None = None, **traits: bool) -> Any:
    """The decorator that runs a test over the cases whose methods have these traits: `@cases(mergeable=True)`.

    few: only :data:`SOME` architectures, for what no architecture can break. task: only that one.
    """
    chosen = [
        pytest.param(case, id=f"{name}-{case.architecture}-{case.task}", marks=[pytest.mark.slow] * case.is_rare)
        for name, case in _all()
        if (not few or case.architecture in SOME)
        and task in (None, case.task)
        and all(getattr(create(case.config), trait) is value for trait, value in traits.items())
    ]
    return pytest.mark.parametrize("case", chosen)


def training(model: nn.Module) -> dict[str, Tensor]:
    """What gradients flow to, by name."""
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


def scramble(tensors: Mapping[str, Tensor], seed: int = 7) -> None:
    """Move every tensor by random values about as large as its own, or 0.1 where it is zero."""
    generator = torch.Generator().manual_seed(seed)
    for name in sorted(tensors):
        size = float(tensors[name].std(correction=0)) or 0.1
        tensors[name].add_(torch.randn(tensors[name].shape, generator=generator) * 0.5 * size)


def batch(rows: int = 2, length: int = 11, seed: int = 5) -> dict[str, Tensor]:
    """Random tokens, none of them padding, all attended."""
    ids = torch.randint(3, VOCAB, (rows, length), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def logits(model: Any, **inputs: Any) -> Tensor:
    """The logits of :func:`batch`, or of `inputs`, without gradients."""
    with torch.no_grad():
        return model(**(inputs or batch())).logits


def close(got: Tensor, expected: Tensor) -> None:
    """Equal up to float32's rounding through a whole model."""
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
