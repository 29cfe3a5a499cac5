"""Short trainings that one process and several run alike, described by values so that they fit into a JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


@dataclass(frozen=True)
class Job:
    """One training. `settings` are SFTConfig's; batch sizes are those of all processes together. `method` is a key of
    :data:`tests.distributed.training.METHODS`.

    weighted: each row counts differently. stream: the rows come as an IterableDataset. fsdp: shard the model (FSDP2).
    resume: the job whose `checkpoint-<step>` it goes on from. stop: the step to end after.
    """

    name: str
    method: str = "full"
    task: str = "causal"
    architecture: str = "llama"
    model: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    settings: dict[str, Any] = field(default_factory=dict)
    rows: int = 21
    weighted: bool = False
    stream: bool = False
    fsdp: bool = False
    resume: tuple[str, int] | None = None
    stop: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a job left: the trained values, and figures as JSON has them."""

    state: dict[str, torch.Tensor]
    facts: dict[str, Any]


def run(job: Job, folder: Path) -> None:
    """Train, and write `<name>/rank<k>.safetensors` (trained values) and `.json` (losses, evaluation, counts)."""
    from afinar.training.sharding import trained_state
    from tests.distributed.training import trainer_of

    trainer, losses = trainer_of(job, folder)
    before = trainer.evaluate() if trainer.eval_dataset is not None else {}
    checkpoint = None if job.resume is None else str(folder / job.resume[0] / f"checkpoint-{job.resume[1]}")
    trainer.train(resume_from_checkpoint=checkpoint)
    after = trainer.evaluate() if trainer.eval_dataset is not None else {}
    best = trainer.state.best_metric
    facts = {
        "losses": losses.values,
        "before": before,
        "after": after,
        "best": None if best is None else float(best),
        "tokens": trainer.tokens_seen,
        "supervised": trainer.supervised_tokens_seen,
        "rank": trainer.args.process_index,
        "ranks": trainer.args.world_size,
        "sharded": type(trainer.model).__name__.startswith("FSDP"),
    }
    trainer.save_model(str(folder / job.name / "export"))
    state = trained_state(trainer.method, trainer.model)
    stem = folder / job.name / f"rank{trainer.args.process_index}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous().clone() for name, value in state.items()}, stem.with_suffix(".safetensors"))
    stem.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


def outcome(folder: Path, name: str, rank: int = 0) -> Outcome:
    """What :func:`run` wrote on `rank`."""
    stem = folder / name / f"rank{rank}"
    return Outcome(load_file(stem.with_suffix(".safetensors")), json.loads(stem.with_suffix(".json").read_text()))
