"""Shards of FSDP2 in a group of one process: gathered, put back, exported. Two processes: tests/distributed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from afinar.errors import ModelError
from afinar.methods.base import create
from afinar.methods.config import Full, LoRA
from afinar.training import checkpoints, sharding
from tests.tiny import tiny_model


@pytest.fixture(autouse=True)
def _group() -> Iterator[None]:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def _sharded(config: Any, *, wrapped: bool = False, architecture: str = "llama") -> tuple[Any, Any, dict[str, torch.Tensor]]:
    """A method, its model in shards, and the trained values before sharding."""
    method = create(config)
    torch.manual_seed(1)
    model = method.attach(tiny_model(architecture))
    before = {name: value.clone() for name, value in method.state(model).items()}
    layers = model.model.layers if architecture == "llama" else model.transformer.h
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    for number, layer in enumerate(layers):
        layers[number] = checkpoint_wrapper(layer) if wrapped else layer
        fully_shard(layers[number], mesh=mesh)
    fully_shard(model, mesh=mesh)
    assert sharding.is_sharded(model)
    return method, model, before


@pytest.mark.parametrize("config", [Full(), LoRA(r=2)], ids=["full", "lora"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_state_of_shards_is_whole_and_goes_back(config: Any, wrapped: bool) -> None:
    method, model, before = _sharded(config, wrapped=wrapped)
    state = sharding.trained_state(method, model)
    assert state.keys() == before.keys()
    for name, value in state.items():
        assert not isinstance(value, DTensor)
        assert torch.equal(value, before[name]), name
    changed = {name: value + 1 for name, value in state.items()}
    sharding.load_trained_state(method, model, changed)
    for name, value in sharding.trained_state(method, model).items():
        assert torch.equal(value, changed[name]), name
    assert sharding.trained_state(method, model, keep=False) == {}


def test_what_is_loaded_after_an_evaluation_is_not_lost() -> None:
    """A forward without backward leaves the root's parameters whole; they would be thrown away with what was written."""
    method, model, before = _sharded(Full())
    with torch.no_grad():
        model(input_ids=torch.tensor([[3, 4, 5]]))
    sharding.load_trained_state(method, model, {name: value * 2 for name, value in before.items()})
    ids = torch.tensor([[3, 4, 5]])
    expected = tiny_model()
    expected.load_state_dict({name: value * 2 for name, value in expected.state_dict().items()})
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=ids).logits, expected(input_ids=ids).logits)


def test_names_and_shapes_are_checked() -> None:
    method, model, before = _sharded(LoRA(r=2))
    with pytest.raises(ModelError) as caught:
        sharding.load_trained_state(method, model, {**before, "extra": torch.zeros(2)})
    assert caught.value.key == "methods.state_names"
    name = next(iter(before))
    with pytest.raises(ModelError) as caught:
        sharding.load_trained_state(method, model, {**before, name: torch.zeros(3, 3)})
    assert caught.value.key == "methods.state_shape"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_model_of_shards_is_exported_as_one_without(wrapped: bool, tmp_path: Path) -> None:
    method, model, before = _sharded(Full(), wrapped=wrapped)
    with sharding.whole_parameters(model, everything=True):
        method.export(model, tmp_path, base="tiny", task="causal")
    assert all(isinstance(parameter, DTensor) for parameter in model.parameters())
    written = checkpoints.load_tensors(tmp_path / "model.safetensors")
    assert {name: value.shape for name, value in written.items()} == {name: value.shape for name, value in before.items()}
    for name, value in before.items():
        assert torch.equal(written[name], value), name


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    _, model, _ = _sharded(Full(), architecture="gpt2")
    with sharding.whole_parameters(model, everything=True):
        assert model.lm_head.weight is model.transformer.wte.weight
        assert not isinstance(model.lm_head.weight, DTensor)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert isinstance(model.lm_head.weight, DTensor)


def test_an_export_of_an_adapter_leaves_the_base_in_shards() -> None:
    _, model, _ = _sharded(LoRA(r=2))
    with sharding.whole_parameters(model, everything=False):
        whole = {name for name, parameter in model.named_parameters() if not isinstance(parameter, DTensor)}
    assert whole == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    with sharding.whole_parameters(model, everything=False, keep=False):
        assert all(isinstance(parameter, DTensor) for parameter in model.parameters())


def test_an_optimizer_s_state_goes_through_files(tmp_path: Path) -> None:
    _, model, _ = _sharded(Full())
    ids = torch.tensor([[3, 4, 5]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model(input_ids=ids).logits.square().mean().backward()
    optimizer.step()
    checkpoints.save_optimizer(optimizer, tmp_path)
    other = torch.optim.AdamW(model.parameters(), lr=1e-2)
    checkpoints.load_optimizer(other, tmp_path)
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            loaded = other.state[parameter][key]
            assert type(loaded) is type(value)
            assert torch.equal(sharding.full_tensors({key: loaded})[key], sharding.full_tensors({key: value})[key])


def test_a_factored_moment_is_whole_on_every_process() -> None:
    _, model, _ = _sharded(Full())
    parameter = next(iter(model.parameters()))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    rows = torch.arange(parameter.shape[0], dtype=torch.float32)
    state = {"state": {0: {"rows": rows, "step": 3}}, "param_groups": [{"params": [0]}]}
    placed = sharding.sharded_state(state, optimizer)["state"][0]
    assert placed["step"] == 3
    assert placed["rows"].placements[0].is_replicate()
    assert torch.equal(placed["rows"].full_tensor(), rows)
