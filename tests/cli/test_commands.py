"""Each command: what it asks of the pipeline, what it prints, and its JSON object."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from afinar.cli import chat as chat_module
from afinar.cli.context import Context
from afinar.cli.init import TEMPLATES, project
from afinar.cli.train import show_run
from afinar.config import load, validate

from .conftest import RESULTS, Answer, FakeSession, Pipeline

Call = Callable[..., Answer]


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "train.yaml"
    path.write_text("data: {train: a.jsonl}\ntraining: {seed: 3}\n")
    return str(path)


class TestTrain:
    def test_result(self, call: Call, pipeline: Pipeline, config: str) -> None:
        answer = call("train", config)
        assert answer.code == 0
        assert "12.18" in answer.out
        assert "7.39" in answer.out
        assert "1,234" in answer.out
        assert "seed 7" in answer.out
        assert "1 min 05 s" in answer.out
        assert "afinar generate" in answer.out

    def test_in_portuguese(self, call: Call, pipeline: Pipeline, config: str) -> None:
        answer = call("train", config, "--lang", "pt")
        assert "perplexidade" in answer.out
        assert "12,18" in answer.out
        assert "1.234 linhas" in answer.out

    def test_progress_is_on_stderr(self, call: Call, pipeline: Pipeline, config: str) -> None:
        answer = call("train", config)
        assert "a plan" in answer.err
        assert "1/10 · loss 2.500 · 1,500 tokens/s · 1.0 GB · 1 min 05 s left" in answer.err
        assert "tokens/s · 1.0 GB" not in answer.out

    def test_json(self, call: Call, pipeline: Pipeline, config: str, tmp_path: Path) -> None:
        answer = call("train", config, "--json")
        assert answer.json == {**RESULTS, "run": str(tmp_path / "runs" / "one")}
        assert answer.out.count("\n") == 1

    @pytest.mark.parametrize(
        "words", [["--training.seed", "5", "CONFIG"], ["CONFIG", "--training.seed=5"], ["--evaluation.generate", "CONFIG"]]
    )
    def test_flags_in_any_place(self, call: Call, pipeline: Pipeline, config: str, words: list[str]) -> None:
        assert call("train", *[config if word == "CONFIG" else word for word in words]).code == 0
        _, asked, resume, _ = pipeline.calls[0]
        assert asked.data.train == "a.jsonl"
        assert (asked.training.seed, asked.evaluation.generate) == (
            (3, True) if len(words) == 2 and "=" not in words[1] else (5, False)
        )
        assert resume is None

    def test_without_a_file(self, call: Call, pipeline: Pipeline) -> None:
        assert call("train", "--data.train", "b.jsonl", "--method", "full").code == 0
        assert pipeline.calls[0][1].method.name == "full"

    def test_without_data(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("train")
        assert answer.code == 2
        assert "data.train is missing" in answer.err
        assert pipeline.calls == []

    @pytest.mark.parametrize(
        ("words", "resume"),
        [
            (["CONFIG", "--resume"], True),
            (["--resume", "CONFIG"], True),
            (["CONFIG", "--resume", "--training.seed", "1"], True),
            (["CONFIG", "--resume", "runs/a"], "runs/a"),
            (["CONFIG", "--resume=runs/a"], "runs/a"),
            (["--resume", "runs/a", "CONFIG"], "runs/a"),
        ],
    )
    def test_resume(self, call: Call, pipeline: Pipeline, config: str, words: list[str], resume: Any) -> None:
        assert call("train", *[config if word == "CONFIG" else word for word in words]).code == 0
        assert pipeline.calls[0][2] == resume

    def test_resume_of_a_run_by_its_own_config(self, call: Call, pipeline: Pipeline, tmp_path: Path) -> None:
        (tmp_path / "config.yaml").write_text("data: {train: c.jsonl}\n")
        assert call("train", "--resume", str(tmp_path)).code == 0
        assert pipeline.calls[0][1].data.train == "c.jsonl"
        assert pipeline.calls[0][2] == str(tmp_path)

    def test_unknown_setting_names_file_and_line(self, call: Call, pipeline: Pipeline, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_text("data:\n  train: a\n  vald: b\n")
        answer = call("train", str(path))
        assert answer.code == 2
        assert f"{path}:3" in answer.err
        assert "data.valid" in answer.err

    def test_without_held_out_rows(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        show_run({**RESULTS, "base": {}, "adapted": {}, "n": 0}, tmp_path, Context())
        out = capsys.readouterr().out
        assert "Not measured" in out
        assert "perplexity" not in out


class TestGenerate:
    def test_answer(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("generate", "m", "olá", "--max-new-tokens", "5", "--temperature", "0.5", "--top-p", "0.9", "--seed", "3")
        assert answer.out == "answer to olá\n"
        options = {"max_new_tokens": 5, "temperature": 0.5, "top_p": 0.9, "seed": 3}
        assert pipeline.session.asked == [("olá", options)]
        assert call("generate", "m", "olá", "--json").json == {"prompt": "olá", "text": "answer to olá"}

    def test_prompt_like_a_flag(self, call: Call, pipeline: Pipeline) -> None:
        assert call("generate", "m", "--", "--json").out == "answer to --json\n"

    def test_prompt_from_standard_input(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        typed(monkeypatch, "duas\nlinhas\n")
        assert call("generate", "m").out == "answer to duas\nlinhas\n"
        typed(monkeypatch, "")
        assert call("generate", "m").says("cli.empty_prompt")

    @pytest.mark.parametrize(
        ("words", "key", "said"),
        [
            (["generate", "m", " "], "cli.empty_prompt", ""),
            (["generate", "m", "x", "--max-new-tokens", "0"], "core.range", "--max-new-tokens=0"),
            (["generate", "m", "x", "--temperature", "-1"], "core.range", "--temperature=-1.0"),
            (["generate", "m", "x", "--temperature", "nan"], "core.range", "--temperature=nan"),
            (["generate", "m", "x", "--top-p", "0"], "core.range", "--top-p=0.0"),
            (["chat", "m", "--top-p", "1.5"], "core.range", "--top-p=1.5"),
        ],
    )
    def test_mistakes_come_before_the_model(
        self, call: Call, pipeline: Pipeline, words: list[str], key: str, said: str
    ) -> None:
        answer = call(*words)
        assert answer.code == 2
        assert answer.says(key)
        assert said in answer.err
        assert pipeline.calls == []

    @pytest.mark.parametrize("words", [["generate", "m", "x"], ["chat", "m"]])
    def test_classifiers_write_nothing(self, call: Call, pipeline: Pipeline, words: list[str]) -> None:
        pipeline.session.task = "classification"
        answer = call(*words)
        assert answer.code == 2
        assert answer.says("cli.not_generative")


class TestChat:
    @pytest.fixture(autouse=True)
    def _short_turns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chat_module, "_fits", lambda session, history, limit: True)

    def test_history(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        typed(monkeypatch, "oi\n\ntudo bem?\n")
        answer = call("chat", "m", "--system", "seja breve")
        assert answer.out == "answer 2\nanswer 4\n"
        last, options = pipeline.session.asked[-1]
        assert [message["role"] for message in last] == ["system", "user", "assistant", "user"]
        assert last[2]["content"] == "answer 2"
        assert options["seed"] == 2

    @pytest.mark.parametrize("word", ["/sair", "/exit", "/quit"])
    def test_leaving(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
        typed(monkeypatch, f"oi\n{word}\nmais\n")
        assert call("chat", "m").code == 0
        assert len(pipeline.session.asked) == 1

    @pytest.mark.parametrize("word", ["/limpar", "/clear"])
    def test_clearing(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
        typed(monkeypatch, f"oi\n{word}\noutra\n")
        answer = call("chat", "m", "--json")
        assert [message["content"] for message in answer.json["messages"]] == ["outra", "answer 1"]
        assert answer.out.count("\n") == 1

    def test_unknown_command(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        typed(monkeypatch, "/nada\n")
        assert "no command /nada" in call("chat", "m").err
        assert pipeline.session.asked == []

    def test_interrupted_answer(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        def stream(messages: Any, **options: Any) -> Iterator[str]:
            yield "half"
            raise KeyboardInterrupt

        monkeypatch.setattr(pipeline.session, "stream", stream)
        typed(monkeypatch, "oi\n")
        answer = call("chat", "m", "--json")
        assert answer.code == 0
        assert answer.json["messages"][-1] == {"role": "assistant", "content": "half"}

    def test_oldest_turns_are_dropped(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        limits: list[int] = []

        def fits(session: FakeSession, history: list[Any], limit: int) -> bool:
            limits.append(limit)
            return len(history) <= 2

        monkeypatch.setattr(chat_module, "_fits", fits)
        typed(monkeypatch, "um\ndois\n")
        answer = call("chat", "m", "--system", "s", "--max-new-tokens", "30")
        assert "oldest turns were dropped" in answer.err
        last, _ = pipeline.session.asked[-1]
        assert [message["content"] for message in last] == ["s", "dois"]
        assert set(limits) == {70}


class TestMerge:
    def test_result(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("merge", "run", "new", "--dtype", "bfloat16", "--data", "v.jsonl", "--tolerance", "0.2", "--offline")
        options = {"dtype": "bfloat16", "onto": "base", "data": "v.jsonl", "tolerance": 0.2, "shard_size": None}
        assert pipeline.calls == [("export", "run", "new", options, True)]
        assert answer.out.startswith("the same\n  0.1\n")
        assert "new" in answer.out
        assert "Loading run" in answer.err

    def test_json(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("merge", "run", "new", "--json")
        assert answer.json == {"run": "run", "model": "new", "parity": {"top1_agreement": 1.0}}
        assert answer.out.count("\n") == 1


class TestExport:
    def test_result(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("export", "run", "new", "--format", "peft", "--onto", "dequantised", "--shard-size", "5GB")
        options = {"format": "peft", "dtype": "auto", "onto": "dequantised", "data": None, "tolerance": 0.1}
        assert pipeline.calls == [("export", "run", "new", {**options, "shard_size": "5GB"}, False)]
        assert "Written to new" in answer.out
        assert call("export", "run", "new", "--format", "peft", "--json").json["directory"] == "new"

    def test_a_format_is_needed(self, call: Call, pipeline: Pipeline) -> None:
        assert call("export", "run", "new").says("cli.missing_option")


class TestExplain:
    @pytest.mark.parametrize("language", ["en", "pt"])
    @pytest.mark.parametrize("name", ["full", "head", "lora"])
    def test_page(self, call: Call, name: str, language: str) -> None:
        answer = call("explain", name, "--lang", language)
        assert answer.code == 0
        assert len(answer.out) > 300
        assert call("explain", name.upper(), "--lang", language, "--json").json["text"].strip() == answer.out.strip()

    def test_list(self, call: Call) -> None:
        assert {"full", "head", "lora"} <= set(call("explain", "--json").json["techniques"])


class TestConfigShow:
    def test_yaml_loads_back(self, call: Call, config: str, tmp_path: Path) -> None:
        answer = call("config", "show", config, "--training.epochs", "9")
        path = tmp_path / "shown.yaml"
        path.write_text(answer.out)
        shown = load(path, environ={})
        assert (shown.training.seed, shown.training.epochs) == (3, 9.0)

    def test_origin(self, call: Call, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AFINAR__TRAINING__BATCH_SIZE", "4")
        words = ("config", "show", config, "--origin", "--method.target_modules", "[q_proj, v_proj]")
        lines = {line.split()[0]: line for line in call(*words).out.splitlines()}
        assert f"{config}:2" in lines["training.seed"]
        assert "AFINAR__TRAINING__BATCH_SIZE" in lines["training.batch_size"]
        assert "[q_proj, v_proj]" in lines["method.target_modules"]
        assert "null" in lines["data.valid"]
        assert call(*words, "--json").json["origins"]["method.target_modules"] == "--method.target_modules"


class TestInit:
    @pytest.mark.parametrize("language", ["en", "pt"])
    @pytest.mark.parametrize("template", sorted(TEMPLATES))
    def test_project(self, call: Call, tmp_path: Path, template: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "project"
        answer = call("init", str(folder), "--template", template, "--lang", language)
        assert answer.code == 0
        monkeypatch.chdir(folder)
        loaded = validate(load("config.yaml", environ={}))
        assert all(Path(str(path)).is_file() for path in (loaded.data.train, loaded.data.valid))
        for section, values in TEMPLATES[template].items():
            for name, value in values.items():
                assert getattr(getattr(loaded, section), name) == value
        assert ("Semente" in (folder / "config.yaml").read_text("utf-8")) == (language == "pt")
        assert "afinar train config.yaml" in (folder / "README.md").read_text("utf-8")

    def test_never_overwrites(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("mine")
        answer = call("init", str(tmp_path))
        assert answer.code == 2
        assert answer.says("init.exists")
        assert "README.md" in answer.err
        assert (tmp_path / "README.md").read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["README.md"]

    @pytest.mark.parametrize("template", sorted(TEMPLATES))
    def test_rows_are_distinct(self, template: str) -> None:
        rows = [line for file in project(template) if file.path.startswith("data/") for line in file.text.splitlines()]
        assert len(set(rows)) == len(rows) >= 10
