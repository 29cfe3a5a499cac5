"""Answers of one evaluation by several processes; run by torchrun, see test_answers_processes.py."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch.distributed.fsdp import fully_shard

from afinar import SFTConfig, SFTTrainer
from afinar.models.generation import Generation
from afinar.training.predictions import Answered, Answers
from tests.tiny import tiny_model, tiny_tokenizer

# Uneven on two processes, and close to the last of 128 positions: rows that have finished must not run beyond it.
LENGTHS = (3, 127, 9, 120, 30, 2, 128)
SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 12, "min_new_tokens": 2},
    "sampled": {"max_new_tokens": 6, "do_sample": True, "seed": 5},
    "beams": {"max_new_tokens": 6, "num_beams": 2},
    "in all": {"max_length": 40},
}


def rows() -> list[dict[str, Any]]:
    """Prompts without answers, but for the last token."""
    made = []
    for place, length in enumerate(LENGTHS):
        ids = [6 + (7 * place + index) % 200 for index in range(length)] + [9]
        made.append({"input_ids": ids, "labels": [-100] * length + [9]})
    return made


def answers_of(model: Any, settings: dict[str, Any], *, rank: int = 0, ranks: int = 1, synced: bool = False) -> Answered:
    """What all processes answer; this one takes every `ranks`-th row, and a dummy."""
    answers = Answers(model, tiny_tokenizer(), Generation(**settings), batch_size=2, synced=synced)
    answers.add([(place, row) for place, row in enumerate(rows()) if place % ranks == rank])
    answers.add([(-1, rows()[0])])
    return answers.generate()


def sharp(architecture: str) -> Any:
    """A random model that comes to no ties."""
    model = tiny_model(architecture)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def sharded(model: Any) -> Any:
    """`model` over all processes (FSDP2): each layer by itself, then the rest."""
    for layer in model.get_decoder().layers if hasattr(model.get_decoder(), "layers") else model.get_decoder().h:
        fully_shard(layer)
    return fully_shard(model)


def main(folder: Path) -> None:
    """Write what this process got of every kind of answers."""
    state = PartialState(cpu=True)
    found = {}
    for architecture in ("llama", "gpt2"):
        for name, settings in SETTINGS.items():
            for shard in (False, True):
                torch.manual_seed(0)
                model = sharded(sharp(architecture)) if shard else sharp(architecture)
                answered = answers_of(model, settings, rank=state.process_index, ranks=state.num_processes, synced=shard)
                key = f"{architecture} {name} {'sharded' if shard else 'whole'}"
                found[key] = [dataclasses.asdict(answer) for answer in answered.answers]
    (folder / f"{state.process_index}.json").write_text(json.dumps(found), encoding="utf-8")
    state.destroy_process_group()


def train(folder: Path, *, ranks: int = 1, fsdp: bool = False) -> None:
    """A step of training between two evaluations that generate; what they answer is in predictions.jsonl."""
    wrap = {"auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]}
    sharding: dict[str, Any] = {"fsdp": True, "fsdp_config": {"version": 2, **wrap}} if fsdp else {}
    args = SFTConfig(
        str(folder),
        use_cpu=True,
        disable_tqdm=True,
        max_steps=1,
        learning_rate=0.01,
        examples_per_step=4 // ranks,
        per_device_eval_batch_size=2,
        save_strategy="no",
        predict_with_generate=True,
        max_new_tokens=8,
        log_samples=0,
        **sharding,
    )
    raw = [{"prompt": f"quanto é {n} mais {n}?", "completion": f"é {n + n}."} for n in range(7)]
    model = sharp("llama")
    trainer = SFTTrainer(model, args, train_dataset=raw, eval_dataset=raw, processing_class=tiny_tokenizer())
    trainer.evaluate()
    trainer.train()
    trainer.evaluate()


if __name__ == "__main__":
    kind, target = sys.argv[1], Path(sys.argv[2])
    if kind == "answers":
        main(target)
    else:
        train(target, ranks=2, fsdp=kind == "fsdp")
