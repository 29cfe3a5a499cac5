from __future__ import annotations

import pytest
import torch

from afinar.errors import ConfigError, ResourceError
from afinar.models import hardware
from afinar.models.config import ModelConfig
from afinar.models.hardware import available_devices, choose_device, choose_dtype, computes_in_bfloat16, cpu_capabilities

CPU = torch.device("cpu")


def machine(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("has", "chosen"), [({"cuda": 2, "mps": True}, "cuda:0"), ({"mps": True}, "mps"), ({}, "cpu")])
def test_auto_takes_the_fastest_device(monkeypatch, has, chosen):
    machine(monkeypatch, **has)
    assert choose_device(ModelConfig()) == torch.device(chosen)


@pytest.mark.parametrize(("name", "cuda"), [("cpu", 0), ("cuda", 1), ("cuda:1", 2)])
def test_a_device_that_is_there(monkeypatch, name, cuda):
    machine(monkeypatch, cuda=cuda)
    assert choose_device(ModelConfig(device=name)) == torch.device(name)


@pytest.mark.parametrize(("name", "cuda"), [("cuda", 0), ("cuda:1", 1), ("mps", 1), ("meta", 0), ("xla", 0)])
def test_a_device_that_is_not_there(monkeypatch, name, cuda):
    machine(monkeypatch, cuda=cuda)
    with pytest.raises(ResourceError) as caught:
        choose_device(ModelConfig(device=name))
    assert caught.value.key == "models.device_missing"
    assert caught.value.exit_code == 6
    assert str(caught.value).startswith(f"This machine has no {name}; it has: {', '.join(available_devices())}.")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "CPU", ""])
def test_what_is_no_device_name(name):
    with pytest.raises(ConfigError, match="is not a device") as caught:
        choose_device(ModelConfig(device=name))
    assert caught.value.key == "models.device_name"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({}, torch.float32),  # a processor of another make
    ],
)
def test_auto_on_a_cpu_is_bfloat16_only_where_it_computes_in_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(hardware, "cpu_capabilities", lambda: capabilities)
    assert choose_dtype(ModelConfig(), CPU) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_on_cuda_asks_for_hardware_and_not_for_emulation(monkeypatch, supported, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or supported)
    assert choose_dtype(ModelConfig(), torch.device("cuda")) == expected


def test_auto_on_mps_is_float32():
    assert not computes_in_bfloat16(torch.device("mps"))


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_named_dtype_is_taken(name):
    assert choose_dtype(ModelConfig(dtype=name), CPU) == getattr(torch, name)


def test_capabilities_of_an_older_torch(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert cpu_capabilities() == {"avx512_bf16": True, "amx_bf16": False}
    assert computes_in_bfloat16(CPU)
