"""The device and the precision that suit this machine."""

from __future__ import annotations

from typing import Any

import torch

from afinar.errors import ConfigError, ResourceError
from afinar.models.config import ModelConfig


def choose_device(config: ModelConfig) -> torch.device:
    """The device named by `config.device`; auto takes cuda, else mps, else cpu.

    Raises ConfigError for what is no device name, ResourceError for a device that this machine does not have.
    """
    if config.device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(config.device)
    except RuntimeError as error:
        raise ConfigError("models.device_name", got=config.device) from error
    if not _is_there(device):
        raise ResourceError("models.device_missing", got=config.device, available=", ".join(available_devices()))
    return device


def available_devices() -> list[str]:
    """The names that `model.device` may have on this machine."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def choose_dtype(config: ModelConfig, device: torch.device) -> torch.dtype:
    """The dtype named by `config.dtype`; auto is bfloat16 where `device` computes in it, else float32.

    float16 is never chosen: its narrow range needs a gradient scaler, and hardware without bfloat16 is served by float32.
    On mps auto is float32, since not every Apple GPU computes in bfloat16.
    """
    if config.dtype != "auto":
        chosen: torch.dtype = getattr(torch, config.dtype)  # ModelConfig has checked the name
        return chosen
    return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 matrices in hardware, not by emulation."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _cpu_has_bfloat16()


def _cpu_has_bfloat16() -> bool:
    """AVX512-bf16 or AMX-bf16. Elsewhere bfloat16 products are emulated, 50 times slower than float32 (AVX2, measured)."""
    capabilities = cpu_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def cpu_capabilities() -> dict[str, Any]:
    """The instruction sets of this CPU, by torch's names, as far as this torch tells."""
    if hasattr(torch.cpu, "get_capabilities"):  # public since torch 2.13
        return dict(torch.cpu.get_capabilities())
    return {"avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx_bf16": torch.cpu._is_amx_tile_supported()}


def _is_there(device: torch.device) -> bool:
    """Whether this machine has `device`; the kinds that it never lists (meta, xla, ...) hold no model to train."""
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    return device.type in available_devices()
