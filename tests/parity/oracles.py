"""One training by SFTTrainer, by transformers' Trainer and by TRL's SFTTrainer: the same rows in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, Trainer, TrainingArguments

from afinar import SFTConfig, SFTTrainer
from tests.tiny import tiny_model, tiny_tokenizer

ROWS, STEP = 21, 8  # three steps, the last of five rows
ADAMW = {"learning_rate": 1e-3}
# Plain and unclipped, so that a gradient of the wrong size shows in the weights; AdamW and clipping would hide it.
SGD = {"optim": "sgd", "learning_rate": 0.5, "max_grad_norm": 0.0, "weight_decay": 0.0}
QUESTION, ANSWER = {"role": "user", "content": "Que livro é bom?"}, {"role": "assistant", "content": "Dom Casmurro."}
TURNS = [QUESTION, ANSWER, {"role": "user", "content": "E outro?"}, {"role": "assistant", "content": "Não sei."}]
Run = tuple[list[float], dict[str, Tensor]]


def settings_of(folder: Path, rows: int, **settings: Any) -> dict[str, Any]:
    """What all trainers are told; `rows` go into one micro-batch, as many micro-batches as STEP needs into a step."""
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": STEP // rows,
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.05,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 3,
        **settings,
    }


def train_ours(
    model: Any, rows: list[dict[str, Any]], folder: Path, micro: int = STEP, **settings: Any
) -> tuple[Run, list[int]]:
    """Our losses and weights, and the order in which the rows were taken; `start`: where LoRA's A begin."""
    method, start = settings.pop("method", None), settings.pop("start", None)
    # transformers lets the weights of embeddings decay; told so, ours does too
    args = SFTConfig(**settings_of(folder, micro, **settings), no_decay=["bias", "norm"])
    losses: list[float] = []

    class Recorded(SFTTrainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss = super().training_step(*args, **kwargs)
            losses.append(loss.item())
            return loss

    trainer = Recorded(model, args, train_dataset=rows, processing_class=tiny_tokenizer(), method=method)
    if start is not None:
        matrices = [weight for name, weight in trainer.model.named_parameters() if name.endswith(".A")]
        for weight, value in zip(matrices, start, strict=True):
            weight.data.copy_(value)
    order = order_of(trainer)
    trainer.train()
    return (losses, trained(trainer.model)), order


def order_of(trainer: SFTTrainer) -> list[int]:
    """The rows as they are taken, epoch after epoch."""
    steps, order = trainer.get_train_dataloader().dataset, []
    for epoch in range(int(trainer.args.num_train_epochs)):
        steps.set_epoch(epoch)
        order += [int(row) for row in steps.order]
    return order


def train_theirs(model: Any, rows: list[dict[str, Any]], folder: Path, micro: int = STEP, **settings: Any) -> Run:
    """transformers' losses and weights over `rows` in the order given."""
    args = TrainingArguments(**settings_of(folder, micro, **settings))
    recorded = in_order(Trainer)
    trainer = recorded(model, args, train_dataset=[plain(row) for row in rows], data_collator=collator_of(rows))
    trainer.train()
    return list(trainer.losses.values()), trained(model)


def train_trl(model: Any, rows: list[dict[str, Any]], folder: Path, micro: int, **settings: Any) -> Run:
    """TRL's, over `rows` in the order given."""
    import trl

    args = trl.SFTConfig(**settings_of(folder, micro, gradient_checkpointing=False, bf16=False, packing=False, **settings))
    data = Dataset.from_list([plain(row) for row in rows])
    trainer = in_order(trl.SFTTrainer)(model, args, train_dataset=data, processing_class=tiny_tokenizer())
    trainer.train()
    return list(trainer.losses.values()), trained(trainer.model)


def in_order(base: Any) -> Any:
    """`base` without shuffling, with the loss of each optimizer step, summed over its micro-batches."""

    class InOrder(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.losses: dict[int, float] = {}

        def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss = super().training_step(*args, **kwargs)
            self.losses[self.state.global_step] = self.losses.get(self.state.global_step, 0.0) + loss.item()
            return loss

    return InOrder


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else value.tolist() for name, value in row.items()}


def trained(model: Any) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad}


def assert_equal(ours: Run, theirs: Run, rtol: float = 2e-6, atol: float = 1e-5, steps: int = 3) -> None:
    """Losses to the last digits of float32; weights to a hundredth of a step of 1e-3 (AdamW's first steps are signs)."""
    assert len(ours[0]) == len(theirs[0]) == steps
    assert ours[0] == pytest.approx(theirs[0], rel=rtol)
    assert ours[1].keys() == theirs[1].keys()
    for name, weight in ours[1].items():
        torch.testing.assert_close(weight, theirs[1][name], rtol=0, atol=atol, msg=name)


def tokens_of_ours(rows: list[dict[str, Any]], chat: bool, folder: Path, **settings: Any) -> list[tuple[list[int], list[int]]]:
    args = SFTConfig(**settings_of(folder, 1, **settings))
    trainer = SFTTrainer(tiny_model(), args, train_dataset=rows, processing_class=tiny_tokenizer(chat))
    return [(list(map(int, row["input_ids"])), list(map(int, row["labels"]))) for row in trainer.train_dataset]


def tokens_of_trl(rows: list[dict[str, Any]], chat: bool, folder: Path, **settings: Any) -> list[tuple[list[int], list[int]]]:
    import trl

    args = trl.SFTConfig(**settings_of(folder, 1, bf16=False, **settings))
    data = Dataset.from_list(rows)
    trainer = trl.SFTTrainer(tiny_model(), args, train_dataset=data, processing_class=tiny_tokenizer(chat))
    return [(row["input_ids"], row.get("labels", row["input_ids"])) for row in trainer.train_dataset]


def wrapped_by_peft() -> Any:
    torch.manual_seed(7)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    return get_peft_model(tiny_model(), config)


def classifier(architecture: str = "llama") -> Any:
    return tiny_model(architecture, "classification", num_labels=3)


def peaked() -> Any:
    """A model that is sure of itself, so that some tokens cost much and others little."""
    model = tiny_model()
    model.lm_head.weight.data *= 20
    return model


def collator_of(rows: list[dict[str, Any]]) -> Any:
    """transformers' own, for rows with a class or with labels for each token."""
    kind = DataCollatorWithPadding if isinstance(rows[0]["labels"], int) else DataCollatorForTokenClassification
    return kind(tiny_tokenizer())
