"""`afinar audit` from its words to its exit code, on a tiny model; and what a person sees at 80 and 120 columns."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from afinar import messages
from afinar.audit.monotony import Monotony
from afinar.audit.summary import summarise
from afinar.audit.writing import Report
from afinar.cli.audit_failures import show_failures
from afinar.cli.audit_tables import show_audit
from afinar.cli.context import Context
from tests.audit.outcomes import audit, scored
from tests.audit.test_summary import passages
from tests.cli.conftest import Answer
from tests.tiny import tiny_model, tiny_tokenizer

Call = Callable[..., Answer]
SUITE: dict[str, Any] = {
    "afinar_suite": 1,
    "name": "prova",
    "version": "1.2.0",
    "language": "pt-BR",
    "about": "x",
    "categories": {
        "pares": {"about": "x", "measures": "capability"},
        "frases": {"about": "x", "measures": "content", "beside": "pares"},
    },
    "cases": [
        {"id": "um", "category": "pares", "prefer": "a", "over": "zzzz", "expect": {}},
        {"id": "dois", "category": "frases", "input": "Oi", "max_new_tokens": 4, "expect": {"exact": "isto não sai"}},
    ],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("modelo")
    tiny_model().save_pretrained(folder)
    tiny_tokenizer(chat=False).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def suite_of(tmp_path: Path) -> Callable[..., str]:
    def write(**gate: Any) -> str:
        frases = {**SUITE["categories"]["frases"], "gate": gate}
        tree = {**SUITE, "categories": {**SUITE["categories"], "frases": frases}}
        path = tmp_path / "suite.json"
        path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
        return str(path)

    return write


def test_from_words_to_files(call: Call, model: str, suite_of: Callable[..., str], tmp_path: Path) -> None:
    done = call(
        "audit", suite_of(), "--model", model, "--output", str(tmp_path / "out"), "--junit", str(tmp_path / "j.xml"), "--json"
    )
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert done.json["written"] == [str(tmp_path / "out" / "audit.jsonl"), str(tmp_path / "out" / "audit.json"),
                                    str(tmp_path / "j.xml")]  # fmt: skip
    kept = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert {**kept, "written": done.json["written"]} == done.json
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("tests") == "2"


@pytest.mark.parametrize(
    ("gate", "flags", "code"),
    [
        ({}, [], 0),
        ({"at_least": 0.5}, [], 3),
        ({"no_worse": True}, [], 0),
        ({"no_worse": True}, ["--strict"], 4),
    ],
)
def test_exit_codes(gate: dict[str, Any], flags: list[str], code: int, call: Call, model: str, suite_of: Any) -> None:
    done = call("audit", suite_of(**gate), "--model", model, *flags)
    assert done.code == code
    assert (f"Exit code {code}" in done.out) == bool(code)


def test_no_case_for_this_model(call: Call, model: str, tmp_path: Path) -> None:
    case = {"id": "so", "category": "pares", "input": "x", "expect": {"label": "a"}}
    pares = {"pares": SUITE["categories"]["pares"]}
    tree = {**SUITE, "labels": {"a": [], "b": []}, "categories": pares, "cases": [case]}
    path = tmp_path / "rotulos.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    done = call("audit", str(path), "--model", model)
    assert done.code == 5
    assert "pares: skipped: 1 (not counted)." in done.out


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["--category", "paris"], "audit.unknown_category"),
        (["--baseline", "base"], "run.nothing_to_compare"),
        (["--output", "{here}/notas.txt"], "audit.output"),
        (["--train-data", "sumiu.jsonl"], "data.not_found"),
    ],
)
def test_mistakes(words: list[str], key: str, call: Call, model: str, suite_of: Any, tmp_path: Path) -> None:
    (tmp_path / "notas.txt").write_text("x", encoding="utf-8")
    done = call("audit", suite_of(), "--model", model, *(word.format(here=tmp_path) for word in words))
    assert done.code == 2
    assert done.says(key)


def test_what_failed_is_shown_with_text_and_answer(call: Call, model: str, suite_of: Callable[..., str]) -> None:
    done = call("audit", suite_of(), "--model", model, "--category", "frases")
    assert "frases · dois\n  Oi\n  → " in done.out
    assert "pares" not in done.out


# --- what a person sees --------------------------------------------------------------------------------------------


def shown(report: Report, width: int, language: messages.Language = "en") -> str:
    """The report as a terminal of `width` columns shows it."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, markup=False, emoji=False)
    messages.use(language)
    context = Context(out=console)
    show_audit(report.as_dict(), context)
    show_failures(list(report.lines()), context)
    text = str(console.file.getvalue())  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def example() -> Report:
    """Two categories before and after, the second of bias beside the first."""
    gate = {"at_least": 0.5, "no_worse": True}
    known = {
        "capacidade": {"about": "x", "measures": "capability"},
        "tratamento": {"about": "x", "measures": "bias", "beside": "capacidade", "gate": gate},
    }
    after = {"capacidade": "p" * 30 + "f" * 6 + "e", "tratamento": "p" * 12 + "f" * 8 + "i"}
    before = {"capacidade": "p" * 12 + "f" * 25, "tratamento": "p" * 20 + "f"}
    same = [Monotony("label", "positivo", 57, 57)]
    return Report((summarise(audit(after, before, categories=known, monotony=same)),))


