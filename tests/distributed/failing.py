"""What goes wrong on the second of two processes: `torchrun ... -m tests.distributed.failing nan|crash FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from afinar.errors import NonFiniteLossError
from tests.distributed.jobs import Job
from tests.distributed.training import trainer_of

STEP = 3


class Failing(TrainerCallback):
    """At the beginning of step STEP, on the second process."""

    def __init__(self, what: str) -> None:
        self.what = what

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if args.process_index != 1 or state.global_step != STEP - 1:
            return
        if self.what == "crash":
            raise RuntimeError("lost")
        with torch.no_grad():
            model.model.norm.weight.fill_(torch.nan)


def main(what: str, folder: Path) -> None:
    """Train until it fails; a loss that is not finite is written down by whoever learns of it."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    job = Job("failing", settings={"save_strategy": "steps", "save_steps": 1})
    trainer, _ = trainer_of(job, folder)
    trainer.add_callback(Failing(what))
    try:
        trainer.train()
    except NonFiniteLossError as error:
        (folder / f"stopped{trainer.args.process_index}").write_text(str(error.values["step"]), encoding="utf-8")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
