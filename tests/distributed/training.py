"""The trainer of a job, the same on one process and on several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import get_peft_config
from torch.utils.data import IterableDataset

from afinar import SFTConfig, SFTTrainer
from afinar.methods.config import IA3, AdapterConfig, Full, Head, LoRA, Peft, PrefixTuning, PromptTuning, PTuning
from tests.distributed.jobs import Job
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer
from tests.trajectories.training import Losses, StopAt

METHODS: dict[str, Any] = {
    "full": Full(),
    "lora": LoRA(r=4),
    "lora-dropout": LoRA(r=4, dropout=0.2),
    "dora": LoRA(r=4, dora=True, initialisation="olora"),
    "tokens": LoRA(r=4, trainable_tokens=(5, 9, 280), modules_to_save=("norm",), target_modules=("q_proj",)),
    "embeddings": LoRA(r=4, target_modules=("q_proj", "embed_tokens"), ensure_weight_tying=True),
    "head": Head(),
    "prefix": PrefixTuning(virtual_tokens=4, projection=True, encoder_hidden_size=8),
    "bottleneck": AdapterConfig(),
    "bottleneck-sum": AdapterConfig(placement="pfeiffer", attention=True),
    "ia3": IA3(),
    "prompt": PromptTuning(virtual_tokens=4),
    "p_tuning": PTuning(virtual_tokens=4, encoder_hidden_size=16),
    "vera": Peft(peft_type="VERA", r=4),
    "given": None,
    "peft": {"peft_type": "LORA", "r": 4, "init_lora_weights": "orthogonal", "target_modules": ["q_proj", "v_proj"]},
    "p-tuning": {"peft_type": "P_TUNING", "num_virtual_tokens": 4, "encoder_hidden_size": 16},
}
LAYERS = {"llama": "LlamaDecoderLayer", "gpt2": "GPT2Block", "gemma2": "Gemma2DecoderLayer"}


class _Stream(IterableDataset[dict[str, Any]]):
    """Rows without a length."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


def trainer_of(job: Job, folder: Path) -> tuple[SFTTrainer, Losses]:
    """A trainer over ragged rows; `per_device_train_batch_size` and `examples_per_step` are shared among the processes."""
    ranks = int(torch.distributed.get_world_size()) if torch.distributed.is_initialized() else 1
    settings = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.1,
        "optim": "sgd",  # Adam would blow rounding up where a gradient is almost zero
        "weight_decay": 0.01,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        **job.settings,
    }
    settings["per_device_train_batch_size"] //= ranks
    if "examples_per_step" in settings:
        settings["examples_per_step"] //= ranks
    if job.fsdp:
        layers = [LAYERS[job.architecture]]
        wrap = {"auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "transformer_layer_cls_to_wrap": layers}
        settings |= {"fsdp": True, "fsdp_config": {"version": 2, **wrap, **settings.pop("fsdp_config", {})}}
    args = SFTConfig(output_dir=str(folder / job.name), **settings)
    torch.manual_seed(5)  # LoRA's A
    model = tiny_model(job.architecture, job.task, num_labels=3, **job.model).to(getattr(torch, job.dtype))
    rows = causal_rows(job.rows) if job.task == "causal" else class_rows(job.rows)
    if job.weighted:
        rows = [{**row, "weights": np.full(len(row["input_ids"]), 0.3 + number / 7)} for number, row in enumerate(rows)]
    losses = Losses()
    callbacks: list[Any] = [losses] if job.stop is None else [losses, StopAt(job.stop)]
    evaluated = rows[:13] if job.settings.get("eval_strategy") else None
    trainer = SFTTrainer(
        model,
        args,
        train_dataset=_Stream(rows) if job.stream else rows,
        eval_dataset=evaluated,
        processing_class=tiny_tokenizer(),
        **_method(job),
        callbacks=callbacks,
    )
    return trainer, losses


def _method(job: Job) -> dict[str, Any]:
    """The trainer's keyword: a method of afinar's, or a config that PEFT itself has to apply."""
    chosen = METHODS[job.method]
    if not isinstance(chosen, dict):
        return {"method": chosen}
    return {"peft_config": get_peft_config({**chosen, "task_type": "CAUSAL_LM", "inference_mode": False})}
