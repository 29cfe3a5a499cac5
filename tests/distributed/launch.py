"""Runs jobs on several processes of this machine, by torchrun and gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.distributed.jobs import Job

ROOT = Path(__file__).parents[2]


def start(arguments: Sequence[str], *, ranks: int = 2) -> subprocess.Popen[str]:
    """Start `torchrun --nproc-per-node <ranks> <arguments>` from the root of the repository; what it prints is captured."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # a machine need not know its own name to run these tests
    here = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(ranks)]
    command = [sys.executable, "-m", "torch.distributed.run", *here, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def torchrun(arguments: Sequence[str], *, ranks: int = 2, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """As :func:`start`, to the end; after `timeout` seconds torchrun is told to end its processes, and the test fails."""
    with start(arguments, ranks=ranks) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_jobs(jobs: Sequence[Job], folder: Path, ranks: int = 2) -> None:
    """Run `jobs` on `ranks` processes; what they leave is in `folder`, see :func:`tests.distributed.jobs.outcome`."""
    (folder / "jobs.json").write_text(json.dumps([asdict(job) for job in jobs]), encoding="utf-8")
    done = torchrun(["-m", "tests.distributed.worker", str(folder)], ranks=ranks)
    told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("[rank0]"))
    assert done.returncode == 0, told[-4000:] or done.stderr[-4000:]
