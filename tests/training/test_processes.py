"""Several processes: what is refused before training, and FSDP2's precision. Real processes: tests/distributed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import DistributedType
from torch.distributed.fsdp import MixedPrecisionPolicy

from afinar import SFTConfig, SFTTrainer
from afinar.errors import ConfigError
from afinar.training import processes
from tests.tiny import tiny_model


def _accelerator(kind: DistributedType, **plugin: Any) -> SimpleNamespace:
    state = SimpleNamespace(fsdp_plugin=SimpleNamespace(**plugin) if plugin else None)
    return SimpleNamespace(distributed_type=kind, state=state)


def test_sharding_needs_someone_to_share_with(tmp_path: Path) -> None:
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, fsdp=True)
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(tiny_model(), args)
    assert caught.value.key == "training.fsdp_one_process"


def test_an_optimizer_that_knows_no_shards_is_refused() -> None:
    """transformers' Adafactor makes its statistics as plain tensors and would fail in the first step."""
    args = SimpleNamespace(fsdp=True, world_size=2, optim="adafactor")
    with pytest.raises(ConfigError) as caught:
        processes.check(args)  # type: ignore[arg-type]
    assert caught.value.key == "training.fsdp_optimizer"
    assert "adamw_torch_fused" in caught.value.values["allowed"]


def test_deepspeed_and_the_first_fsdp_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        processes.configure(_accelerator(DistributedType.DEEPSPEED))
    assert caught.value.key == "training.deepspeed"
    with pytest.raises(ConfigError) as caught:
        processes.configure(_accelerator(DistributedType.FSDP, fsdp_version=1))
    assert caught.value.key == "training.fsdp_version"
    assert caught.value.values == {"got": 1}


def test_mixed_precision_rounds_the_products_only() -> None:
    """accelerate's policy would return the loss in bfloat16, and cast what it is divided by."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.bfloat16, output_dtype=torch.bfloat16)
    accelerator = _accelerator(DistributedType.FSDP, fsdp_version=2, mixed_precision_policy=policy)
    processes.configure(accelerator)
    chosen = accelerator.state.fsdp_plugin.mixed_precision_policy
    assert (chosen.param_dtype, chosen.reduce_dtype) == (torch.bfloat16, torch.float32)
    assert chosen.output_dtype is None
    assert not chosen.cast_forward_inputs


def test_one_process_sums_to_itself() -> None:
    assert processes.summed((3, 0.5), torch.device("cpu")) == [3, 0.5]
