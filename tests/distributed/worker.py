"""One process of several: `torchrun -m tests.distributed.worker FOLDER` runs the jobs of FOLDER/jobs.json."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed
from accelerate.state import AcceleratorState, PartialState

from tests.distributed.jobs import Job, run


def main(folder: Path) -> None:
    """Run every job in one process group: starting processes costs more than the jobs."""
    torch.set_num_threads(1)
    PartialState(cpu=True)
    for job in json.loads((folder / "jobs.json").read_text(encoding="utf-8")):
        AcceleratorState._reset_state()  # it keeps the plugin of the job before
        os.environ.pop("ACCELERATE_USE_FSDP", None)
        run(Job(**job), folder)
        torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
