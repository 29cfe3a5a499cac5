"""The LoRA family on bases in 4 and 8 bits: what it computes is what it computes on their dequantised weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from afinar.errors import ConfigError, ModelError
from afinar.methods.adapted import adapted_layers
from afinar.methods.adapters import Adapters
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRAMethod
from afinar.models.quantize import dequantise
from tests.tiny import VOCAB, tiny_quantised

pytest.importorskip("bitsandbytes")

FAMILY: dict[str, LoRA] = {
    "plain": LoRA(r=4, target_modules="all-linear", bias="none"),
    "dora": LoRA(r=4, dora=True),
    "pissa": LoRA(r=4, initialisation="pissa"),
    "olora-dora": LoRA(r=4, initialisation="olora", dora=True, rank_pattern={"q_proj": 2}),
    "embeddings": LoRA(r=4, target_modules=("q_proj", "embed_tokens", "lm_head")),
    "tokens": LoRA(r=4, trainable_tokens=(4, 9)),
    "layers": LoRA(r=4, modules_to_save=("norm", "embed_tokens", "lm_head")),
}
KINDS = pytest.mark.parametrize("kind", ["nf4", "int8"])
every_one = pytest.mark.parametrize("config", FAMILY.values(), ids=FAMILY)


def logits(model: Any) -> Tensor:
    ids = torch.randint(3, VOCAB, (2, 10), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(ids).logits


def adapted(config: LoRA, kind: str) -> tuple[LoRAMethod, Any]:
    torch.manual_seed(0)
    method = LoRAMethod(config)
    model = method.attach(tiny_quantised(kind=kind))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return method, model


@KINDS
@every_one
def test_an_adapter_computes_on_a_quantised_base_what_it_does_on_its_floats(config: LoRA, kind: str, tmp_path: Path) -> None:
    method, model = adapted(config, kind)
    with method.disabled(model):
        assert torch.equal(logits(model), logits(tiny_quantised(kind=kind)))
    method.export(model, tmp_path, base="b", task="causal")
    floats = method.restore(dequantise(tiny_quantised(kind=kind)), tmp_path)
    torch.testing.assert_close(logits(floats), logits(model), atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(logits(method.merge(floats)), logits(model), atol=2e-5, rtol=2e-5)


@every_one
def test_every_part_gets_a_gradient_before_and_after_an_evaluation(config: LoRA) -> None:
    _, model = adapted(config, "nf4")
    for _ in range(2):
        model.train()
        ids = torch.tensor([[4, 9, 5, 6]])
        model(ids).logits.square().sum().backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.any(), name
                parameter.grad = None
        logits(model.eval())


@every_one
def test_merging_into_quantised_weights_is_refused_and_changes_nothing(config: LoRA) -> None:
    method, model = adapted(config, "nf4")
    before = logits(model)
    with pytest.raises(ModelError) as error:
        method.merge(model)
    assert error.value.key == "methods.merge_quantised"
    assert torch.equal(logits(model), before)
    assert not any(layer.merged for layer in adapted_layers(model).values())


def test_a_quantised_layer_does_not_train_whole() -> None:
    model = tiny_quantised()
    with pytest.raises(ConfigError) as error:
        LoRAMethod(LoRA(modules_to_save=("up_proj",))).attach(model)
    assert error.value.key == "lora.quantised_module"
    assert not adapted_layers(model)


def test_adapters_share_a_quantised_base() -> None:
    adapters = Adapters(tiny_quantised())
    for name in ("plain", "pissa", "dora"):
        adapters.add(name, FAMILY[name])
        with adapters.using(name):
            for parameter in adapters.model.parameters():
                if parameter.requires_grad:
                    parameter.data.add_(0.05)
    adapters.mix("both", {"plain": 0.5, "pissa": 1.0})
    outputs = [logits(adapters.use(name)) for name in (*adapters.names, None)]
    assert len({tuple(output.flatten().tolist()) for output in outputs}) == 5
    assert torch.equal(outputs[-1], logits(tiny_quantised()))
