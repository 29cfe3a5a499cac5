"""Several processes: what is refused, what they must agree on before training, and sums over all of them.

`torchrun` starts them, accelerate wraps the model (DDP, or FSDP2 with `fsdp=True`); nothing here takes part in that. Gradients
are averaged over the processes by both, which is why a step's loss is multiplied by their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate.utils import DistributedType
from torch import Tensor
from transformers import TrainingArguments

from afinar.errors import ConfigError

SHARDED_OPTIMIZERS = ("adamw_torch", "adamw_torch_fused", "sgd", "rmsprop", "adagrad", "adamw_torch_4bit", "adamw_torch_8bit")
"""Values of `optim` that can step through shards: torch's own, and those of torchao, which are made for it. The others keep
states of plain tensors, or of a parameter's whole shape."""


def check(args: TrainingArguments) -> None:
    """Raise ConfigError for `fsdp` on one process, or with an optimizer that knows no shards; let CPUs share a model too.

    accelerate shards between devices that are not CPUs only, and would run plain data parallelism instead without a word.
    """
    if not args.fsdp:
        return
    if args.world_size == 1:
        raise ConfigError("training.fsdp_one_process")
    if args.optim not in SHARDED_OPTIMIZERS:
        raise ConfigError("training.fsdp_optimizer", got=str(args.optim), allowed=", ".join(SHARDED_OPTIMIZERS))
    state = args.distributed_state
    if state is not None and state.distributed_type == DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU  # read once, by AcceleratorState; the device stays the CPU


def configure(accelerator: Any) -> None:
    """Raise ConfigError for DeepSpeed and FSDP1; make FSDP2's mixed precision exact where that costs nothing.

    As accelerate sets it, FSDP2 with bf16 also rounds what the model returns (the loss, to three digits), what it is given
    (the weights of rows, and the number that the loss is divided by) and the sums of gradients over the processes. The
    weights' products stay in bf16.
    """
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        raise ConfigError("training.deepspeed")
    plugin = accelerator.state.fsdp_plugin if accelerator.distributed_type == DistributedType.FSDP else None
    if plugin is None:
        return
    if plugin.fsdp_version != 2:
        raise ConfigError("training.fsdp_version", got=plugin.fsdp_version)
    policy = plugin.mixed_precision_policy
    if policy is not None:
        plugin.mixed_precision_policy = replace(
            policy, reduce_dtype=torch.float32, output_dtype=None, cast_forward_inputs=False
        )


@torch.no_grad()
def start_alike(tensors: Iterable[Tensor], device: torch.device) -> None:
    """Give every process the first one's values: each has drawn its own LoRA matrices or classification head. Collective."""
    if summing():
        for tensor in tensors:
            value = tensor.to(device)
            torch.distributed.broadcast(value, src=0)
            tensor.copy_(value)


def summed(values: Sequence[float], device: torch.device) -> list[float]:
    """`values` summed over the processes, in float64. Collective; on one process, `values`."""
    if not summing():
        return list(values)
    total = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(total)
    result: list[float] = total.tolist()
    return result


def summing() -> bool:
    """Whether there is more than one process."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
