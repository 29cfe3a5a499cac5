"""One process fails: nobody waits for it, and the checkpoints before it are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from afinar.run.folder import newest_checkpoint
from tests.distributed.failing import STEP
from tests.distributed.launch import torchrun

pytestmark = pytest.mark.slow


def test_a_loss_that_is_not_finite_on_one_process_stops_both_at_that_step(tmp_path: Path) -> None:
    done = torchrun(["-m", "tests.distributed.failing", "nan", str(tmp_path)])
    assert done.returncode != 0
    for rank in (0, 1):
        assert (tmp_path / f"stopped{rank}").read_text(encoding="utf-8") == str(STEP)
    assert _newest(tmp_path) == f"checkpoint-{STEP - 1}"


def test_a_crash_of_one_process_ends_the_other(tmp_path: Path) -> None:
    done = torchrun(["-m", "tests.distributed.failing", "crash", str(tmp_path)], timeout=200)
    assert done.returncode != 0
    assert "RuntimeError: lost" in done.stderr
    assert _newest(tmp_path) == f"checkpoint-{STEP - 1}"


def _newest(folder: Path) -> str:
    checkpoint = newest_checkpoint(folder / "failing")
    assert checkpoint is not None
    return checkpoint.name
