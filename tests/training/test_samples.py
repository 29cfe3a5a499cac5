"""Generated answers for people: predictions.jsonl and the table of samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from afinar import messages
from afinar.training.predictions import Answer, Answered
from afinar.training.samples import SHOWN, samples_table, show_samples, write_predictions


def answers(*texts: str, **facts: Any) -> Answered:
    facts = {"prompt": "oi?", "reference": "olá", "reference_tokens": [7], "tokens": [5], "truncated": False, **facts}
    return Answered([Answer(place=place, text=text, **facts) for place, text in enumerate(texts)], fill=0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]


class TestFile:
    def write(self, path: Path, text: str, step: int, name: str = "eval", training: bool = True) -> None:
        write_predictions(path, answers(text, text + "!"), step=step, name=name, training=training)

    def kept(self, path: Path) -> list[tuple[int, str, str]]:
        return [(line["step"], line["set"], line["prediction"]) for line in lines(path) if line["row"] == 0]

    def test_a_line_holds_all_of_an_answer(self, tmp_path):
        path = tmp_path / "new" / "predictions.jsonl"
        write_predictions(path, answers("é\u2028isto", truncated=True), step=3, name="eval", training=True)
        assert lines(path) == [
            {
                "step": 3,
                "set": "eval",
                "row": 0,
                "prompt": "oi?",
                "prediction": "é\u2028isto",
                "reference": "olá",
                "truncated": True,
            }
        ]
        assert "é" in path.read_text(encoding="utf-8")  # for people, not \u00e9

    def test_evaluations_follow_one_another(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        for step in (1, 2):
            for name in ("eval_a", "eval_b"):
                self.write(path, f"{name} {step}\u2028\x85", step, name)
        assert [(step, name) for step, name, _ in self.kept(path)] == [
            (1, "eval_a"),
            (1, "eval_b"),
            (2, "eval_a"),
            (2, "eval_b"),
        ]
        assert len(lines(path)) == 8

    def test_the_same_evaluation_again_takes_the_place_of_the_first(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        self.write(path, "a", 1)
        self.write(path, "b", 1, "test")
        self.write(path, "c", 1)
        assert self.kept(path) == [(1, "test", "b"), (1, "eval", "c")]

    def test_a_resumed_training_drops_what_came_after(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        for step in (1, 2, 3):
            self.write(path, "old", step)
        self.write(path, "new", 2)
        assert self.kept(path) == [(1, "eval", "old"), (2, "eval", "new")]

    def test_an_evaluation_by_itself_drops_nothing_of_a_training(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        self.write(path, "trained", 3)
        self.write(path, "loaded", 0, "test", training=False)
        assert self.kept(path) == [(3, "eval", "trained"), (0, "test", "loaded")]

    def test_lines_of_others_stay(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        path.write_bytes(b'{"path": "a"}\nnot json\n[1]\n\xff\xfe\n')
        self.write(path, "a", 1)
        self.write(path, "b", 1)
        assert path.read_bytes().startswith(b'{"path": "a"}\nnot json\n[1]\n\xff\xfe\n{"step": 1')
        assert path.read_bytes().count(b"\n") == 6

    def test_a_failure_leaves_the_file_whole(self, tmp_path, monkeypatch):
        path = tmp_path / "predictions.jsonl"
        self.write(path, "a", 1)
        before = path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            self.write(path, "b", 2)
        assert path.read_bytes() == before


class TestTable:
    def printed(self, answered: Answered, count: int = 3) -> str:
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(samples_table(answered, count, step=7, name="eval"))
        return console.export_text()

    def test_holds_the_first_answers_beside_prompt_and_reference(self):
        text = self.printed(answers("um", "dois", "três"), count=2)
        assert "eval, step 7: 2 of 3 generated answers" in text
        assert all(word in text for word in ("Prompt", "Answer", "Reference", "oi?", "olá", "um", "dois"))
        assert "três" not in text

    def test_reads_in_portuguese_too(self):
        messages.use("pt")
        assert "eval, passo 7: 1 de 1 respostas geradas" in self.printed(answers("um"))

    def test_lets_no_escape_code_through(self):
        text = self.printed(answers("a\x1b[2Jb\x07c\nd"))
        assert "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c" in text
        assert "\x1b" not in text

    def test_takes_brackets_for_what_they_are(self):
        assert "[/b] [red]" in self.printed(answers("[/b] [red]"))

    def test_marks_what_a_limit_cut_and_shortens_what_is_long(self):
        assert "fim…" in self.printed(answers("fim", truncated=True))
        assert "fim…" not in self.printed(answers("fim"))
        text = self.printed(answers("x" * 2 * SHOWN, prompt="começo" + "y" * SHOWN + "fim?", reference=None))
        assert text.count("x") == SHOWN
        assert "começo" not in text
        assert "fim?" in text

    def test_is_printed_on_standard_error_only(self, capsys):
        show_samples(answers("um"), 1, step=7, name="eval")
        out, err = capsys.readouterr()
        assert out == ""
        assert "eval, step 7" in err

    @pytest.mark.parametrize(("texts", "count"), [(["um"], 0), ([], 3)])
    def test_is_left_out_where_there_is_nothing_to_show(self, texts, count, capsys):
        show_samples(answers(*texts), count, step=7, name="eval")
        assert capsys.readouterr() == ("", "")
