"""One short training on tiny models, with everything that may differ between two runs as an argument."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import peft
import torch
from transformers.trainer_callback import TrainerCallback

from afinar import SFTConfig, SFTTrainer
from afinar.methods.config import IA3, AdapterConfig, Full, Head, LoRA, Peft, PrefixTuning, PromptTuning, PTuning
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer


class Wrapped(NamedTuple):
    """A model that the caller has wrapped by PEFT."""

    config: Any


METHODS: dict[str, tuple[Any, str]] = {
    "bottleneck": (AdapterConfig(dropout=0.2), "causal"),
    "bottleneck-pfeiffer-classification": (AdapterConfig(placement="pfeiffer", dropout=0.2), "classification"),
    "full": (Full(), "causal"),
    "full-classification": (Full(), "classification"),
    "head": (Head(), "classification"),
    "lora": (LoRA(r=4, dropout=0.2), "causal"),
    "lora-dora": (LoRA(r=4, dropout=0.2, dora=True, initialisation="pissa"), "causal"),
    "lora-parts": (
        LoRA(r=4, dropout=0.2, target_modules=("q_proj", "embed_tokens"), modules_to_save=("norm", "lm_head")),
        "causal",
    ),
    "lora-tokens": (LoRA(r=4, dropout=0.2, trainable_tokens=(5, 7), initialisation="olora"), "causal"),
    "lora-classification": (LoRA(r=4, dropout=0.2, target_modules="all-linear"), "classification"),
    "prompt": (PromptTuning(virtual_tokens=3), "causal"),
    "prompt-classification": (PromptTuning(virtual_tokens=3, init="random"), "classification"),
    "p_tuning": (PTuning(virtual_tokens=3, encoder="lstm", encoder_hidden_size=16, dropout=0.2), "causal"),
    "p_tuning-classification": (PTuning(virtual_tokens=3, encoder_hidden_size=16), "classification"),
    "ia3": (IA3(), "causal"),
    "ia3-classification": (IA3(), "classification"),
    "peft": (Peft(peft_type="VERA", r=4, vera_dropout=0.2), "causal"),
    "peft-adalora": (
        Peft(peft_type="ADALORA", init_r=6, target_r=3, lora_dropout=0.2, tinit=1, tfinal=1, deltaT=2),
        "causal",
    ),
    "peft-lora": (Wrapped(peft.LoraConfig(r=4, task_type="CAUSAL_LM")), "causal"),
    "peft-lora-classification": (Wrapped(peft.LoraConfig(r=4, task_type="SEQ_CLS")), "classification"),
    "peft-prompt": (peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"), "causal"),
    "peft-prefix": (peft.PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"), "causal"),
    "prefix": (PrefixTuning(virtual_tokens=3, projection=True, encoder_hidden_size=8, dropout=0.2), "causal"),
    "prefix-classification": (PrefixTuning(virtual_tokens=3, dropout=0.2), "classification"),
    "peft-p-tuning": (
        peft.PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=16, task_type="CAUSAL_LM"),
        "causal",
    ),
    "peft-ia3": (peft.IA3Config(task_type="CAUSAL_LM"), "causal"),
}
"""Every way to train there is, by name: a config and the task."""


class Losses(TrainerCallback):
    """Keeps the loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.values.append(logs["loss"])


class StopAt(TrainerCallback):
    """Ends training after a step, as a crash would, without telling the schedule."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            control.should_training_stop = True


def trainer(
    name: str,
    folder: Path,
    callbacks: list[TrainerCallback] | None = None,
    *,
    dropout: float = 0.0,
    stream: bool = False,
    **settings: Any,
) -> SFTTrainer:
    """A trainer of the method `name` over 21 ragged rows, 8 a step: 3 steps an epoch, the last one short.

    dropout: in the model's attention. stream: the rows come as a shuffled stream, for 6 steps.
    """
    method, task = METHODS[name]
    options = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-2,
        "warmup_steps": 2,
        "weight_decay": 0.05,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": 1,
        "seed": 11,
        "use_cpu": True,
        "disable_tqdm": True,
        **({"max_steps": 6} if stream else {}),
        **settings,
    }
    torch.manual_seed(5)  # LoRA's A
    model = tiny_model("llama", task, num_labels=3, attention_dropout=dropout)
    if isinstance(method, Wrapped):
        model, method = peft.get_peft_model(model, copy.deepcopy(method.config)), None
    rows = causal_rows() if task == "causal" else class_rows()
    return SFTTrainer(
        model,
        SFTConfig(output_dir=str(folder), **options),
        train_dataset=_stream(rows) if stream else rows,
        eval_dataset=rows if "eval_strategy" in settings else None,
        processing_class=tiny_tokenizer(),
        callbacks=callbacks or [],
        **{"peft_config" if isinstance(method, peft.PeftConfig) else "method": method},
    )


def _stream(rows: list[dict[str, Any]]) -> datasets.IterableDataset:
    listed = [{key: value if isinstance(value, int) else value.tolist() for key, value in row.items()} for row in rows]
    return datasets.Dataset.from_list(listed).to_iterable_dataset().shuffle(seed=3, buffer_size=8)


def trained(
    name: str, folder: Path, resume: Path | None = None, **settings: Any
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The trained state and the loss of each step."""
    losses = Losses()
    run = trainer(name, folder, [losses], **settings)
    run.train(resume_from_checkpoint=str(resume) if resume else None)
    return {key: value.clone() for key, value in run.method.state(run.model).items()}, losses.values
