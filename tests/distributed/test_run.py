"""`torchrun -m afinar train`: one run folder, one voice, the results of one process."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from afinar.config import from_mapping
from afinar.errors import RefusedError
from afinar.run import folder as files
from afinar.run import group, train
from tests.distributed.launch import start, torchrun

SETTINGS = {
    "model": {"name": "afinar-mini", "device": "cpu", "dtype": "float32"},
    "data": {"train": "afinar/sentimento", "max_length": 160},
    "method": {"name": "lora", "r": 4},
    "training": {"max_steps": 3, "batch_size": 8, "save_every_steps": 2, "log_every_steps": 1},
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder of runs, stdout and stderr of two processes that train one run."""
    output = tmp_path_factory.mktemp("runs")
    done = torchrun(["-m", "afinar", "train", str(_config(output)), "--json"])
    assert done.returncode == 0, done.stderr[-3000:]
    return output, done.stdout, done.stderr


@pytest.mark.slow
def test_two_processes_make_one_run(told: tuple[Path, str, str], tmp_path: Path) -> None:
    output, out, err = told
    (folder,) = [path for path in output.iterdir() if path.is_dir()]
    (line,) = out.splitlines()
    results = json.loads(line)
    assert results["run"] == str(folder)
    alone = train(from_mapping({**SETTINGS, "output": str(tmp_path)}))
    for when in ("base", "adapted"):
        assert results[when]["loss"] == pytest.approx(alone.results[when]["loss"], rel=1e-4)
    for name in ("tokens", "supervised_tokens", "optimizer_steps"):
        assert results["training"][name] == alone.results["training"][name]
    written, expected = ({path.name for path in run.iterdir()} for run in (folder, alone.folder))
    assert written == expected
    steps = [json.loads(text)["step"] for text in (folder / files.METRICS).read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(steps)
    assert steps.count(0) == 1  # the base is written down once
    assert err.count(str(folder)) == 1


@pytest.mark.slow
def test_a_wrong_setting_is_told_once(tmp_path: Path) -> None:
    done = torchrun(["-m", "afinar", "train", str(_config(tmp_path)), "--training.batch_size", "3"])
    assert done.returncode != 0
    assert done.stderr.count("cannot be shared evenly by 2 processes") == 1
    assert not list(tmp_path.glob("*/results.json"))


@pytest.mark.slow
def test_what_only_the_first_process_refuses_ends_all(told: tuple[Path, str, str]) -> None:
    output, _, _ = told
    (folder,) = [path for path in output.iterdir() if path.is_dir()]
    done = torchrun(["-m", "afinar", "train", "--resume", str(folder)], timeout=120)
    assert done.returncode != 0
    assert done.stderr.count("finished") == 1
    assert "exitcode  : 2" in done.stderr
    assert "SIGKILL" not in done.stderr  # the other was not left waiting until it was killed


@pytest.mark.slow
def test_a_signal_stops_both_after_the_same_step_with_a_checkpoint(tmp_path: Path) -> None:
    long = ["--training.max_steps", "500", "--training.save_every_steps", "500", "--training.evaluate_every_steps", "500"]
    process = start(["-m", "afinar", "train", str(_config(tmp_path)), *long])
    with process:
        metrics = _wait_for_steps(tmp_path, process)
        process.terminate()  # torchrun passes SIGTERM on to both
        process.communicate(timeout=120)
    assert process.returncode != 0
    checkpoint = files.newest_checkpoint(metrics.parent)
    assert checkpoint is not None
    assert 2 <= int(checkpoint.name.removeprefix("checkpoint-")) < 500
    assert {path.name for path in checkpoint.glob("rng_*.json")} == {"rng_0.json", "rng_1.json"}


def test_one_process_is_the_first_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    config = from_mapping(SETTINGS)
    assert group.is_first()
    assert group.join(config) is config
    assert group.on_first(lambda: 7) == 7
    with pytest.raises(RefusedError):
        group.on_first(_refuse)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert group.several()
    assert not group.is_first()


def _wait_for_steps(output: Path, process: subprocess.Popen[str]) -> Path:
    """The metrics.jsonl of the run under `output`, once two steps are in it."""
    for _ in range(1200):
        for metrics in output.glob("*/metrics.jsonl"):
            if '"step": 2,' in metrics.read_text(encoding="utf-8"):
                return metrics
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("no second step within two minutes")


def _refuse() -> None:
    raise RefusedError("run.not_a_run", path=os.devnull)


def _config(output: Path) -> Path:
    path = output / "config.json.yaml"
    path.write_text(json.dumps({**SETTINGS, "output": str(output)}), encoding="utf-8")  # JSON is YAML
    return path
