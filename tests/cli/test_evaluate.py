"""`afinar evaluate`: what it asks of the pipeline, and what a person reads of the answer at any width."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from afinar.cli.context import Context
from afinar.cli.evaluate import show_result
from afinar.cli.results import NAMED, SIDES

from .conftest import METRICS, Answer, Pipeline

Call = Callable[..., Answer]

BETTER = {"difference": 0.25, "n": 60, "test": "mcnemar_exact", "finding": "better", "p": 0.0031, "low": 0.1, "high": 0.4,
          "fixed": 18, "broke": 3}  # fmt: skip
EVEN = {"difference": -0.01, "n": 60, "test": "sign_flip", "finding": "no_difference", "p": 0.7, "low": -0.1, "high": 0.08}
FEW = {"difference": 0.02, "n": 60, "test": "paired_bootstrap", "finding": "too_few", "p": 0.06}
REPORT = {"label": "sim", "support": 30, "predicted": 28, "precision": 0.9, "recall": 0.84, "f1": 0.87,
          "precision_interval": (0.7, 0.96), "recall_interval": (0.67, 0.93), "f1_interval": None}  # fmt: skip
KEPT = {"threshold": 0.812, "n": 60, "kept": 36, "coverage": 0.6, "coverage_low": 0.47, "coverage_high": 0.71,
        "accuracy": 0.95, "accuracy_low": 0.82, "accuracy_high": 0.99}  # fmt: skip
CLASSES = {
    "labels": ["não", "sim"],
    "confusion": [[25, 5], [2, 28]],
    "per_class": [{**REPORT, "label": "não", "precision_interval": None}, REPORT],
    "abstaining": [{"asked": 0.95, "reached": KEPT, "proven": None}, {"asked": 0.99, "reached": None, "proven": None}],
}
CLASSIFIED: dict[str, Any] = {
    "base": {"accuracy": 0.5, "accuracy_low": 0.38, "accuracy_high": 0.62,
             "mcc": 0.0, "mcc_low": -0.2, "mcc_high": 0.2, "ece": 0.1},
    "adapted": {"accuracy": 0.75, "accuracy_low": 0.63, "accuracy_high": 0.84, "mcc": 0.4, "ece": 0.05},
    "comparison": {"accuracy": BETTER, "mcc": EVEN, "ece": FEW},
    "n": 60,
    "models": {"base": "tiny", "adapted": "runs/one"},
    "classes": {"base": CLASSES, "adapted": CLASSES},
    "data": {"source": "v.jsonl", "format": "classification", "max_length": 64, "truncated": 3, "dropped": 0, "not_shared": 0},
}  # fmt: skip


def shown(result: dict[str, Any], width: int = 120, titles: tuple[str, str] = SIDES) -> list[str]:
    """The lines that a terminal of this width shows."""
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False, markup=False)
    show_result(result, Context(out=out), titles=titles)
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


class TestAsking:
    def test_a_model(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("evaluate", "m", "--data", "x.jsonl", "--format", "text", "--max-length", "64", "--stride", "16")
        ((_, name, data, options),) = pipeline.calls
        assert (name, data, options["format"], options["max_length"], options["stride"]) == ("m", "x.jsonl", "text", 64, 16)
        assert (options["baseline"], options["tasks"], options["generate"], options["offline"]) == (None, (), False, False)
        assert "12.18" in answer.out
        assert "after" not in answer.out
        assert "on 4 rows of x.jsonl" in answer.out
        assert call("evaluate", "m", "--data", "x.jsonl", "--json").json["n"] == 4

    def test_everything_else(self, call: Call, pipeline: Pipeline) -> None:
        words = ("--generate", "--max-new-tokens", "9", "--baseline", "b", "--predictions", "p.jsonl", "--offline")
        of_tasks = ("--tasks-shots", "0", "--tasks-limit", "5", "--tasks-chat")
        pipeline.evaluated = CLASSIFIED
        answer = call("evaluate", "m", "--data", "x", *words, "--tasks", "one,two", "--tasks-path", "t", *of_tasks)
        (asked,) = pipeline.calls
        expected = {"generate": True, "max_new_tokens": 9, "baseline": "b", "predictions": "p.jsonl", "offline": True}
        assert asked[-1] == {
            **expected, "tasks": ["one", "two"], "tasks_path": "t", "format": "auto", "max_length": None, "stride": None,
            "tasks_shots": 0, "tasks_limit": 5, "tasks_chat": True,
        }  # fmt: skip
        assert "baseline: tiny" in answer.out
        assert "Rows one by one: p.jsonl" in answer.out

    def test_tasks_alone(self, call: Call, pipeline: Pipeline) -> None:
        scores = {"acc": 0.5, "acc_low": 0.4, "acc_high": 0.6, "acc_stderr": 0.05, "n": 100, "version": "1"}
        pipeline.evaluated = {"base": {}, "n": 0, "models": {"base": "m"}, "tasks": {"toy": {"base": scores}}}
        answer = call("evaluate", "m", "--tasks", "toy")
        assert answer.code == 0
        assert "Task toy, 100 samples" in answer.out
        assert "0.500 (0.400–0.600)" in answer.out
        assert "stderr" not in answer.out

    @pytest.mark.parametrize(
        ("words", "key", "said"),
        [
            (["--data", "x", "--format", "nothing"], "core.choice", "auto, text"),
            (["--data", "x", "--max-length", "1"], "core.range", "--max-length=1"),
            (["--data", "x", "--stride", "0"], "core.range", "--stride=0"),
            (["--data", "x", "--max-new-tokens", "0"], "core.range", "--max-new-tokens=0"),
            ([], "evaluating.nothing", "--data FILE"),
        ],
    )
    def test_mistakes_come_before_the_model(
        self, call: Call, pipeline: Pipeline, words: list[str], key: str, said: str
    ) -> None:
        answer = call("evaluate", "m", *words)
        assert (answer.code, answer.says(key)) == (2, True)
        assert said in answer.err
        assert pipeline.calls == []

    def test_data_error(self, call: Call, pipeline: Pipeline) -> None:
        answer = call("evaluate", "m", "--data", "bad.jsonl", "--json")
        assert (answer.code, answer.json["error"]["kind"]) == (2, "data")

    def test_intervals(self, call: Call, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(METRICS, "perplexity_low", 11.5)
        monkeypatch.setitem(METRICS, "perplexity_high", 13.0)
        answer = call("evaluate", "m", "--data", "x.jsonl")
        assert "12.18 (11.50–13.00)" in answer.out
        assert "95% intervals" in answer.out


class TestShowing:
    @pytest.mark.parametrize("width", [80, 120])
    @pytest.mark.parametrize("language", ["en", "pt"])
    def test_no_line_is_broken_or_too_long(self, width: int, language: str) -> None:
        from afinar import messages

        messages.use(language)  # type: ignore[arg-type]
        lines = shown(CLASSIFIED, width)
        assert max(map(len, lines)) <= width
        (accuracy,) = [line for line in lines if line.startswith(("accuracy ", "acurácia ")) and "(" in line][:1]
        assert ("0.750 (0.630–0.840)" if language == "en" else "0,750 (0,630–0,840)") in accuracy
        told = " ".join(" ".join(lines).split())  # a long finding may go on in the next line
        for finding in {
            "en": ("better, p = 0.003", "no difference found at n = 60", "too few changes to tell"),
            "pt": ("melhor, p = 0,003", "nenhuma diferença encontrada com n = 60", "poucas mudanças para concluir"),
        }[language]:
            assert finding in told

    def test_one_table_where_it_fits_else_two(self) -> None:
        def heads(width: int) -> int:
            return sum(line.startswith("metric ") for line in shown(CLASSIFIED, width))

        assert (heads(130), heads(80)) == (1, 2)

    def test_fixed_and_broken_rows(self) -> None:
        assert "accuracy: rows fixed 18, broken 3" in shown(CLASSIFIED)

    def test_an_interval_below_zero_is_written_out(self) -> None:
        assert any("0.000 (-0.200 to 0.200)" in line for line in shown(CLASSIFIED))

    def test_confusion_classes_and_thresholds(self) -> None:
        lines = shown(CLASSIFIED, 80)
        assert [line.split() for line in lines if line.startswith("não") and "25" in line] == [["não", "25", "5"] * 2]
        assert ["sim", "30", "0.90", "(0.70–0.96)", "0.84", "(0.67–0.93)", "-"] in [line.split() for line in lines]
        assert any(line.split() == ["95%", "≥", "0.812", "60%", "(47–71)", "95%", "(82–99)", "-"] for line in lines)
        assert ["99%", "-", "-", "-", "-"] in [line.split() for line in lines]

    def test_many_classes_are_told_by_their_commonest_confusions(self) -> None:
        names = [f"uma-classe-{number}" for number in range(12)]
        confusion = [[40 if row == column else row if column == 0 else 0 for column in range(12)] for row in range(12)]
        classes = {**CLASSES, "labels": names, "confusion": confusion}
        lines = [line.split() for line in shown({**CLASSIFIED, "classes": {"base": classes, "adapted": classes}}, 80)]
        told = [line for line in lines if line[:1] and line[0] in names and line[1] == "uma-classe-0"]
        assert told[0] == ["uma-classe-11", "uma-classe-0", "11"]
        assert len(told) == 10

    def test_what_is_not_in_the_figures(self) -> None:
        assert "Rows cut at 64 tokens: 3; --max-length raises the limit." in shown(CLASSIFIED)
        assert not any("left out" in line for line in shown(CLASSIFIED))

    def test_two_tokenizers(self) -> None:
        sides = {side: {"perplexity": 5.0, "bits_per_byte": 1.0} for side in SIDES}
        about = {**CLASSIFIED["data"], "not_shared": 2}
        result = {**sides, "comparison": {"bits_per_byte": EVEN}, "n": 9, "models": CLASSIFIED["models"], "data": about}
        told = " ".join(shown(result, titles=NAMED))
        assert "only bits per byte is compared" in told
        assert "Rows left out, of which the two tokenizers leave different texts" in told
        assert "model: runs/one" in told

    def test_a_signature_is_told_once_where_both_have_it(self) -> None:
        signed = {"base": {"perplexity": "perplexity|a"}, "adapted": {"perplexity": "perplexity|a", "bleu": "BLEU|b"}}
        lines = shown({**CLASSIFIED, "signatures": signed})
        assert (lines.count("perplexity|a"), lines.count("BLEU|b")) == (1, 1)
