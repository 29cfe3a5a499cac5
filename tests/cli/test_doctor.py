"""The doctor: what is missing is told with what to do, and never raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from afinar.cli import doctor as module
from afinar.cli.doctor import Check

from .conftest import Answer

Call = Callable[..., Answer]


def test_this_machine(call: Call) -> None:
    answer = call("doctor", "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert {"afinar", "python", "packages", "device", "bfloat16", "threads", "memory", "disk", "cache", "offline"} <= set(
        checks
    )
    assert answer.json["ok"] == all(check["status"] != "problem" for check in answer.json["checks"])
    assert "torch 2." in checks["packages"]["found"]


def test_table_in_portuguese(call: Call) -> None:
    answer = call("doctor", "--lang", "pt")
    assert answer.code == 0
    assert "dispositivo" in answer.out
    assert "rede" in answer.out


@pytest.mark.parametrize(
    ("installed", "found"), [(None, "torch not there"), ("2.5.1", "torch 2.5.1"), ("2.9rc1", "torch 2.9rc1")]
)
def test_missing_or_old_package(installed: str | None, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed_version", lambda name: installed if name == "torch" else "99.0")
    problem, others = module.packages()
    assert (problem.found, problem.status) == (found, "problem")
    assert 'pip install "torch>=2.11"' in problem.advice
    assert "transformers 99.0" in others.found


def test_new_enough_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed_version", lambda name: "99.1.0+cpu")
    assert [check.status for check in module.packages()] == ["ok"]


def test_little_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "ENOUGH_BYTES", 1e30)
    assert module.disk(tmp_path).status == "note"
    assert module.memory().advice


def test_folder_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module.os, "access", lambda path, mode: False)
    assert module.disk(tmp_path).status == "problem"


def test_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 0)
    threads = next(check for check in module.devices() if check.name == "threads")
    assert "OMP_NUM_THREADS" in threads.advice


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert [check.status for check in module.extras()] == ["note"] * 3
    assert 'pip install "afinar[gpu]"' in next(iter(module.extras())).advice


def test_problems_are_told_first(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "examine", lambda context: iter([Check("disk", "none", "problem", "Buy one.")]))
    answer = call("doctor")
    assert answer.code == 0
    assert "disk: Buy one." in answer.out
    assert "Mend the problems" in answer.out
    assert call("doctor", "--json").json["ok"] is False


def test_offline(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    found = {check["name"]: check["found"] for check in call("doctor", "--json").json["checks"]}
    assert found["offline"].startswith("used only")
    found = {check["name"]: check["found"] for check in call("doctor", "--json", "--offline").json["checks"]}
    assert found["offline"].startswith("offline")
