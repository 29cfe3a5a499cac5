"""How a run's `training:` section becomes an :class:`SFTConfig`: every `auto` replaced, every interval spelled out."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any

import torch
from transformers import TrainingArguments

from afinar.errors import ConfigError
from afinar.training.arguments import MICRO_BATCH_TOKENS, SFTConfig
from afinar.training.config import TrainingConfig
from afinar.training.optimizer import check_installed

LEARNING_RATES = {
    "full": 5e-5,
    "lora": 5e-4,
    "bottleneck": 5e-4,
    "ia3": 3e-3,
    "peft": 5e-4,
    "prefix": 1e-2,
    "prompt": 1e-2,
    "p_tuning": 5e-4,
    "head": 2e-3,
}
"""What `learning_rate: auto` means, by method."""
QUANTISED_RATE = 2e-4
"""The most that it means on a base in 4 or 8 bits for an adapter inside the layers (Dettmers et al. 2023, arXiv:2305.14314,
table 9: 2e-4 up to 13 billion weights); a head, prompts and the vectors of (IA)³ keep their rate."""
_BESIDE_WEIGHTS = frozenset({"lora", "bottleneck", "peft"})
LION_FACTOR = 0.2
"""Lion's share of those rates: its steps are signs, hence larger. Chen et al. 2023, arXiv:2302.06675: 3 to 10 times less."""
REFERENCE_WIDTH, WIDTH_EXPONENT = 2000, 0.781
_OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "schedule_free": "schedule_free_adamw",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
}
"""transformers' name of each optimizer."""
_SCHEDULES = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
    "wsd": "warmup_stable_decay",
}


def sft_config(config: TrainingConfig, *, output_dir: str, rows: int, device: torch.device, evaluate: bool) -> SFTConfig:
    """The SFTConfig of a run: a resolved `config` (no `auto` left) over `rows` training rows, writing to `output_dir`.

    With `evaluate` False (no held-out rows) nothing is evaluated meanwhile.
    Raises ConfigError for an optimizer whose package is missing or that this device cannot run, and for a batch that the
    processes cannot share.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if config.batch_size % world_size:
        raise ConfigError("training.batch_size_ranks", got=config.batch_size, ranks=world_size)
    per_rank = config.batch_size // world_size
    steps = total_steps(config, rows)
    return SFTConfig(
        output_dir=output_dir,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        examples_per_step=per_rank,
        per_device_train_batch_size=min(int(config.micro_batch_size), per_rank),
        learning_rate=float(config.learning_rate),
        optim=_optim(config, device),
        head_learning_rate=config.head_learning_rate,
        embedding_learning_rate=config.embedding_learning_rate,
        layerwise_lr_decay=config.layerwise_lr_decay,
        lora_plus_ratio=config.lora_plus_ratio,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        label_smoothing_factor=config.label_smoothing,
        warmup_steps=int(config.warmup_ratio * steps),  # the first warm-up step has a rate of 0, so none in short runs
        # a schedule-free optimizer warms up by itself
        lr_scheduler_type="constant" if config.optimizer == "schedule_free" else _SCHEDULES[config.schedule],
        lr_scheduler_kwargs=_schedule_options(config, steps),
        seed=config.seed,
        use_cpu=device.type == "cpu",
        disable_tqdm=True,
        logging_nan_inf_filter=False,
        report_to=config.report_to,
        save_total_limit=config.keep_checkpoints,
        **_every("logging", config.log_every_steps),
        **_every("save", config.save_every_steps),
        **(_every("eval", config.evaluate_every_steps) if evaluate else {"eval_strategy": "no"}),
        **_checkpointing(config),
    )


def resolve(config: TrainingConfig, *, method: str, longest: int, hidden_size: int, quantised: bool = False) -> TrainingConfig:
    """`config` with every `auto` replaced: by the method and the model's width, and by the longest row in tokens.

    quantised: whether the base is in 4 or 8 bits.

    Raises ConfigError for `learning_rate: auto` with a method that the table does not know.
    """
    chosen: dict[str, Any] = {}
    if config.learning_rate == "auto":
        if method not in LEARNING_RATES:
            raise ConfigError("training.no_auto_rate", method=method, known=", ".join(LEARNING_RATES))
        factor = LION_FACTOR if config.optimizer == "lion" else 1.0
        chosen["learning_rate"] = float(f"{automatic_rate(method, hidden_size, quantised) * factor:.1e}")
    if config.micro_batch_size == "auto":
        chosen["micro_batch_size"] = max(1, min(config.batch_size, MICRO_BATCH_TOKENS // max(longest, 1)))
    if config.gradient_checkpointing == "auto":
        chosen["gradient_checkpointing"] = False
    if config.optimizer == "schedule_free":
        chosen["schedule"] = "constant"
    return replace(config, **chosen)


def automatic_rate(method: str, hidden_size: int, quantised: bool = False) -> float:
    """The learning rate of :data:`LEARNING_RATES`, raised for models narrower than 2,000 by (2000 / hidden_size)^0.781.

    On a quantised base it is at most :data:`QUANTISED_RATE` before that. Narrow models want larger steps, a head alone too:
    what one of Adam's steps changes in its output grows with the features that it sums. Two digits are kept.
    Source of the exponent: the fit over Llama models in Schulman et al. 2025, "LoRA without regret", Thinking Machines.
    """
    rate = LEARNING_RATES[method]
    if quantised and method in _BESIDE_WEIGHTS:
        rate = min(rate, QUANTISED_RATE)
    if hidden_size >= REFERENCE_WIDTH:
        return rate
    return float(f"{rate * (REFERENCE_WIDTH / hidden_size) ** WIDTH_EXPONENT:.1e}")


def total_steps(config: TrainingConfig, rows: int) -> int:
    """Optimizer steps of the whole run: `max_steps`, else the epochs' steps, the last short one of each epoch included."""
    return config.max_steps or max(1, math.ceil(config.epochs * math.ceil(rows / config.batch_size)))


def _optim(config: TrainingConfig, device: torch.device) -> str:
    if config.optimizer.startswith("paged") and device.type != "cuda":
        raise ConfigError("training.paged_without_gpu", got=config.optimizer, device=device.type)
    if config.optimizer == "adamw" and device.type not in ("cuda", "cpu"):
        return "adamw_torch"
    check_installed(_OPTIMIZERS[config.optimizer])
    return _OPTIMIZERS[config.optimizer]


def _every(what: str, interval: int | str) -> dict[str, Any]:
    if interval == "epoch":
        return {f"{what}_strategy": "epoch"}
    return {f"{what}_strategy": "steps", f"{what}_steps": int(interval)}


def _schedule_options(config: TrainingConfig, steps: int) -> dict[str, Any]:
    if config.schedule != "wsd":
        return {}
    return {"num_decay_steps": max(1, steps // 10), "decay_type": "linear"}


def _checkpointing(config: TrainingConfig) -> dict[str, Any]:
    if config.gradient_checkpointing is not True:
        return {}
    # transformers 5.23 renamed the argument and warns on the old name; 5.17 knows only the old one
    names = TrainingArguments.__dataclass_fields__
    return {"activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing": True}