class TestTerminal:
    @pytest.mark.parametrize("language", messages.LANGUAGES)
    @pytest.mark.parametrize("width", [80, 120])
    def test_nothing_is_wider_than_the_terminal(self, width: int, language: messages.Language) -> None:
        reports = [example(), Report((summarise(scored(0.2)), summarise(passages(0.2))))]
        for report in reports:
            text = shown(report, width, language)
            assert max(map(len, text.splitlines())) <= width
            assert "{" not in text

    def test_one_table_where_it_fits(self) -> None:
        wide, narrow = shown(example(), 120), shown(example(), 80)
        row = "capacidade  12/37 32.4% (19.6–48.5)  30/37 81.1% (65.8–90.5)        +18 −0  better, p < 0.001"
        assert row in wide.splitlines()
        assert "capacidade  12/37 32.4% (19.6–48.5)  30/37 81.1% (65.8–90.5)" in narrow.splitlines()
        assert "capacidade        +18 −0  better, p < 0.001" in narrow.splitlines()

    def test_figures_and_findings(self) -> None:
        text = shown(example(), 120)
        for part in (
            "before: antes · after: depois",
            "tratamento  20/21 95.2% (77.3–99.2)  12/20 60.0% (38.7–78.1)         +0 −8  worse, p = 0.008",
            "The model gives the label 'positivo' to 57 of 57 texts",
            "capacidade: in error: 1 (not passed).",
            "tratamento: inconclusive: 1 (not counted).",
            "Read tratamento beside capacidade, where 30/37 81.1% (65.8–90.5) passed.",
            "No training data to look for the suite's texts in",
            "Exit code 3: a gate failed.",
        ):
            assert part in text

    def test_in_portuguese(self) -> None:
        text = shown(example(), 120, "pt")
        assert "12/37 32,4% (19,6–48,5)  30/37 81,1% (65,8–90,5)" in text
        assert "pior, p = 0,008" in text
        assert "nenhuma diferença encontrada com n = 57" in text

    def test_groups_and_passages(self) -> None:
        text = shown(Report((summarise(scored(0.2)),)), 100)
        assert "vies · nome" in text
        assert "b − a" in text
        assert "differs, p" in text
        assert "Fewer than 10 words stand for each group (nome)" in text
        assert "Fewer than 10" not in shown(Report((summarise(scored(0.0)),)), 100)  # nothing differs
        assert "worse, p" in shown(Report((summarise(passages(0.2)),)), 100)

    def test_too_few_changes_and_too_few_cases(self) -> None:
        changes, cases = audit({"um": "pppp"}, {"um": "fppp"}), scored(0.2, n=3)
        assert "+1 −0  too few changes to tell, n = 4" in shown(Report((summarise(changes),)), 120)
        assert "too few cases to tell, n = 3" in shown(Report((summarise(cases),)), 120)

    def test_first_what_broke(self) -> None:
        lines = shown(example(), 120).splitlines()
        start = lines.index("Did not pass (5 of 15)")
        titles = [line for line in lines[start + 1 :] if line and not line.startswith(" ")]
        assert titles == [f"tratamento{number}  passed before" for number in range(12, 17)]


def test_hostile_texts_cannot_move_the_cursor() -> None:
    line = {
        "suite": "s", "case": "c", "category": "k", "role": "model", "status": "fail",
        "reasons": [{"key": "x", "values": {}, "text": "por \x1b]0;isto"}],
        "expansions": [
            {"kind": "input", "text": "a\x1b[2Jb\x00", "response": "x\ny\u202e", "status": "fail", "truncated": True}
        ],
    }  # fmt: skip
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    show_failures([line], Context(out=console))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[2J" not in text
    assert "  a\\x1b[2Jb\\x00" in text
    assert "  → x y\\u202e (cut off)" in text
    assert "  por \\x1b]0;isto" in text


def test_a_run_with_an_audit_leaves_with_its_exit_code(
    call: Call, pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {**pipeline.train.__globals__["RESULTS"], "audit": example().as_dict()}
    monkeypatch.setitem(pipeline.train.__globals__, "RESULTS", results)
    config = tmp_path / "a.yaml"
    config.write_text("data: {train: x.jsonl}", encoding="utf-8")
    done = call("train", str(config))
    assert done.code == 3
    assert "tratamento" in done.out
