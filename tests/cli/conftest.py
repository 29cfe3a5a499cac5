"""The command line called in this process, over a pipeline that answers at once."""

from __future__ import annotations

import json
import re
import string
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import afinar
from afinar import messages
from afinar.cli.main import main
from afinar.config import RunConfig
from afinar.errors import DataError
from afinar.run import group

METRICS = {"loss": 2.5, "perplexity": 12.18, "bits_per_byte": 1.2, "token_accuracy": 0.5}
RESULTS = {
    "task": "causal",
    "method": "lora",
    "base": METRICS,
    "adapted": {**METRICS, "loss": 2.0, "perplexity": 7.39},
    "n": 1234,
    "seed": 7,
    "versions": {},
    "training": {
        "seconds": 65.2,
        "optimizer_steps": 10,
        "tokens": 100,
        "supervised_tokens": 90,
        "tokens_per_second": 1500.4,
        "peak_memory_bytes": 10**9,
        "trainable_parameters": 1024,
        "total_parameters": 5_000_000,
    },
}


class Answer(NamedTuple):
    """What one command line left behind."""

    code: int
    out: str
    err: str

    def says(self, key: str) -> bool:
        """Whether stderr tells the text of `key`, with any values, in the language in force."""
        literal = [re.escape(part) for part, *_ in string.Formatter().parse(messages.lookup(key)[messages.language() == "pt"])]
        return re.search("afinar: " + ".+?".join(literal), self.err, re.DOTALL) is not None

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`call("train", "a.yaml")`: the exit code and what was printed."""

    def run(*argv: str) -> Answer:
        capsys.readouterr()
        code = main(list(argv))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


class FakeSession:
    """A model that answers with what it was asked."""

    def __init__(self, task: str = "causal", adapted: bool = True, limit: int = 100) -> None:
        self.task = task
        self.adapted = adapted
        self.label_names: tuple[str, ...] = ()
        self.tokenizer = object()
        self.positions = limit
        self.asked: list[Any] = []

    def generate(self, prompt: str, **options: Any) -> str:
        self.asked.append((prompt, options))
        return f"answer to {prompt}"

    def stream(self, messages: list[dict[str, str]], **options: Any) -> Iterator[str]:
        self.asked.append(([dict(message) for message in messages], options))
        yield from ("an", "swer ", str(len(messages)))


class Pipeline(types.SimpleNamespace):
    """The functions of afinar.run that the commands call, and what they were called with."""

    session: FakeSession
    calls: list[Any]
    evaluated: dict[str, Any]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipeline:
    fake = Pipeline(session=FakeSession(), calls=[], evaluated={})

    def train(config: RunConfig, *, resume: Any = None, offline: bool = False, on_event: Any = None) -> Any:
        fake.calls.append(("train", config, resume, offline))
        on_event.on_plan(["a plan"])
        on_event.on_progress(1, 10, loss=2.5, tokens_per_second=1500.0, memory_bytes=10**9, seconds_left=65.0)
        on_event.on_log({"loss": 2.5, "eval_perplexity": 7.4})
        return types.SimpleNamespace(results=RESULTS, folder=tmp_path / "runs" / "one", config=config)

    def load(name: str, *, offline: bool = False, task: str = "auto") -> FakeSession:
        fake.calls.append(("load", name, offline))
        return fake.session

    def evaluate(name: str, data: str | None, *, on_event: Any, **options: Any) -> Any:
        fake.calls.append(("evaluate", name, data, options))
        if data == "bad.jsonl":
            raise DataError("core.missing", field="x")
        return fake.evaluated or {"base": METRICS, "n": 4, "models": {"base": name}, "data": {"source": data}}

    def export(name: str, directory: str, *, offline: bool, on_event: Any, **options: Any) -> Any:
        fake.calls.append(("export", name, directory, options, offline))
        on_event.on_stage("exporting.stage_load", source=name)
        return types.SimpleNamespace(as_json=lambda: {"parity": {"top1_agreement": 1.0}}, lines=lambda: ["the same", "0.1"])

    fake.train, fake.load, fake.evaluate = train, load, evaluate
    module = types.ModuleType("afinar.run")
    module.__dict__.update(group=group, train=train, load=load, evaluate=evaluate, export=export, merge=export)
    monkeypatch.setitem(sys.modules, "afinar.run", module)
    monkeypatch.setattr(afinar, "run", module, raising=False)
    return fake
