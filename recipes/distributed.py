"""One script for one process, several GPUs, several machines: SFTTrainer under torchrun.

    python -m recipes.distributed                                                  # one process, the bundled model and data
    torchrun --nproc-per-node 8 -m recipes.distributed --model NAME --data FILE    # a copy of the model on each of 8 GPUs
    torchrun --nproc-per-node 8 -m recipes.distributed --model NAME --data FILE --fsdp     # the model shared among them
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \
        -m recipes.distributed --model NAME --data FILE --fsdp --out /shared/run   # on each of two machines

The batch is that of all processes together, so the losses are the same with any number of them.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch

import afinar
from afinar import SFTConfig, SFTTrainer

METHODS = {"full": (afinar.Full(), 5e-5), "lora": (afinar.LoRA(r=8), 5e-4)}


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Train, evaluate, save; returns the metrics of the evaluation."""
    options = _options(argv)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    method, rate = METHODS[options.method]
    args = SFTConfig(
        output_dir=str(options.out),
        examples_per_step=max(1, options.batch_size // processes),
        per_device_train_batch_size=options.micro_batch_size,
        learning_rate=options.learning_rate or rate,
        num_train_epochs=options.epochs,
        max_steps=options.max_steps,
        max_length=options.max_length,
        warmup_steps=options.warmup_steps,
        lr_scheduler_type="cosine",
        optim="adamw_torch_fused",
        logging_steps=10,
        save_steps=100,
        save_total_limit=2,
        seed=options.seed,
        **_hardware(options),
    )
    trainer = SFTTrainer(
        options.model,
        args,
        train_dataset=options.data,
        eval_dataset=options.valid,
        method=method,
    )
    trainer.train(resume_from_checkpoint=options.resume)
    metrics = trainer.evaluate() if options.valid else {}
    trainer.save_model(str(options.out / "model"))
    return metrics


def _hardware(options: argparse.Namespace) -> dict[str, Any]:
    """Where and in which precision: bfloat16 on GPUs, float32 on CPUs; with --fsdp each layer is a unit to share."""
    cuda = torch.cuda.is_available()
    settings: dict[str, Any] = {"use_cpu": not cuda, "bf16": cuda}
    # What trains keeps float32 master values whatever the file holds.
    load = {"dtype": "bfloat16" if cuda and options.method != "full" else "float32"}
    if options.fsdp:
        load["device"] = "cpu"  # a model that no single GPU can hold must not be loaded onto one
        settings |= {"fsdp": True, "fsdp_config": {"version": 2, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP"}}
    return {**settings, "model_init_kwargs": load}


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="afinar-mini", help="folder, hub name or afinar-mini")
    parser.add_argument("--data", default="afinar/instrucoes", help="training rows: file, folder, hub name or bundled set")
    parser.add_argument("--valid", default=None, help="held-out rows")
    parser.add_argument("--out", type=Path, default=Path("runs/distributed"), help="a folder that every machine sees")
    parser.add_argument("--method", choices=METHODS, default="lora")
    parser.add_argument("--fsdp", action="store_true", help="share the model among the processes")
    parser.add_argument("--batch-size", type=int, default=16, help="examples of a step, over all processes")
    parser.add_argument("--micro-batch-size", type=int, default=4, help="rows that one process works on at a time")
    parser.add_argument("--learning-rate", type=float, default=None)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--max-steps", type=int, default=-1)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--warmup-steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", default=None, metavar="CHECKPOINT")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
