"""The commands over the real pipeline, on a tiny random model: train, stop, resume, use, merge."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afinar.cli.progress import LineReporter
from tests.tiny import tiny_model, tiny_tokenizer

from .conftest import Answer

Call = Callable[..., Answer]

CONFIG = """\
model: {name: tiny}
data: {train: rows.jsonl, max_length: 64, valid_fraction: 0.2}
training: {max_steps: 12, batch_size: 4, log_every_steps: 2, save_every_steps: 2}
"""


def rows(path: Path, made: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in made) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    tiny_model().save_pretrained(folder / "tiny")
    tiny_tokenizer().save_pretrained(folder / "tiny")
    rows(folder / "rows.jsonl", [{"prompt": f"Conte até {i}.", "completion": f"um, dois, {i}"} for i in range(30)])
    words = (("bom", "pos"), ("ruim", "neg"))
    rows(folder / "labels.jsonl", [{"text": f"{word} {i}", "label": label} for i in range(20) for word, label in words])
    (folder / "train.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(autouse=True)
def _inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


@pytest.fixture(scope="module")
def writer(project: Path) -> str:
    """A finished causal run, made by the command."""
    from afinar.cli.main import main

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        assert main(["train", "train.yaml"]) == 0
        return str(next(Path("runs").iterdir()))


def test_run_folder(writer: str) -> None:
    results = json.loads(Path(writer, "results.json").read_text(encoding="utf-8"))
    assert results["training"]["optimizer_steps"] == 12
    assert {"config.yaml", "env.json", "metrics.jsonl", "adapter", "README.md"} <= {p.name for p in Path(writer).iterdir()}


def test_same_result_with_json(call: Call, writer: str) -> None:
    answer = call("train", "train.yaml", "--json", "--output", "again")
    results = json.loads(Path(writer, "results.json").read_text(encoding="utf-8"))
    assert (answer.json["base"], answer.json["adapted"]) == (results["base"], results["adapted"])
    assert Path(answer.json["run"]).parent == Path("again")
    assert answer.out.count("\n") == 1


def test_evaluate_a_run_and_a_model(call: Call, writer: str) -> None:
    run = call("evaluate", writer, "--data", "rows.jsonl", "--json").json
    model = call("evaluate", "tiny", "--data", "rows.jsonl", "--json").json
    assert run["n"] == model["n"] == 30
    assert run["base"]["loss"] == pytest.approx(model["base"]["loss"])
    assert run["adapted"]["loss"] < run["base"]["loss"]
    assert "adapted" not in model


def test_generate_is_repeatable(call: Call, writer: str) -> None:
    words = ("generate", writer, "Conte até 3.", "--max-new-tokens", "6", "--temperature", "1", "--json")
    assert call(*words).json == call(*words).json
    assert call(*words, "--seed", "1").json != call(*words).json


def test_chat_from_a_pipe(call: Call, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("oi\n" * 6))
    answer = call("chat", writer, "--max-new-tokens", "4", "--temperature", "0", "--json")
    assert answer.code == 0
    assert [message["role"] for message in answer.json["messages"][-2:]] == ["user", "assistant"]


def test_chat_that_outgrows_the_model(call: Call, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(("palavra " * 5 + "\n") * 4))  # the tiny model reads 128 bytes
    answer = call("chat", writer, "--max-new-tokens", "8", "--json")
    assert answer.code == 0
    assert "oldest turns were dropped" in answer.err
    assert len(answer.json["messages"]) < 8


def test_merge(call: Call, writer: str, tmp_path: Path) -> None:
    target = str(tmp_path / "merged")
    assert call("merge", writer, target).code == 0
    merged = call("evaluate", target, "--data", "rows.jsonl", "--json").json["base"]
    adapted = call("evaluate", writer, "--data", "rows.jsonl", "--json").json["adapted"]
    assert merged["loss"] == pytest.approx(adapted["loss"], abs=1e-5)


@pytest.mark.parametrize("method", ["head", "full"])
def test_classifier(call: Call, method: str) -> None:
    trained = call("train", "train.yaml", "--data.train", "labels.jsonl", "--method", method, "--output", method)
    assert trained.code == 0
    assert "accuracy" in trained.out
    run = str(next(Path(method).iterdir()))
    assert call("generate", run, "x").says("cli.not_generative")


def test_nothing_to_merge(call: Call, tmp_path: Path) -> None:
    answer = call("merge", "tiny", str(tmp_path / "x"))
    assert answer.code == 2
    assert answer.says("run.nothing_to_merge")


def test_terminated_then_resumed(call: Call, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(Path(writer, "results.json").read_text(encoding="utf-8"))
    told = LineReporter.on_progress

    def stop_at_five(self: LineReporter, done: int, total: int, **facts: Any) -> None:
        told(self, done, total, **facts)
        if done == 5 and total == 12:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(LineReporter, "on_progress", stop_at_five)
    stopped = call("train", "train.yaml", "--output", "stopped", "--json")
    assert (stopped.code, stopped.json["error"]["kind"]) == (143, "terminated")
    run = next(Path("stopped").iterdir())
    assert (run / "checkpoint-5").is_dir()
    monkeypatch.setattr(LineReporter, "on_progress", told)
    resumed = call("train", "--resume", str(run), "--json")
    assert resumed.code == 0
    assert resumed.json["adapted"] == whole["adapted"]
    refused = call("train", "--resume", str(run))
    assert (refused.code, refused.says("run.finished")) == (2, True)


def test_resume_without_a_config_takes_that_of_the_newest_unfinished_run(call: Call, writer: str) -> None:
    unfinished = Path("left") / "2026-01-01_1"
    unfinished.mkdir(parents=True)
    for name in ("config.yaml", "env.json"):
        (unfinished / name).write_bytes(Path(writer, name).read_bytes())
    answer = call("train", "--resume", "--output", "left", "--json")
    assert answer.code == 0
    assert Path(answer.json["run"]) == unfinished
    assert answer.json["adapted"] == json.loads(Path(writer, "results.json").read_text(encoding="utf-8"))["adapted"]


def test_resume_without_an_unfinished_run_starts_afresh(call: Call) -> None:
    answer = call("train", "train.yaml", "--output", "fresh", "--training.max_steps", "1", "--resume")
    assert answer.code == 0
    assert "No unfinished run under fresh" in answer.err


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["train", "train.yaml", "--data.train", "no.jsonl"], "data"),
        (["train", "train.yaml", "--data.train", "train.yaml"], "data"),
        (["train", "train.yaml", "--model.name", "no/such", "--offline"], "model"),
        (["train", "train.yaml", "--method", "head"], "config"),
        (["train", "train.yaml", "--model.device", "cuda:99"], "resources"),
        (["train", "train.yaml", "--resume", "no-run"], "refused"),
        (["evaluate", "tiny", "--data", "labels.jsonl", "--format", "messages"], "data"),
        (["evaluate", "tiny", "--data", "rows.jsonl", "--format", "nothing"], "config"),
        (["evaluate", "tiny", "--data", "rows.jsonl", "--max-length", "1"], "config"),
        (["generate", "no-such-folder", "x", "--offline"], "model"),
    ],
)
def test_mistakes_are_told_and_never_crash(call: Call, words: list[str], kind: str) -> None:
    answer = call(*words, "--json")
    assert answer.json["error"]["kind"] == kind, answer.json
    assert answer.code == (6 if kind == "resources" else 2)
