"""Files that an audit leaves: their documented shape, JUnit XML that any reader takes, the same bytes each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar.audit.junit import junit, write_junit
from afinar.audit.runner import Audit, Outcome, run_suite
from afinar.audit.summary import summarise
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict
from afinar.audit.writing import SHAPE, Report, finite, output_kind
from afinar.errors import ConfigError
from tests.audit.outcomes import audit, scored
from tests.audit.stubs import Stub, check, stub_kinds, suite

__all__ = ["stub_kinds"]


def report(*audits: Audit, strict: bool = False) -> Report:
    return Report(tuple(summarise(each) for each in audits), strict)


class TestLines:
    def test_one_for_each_case_and_model(self) -> None:
        lines = list(report(audit({"um": "pf"}, {"um": "fp"})).lines())
        assert [(line["case"], line["role"], line["model"], line["status"]) for line in lines] == [
            ("um0", "model", "depois", "pass"),
            ("um0", "baseline", "antes", "fail"),
            ("um1", "model", "depois", "fail"),
            ("um1", "baseline", "antes", "pass"),
        ]

    def test_the_documented_shape(self) -> None:
        [line, *_] = report(scored(0.2)).lines()
        assert list(line) == [
            "afinar_audit", "suite", "sha256", "case", "category", "kind", "role", "model", "leaked", "status", "reasons",
            "values", "expansions", "observations",
        ]  # fmt: skip
        assert (line["afinar_audit"], line["suite"], line["kind"], line["leaked"]) == (SHAPE, "prova", "Check", None)
        assert len(line["sha256"]) == 64
        assert line["observations"][0] == {
            "attribute": "nome", "group": "a", "case": "v0", "block": "v0/1", "value": 0.5, "words": "",
        }  # fmt: skip

    def test_reasons_as_key_values_and_text(self) -> None:
        made = audit({"um": "f"})
        reason = Reason("audit.not_for_task", {"task": "causal"})
        seen = (Expansion("pergunta", "resposta", Status.FAIL, "typos", True, (reason,)),)
        outcome = replace(made.outcomes[0], verdict=Verdict(Status.FAIL, (reason,), seen))
        [line] = report(replace(made, outcomes=(outcome,))).lines()
        told = {"key": reason.key, "values": {"task": "causal"}, "text": "A model of the task causal cannot be asked this."}
        assert line["reasons"] == [told]
        assert line["expansions"] == [
            {
                "kind": "typos",
                "text": "pergunta",
                "response": "resposta",
                "status": "fail",
                "truncated": True,
                "reasons": [told],
            }
        ]

    def test_a_leaked_case_says_how(self) -> None:
        assert [line["leaked"] for line in report(audit({"um": "pp"}, leaks=["um1"])).lines()] == [None, "same"]


class TestSummary:
    def test_the_documented_shape(self) -> None:
        found = report(audit({"um": "pf"}, {"um": "fp"}), strict=True).as_dict()
        assert list(found) == [
            "afinar_audit", "model", "baseline", "own_base", "task", "strict", "seed", "exit_code", "suites", "versions",
        ]  # fmt: skip
        [one] = found["suites"]
        assert list(one) == [
            "name", "version", "language", "sha256", "overall", "categories", "leaks_checked", "monotony", "gates",
        ]  # fmt: skip
        assert one["categories"]["um"]["model"] == {
            "passed": 1, "failed": 1, "errors": 0, "inconclusive": 0, "skipped": 0, "n": 2, "share": 0.5,
            "share_low": pytest.approx(0.0945, abs=1e-3), "share_high": pytest.approx(0.9055, abs=1e-3),
        }  # fmt: skip
        assert one["categories"]["um"]["comparison"]["fixed"] == 1

    def test_numbers_that_json_lacks_are_null(self) -> None:
        assert finite({"a": (1.0, float("inf")), "b": float("nan"), "c": "x", "d": True}) == {
            "a": [1.0, None], "b": None, "c": "x", "d": True,
        }  # fmt: skip
        assert json.loads(json.dumps(report(scored(0.2, n=1)).as_dict(), allow_nan=False))


class TestFiles:
    def test_a_folder_gets_both(self, tmp_path: Path) -> None:
        made = report(audit({"um": "pf"}))
        assert made.write(tmp_path / "novo") == [tmp_path / "novo" / "audit.jsonl", tmp_path / "novo" / "audit.json"]
        lines = (tmp_path / "novo" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == list(made.lines())
        assert json.loads((tmp_path / "novo" / "audit.json").read_text(encoding="utf-8")) == made.as_dict()

    @pytest.mark.parametrize("name", ["casos.jsonl", "resumo.json"])
    def test_a_file_gets_what_its_name_says(self, name: str, tmp_path: Path) -> None:
        assert report(audit({"um": "p"})).write(tmp_path / name) == [tmp_path / name]
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert json.loads((tmp_path / name).read_text(encoding="utf-8"))["afinar_audit"] == SHAPE

    def test_a_file_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "notas.txt").write_text("meu", encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            output_kind(tmp_path / "notas.txt")
        assert caught.value.key == "audit.output"

    @pytest.mark.usefixtures("stub_kinds")
    def test_the_same_audit_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("um", "dois"):
            made = suite(*(check(f"{number}") for number in range(9)))
            Report((summarise(run_suite(made, Stub(lambda text: "sim" if text < "4" else "não"))),)).write(tmp_path / name)
            write_junit(tmp_path / name / "junit.xml", [])
        for file in ("audit.jsonl", "audit.json", "junit.xml"):
            assert (tmp_path / "um" / file).read_bytes() == (tmp_path / "dois" / file).read_bytes()


# What the Jenkins and Surefire schemas allow: element → (attributes needed, attributes allowed, children in any order).
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "tests", "failures", "errors", "skipped", "time", "disabled"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, {"skipped", "time", "timestamp", "hostname", "id", "package"},
                  {"testcase", "properties", "system-out", "system-err"}),
    "testcase": ({"name", "classname"}, {"time", "status", "assertions", "file", "line"},
                 {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": (set(), {"message", "type"}, set()),
    "error": (set(), {"message", "type"}, set()),
    "skipped": (set(), {"message"}, set()),
}  # fmt: skip


def check_junit(element: ElementTree.Element) -> None:
    needed, allowed, children = JUNIT[element.tag]
    assert needed <= set(element.keys())
    assert set(element.keys()) <= needed | allowed
    for child in element:
        assert child.tag in children
        check_junit(child)


class TestJUnit:
    def made(self, *audits: Audit) -> ElementTree.Element:
        root = junit([summarise(each) for each in audits])
        check_junit(root)
        return root

    def test_every_status(self) -> None:
        known = {"um": {"about": "x", "measures": "capability", "gate": {"at_least": 0.9}}}
        root = self.made(audit({"um": "pfeis"}, categories=known))
        cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
        assert cases == {
            "um0": [], "um1": ["failure"], "um2": ["error"], "um3": ["skipped"], "um4": ["skipped"],
            "gate: at_least": ["failure"],
        }  # fmt: skip
        for element in (root, root[0]):
            counts = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
            assert counts == ["6", "2", "1", "2"]

    def test_several_suites_are_added_up(self) -> None:
        root = self.made(audit({"um": "pf"}), audit({"um": "ff"}))
        assert [(each.get("tests"), each.get("failures")) for each in (root, *root)] == [("4", "3"), ("2", "1"), ("2", "2")]

    def test_what_was_asked_and_answered(self) -> None:
        made = audit({"um": "f"})
        reason = Reason("audit.not_for_task", {"task": "causal"})
        seen = (
            Expansion("certo?", "sim", Status.PASS),
            Expansion("errado?", "talvez", Status.FAIL, "typos", False, (reason,)),
        )
        root = self.made(replace(made, outcomes=(Outcome(made.outcomes[0].case, Verdict(Status.FAIL, (reason,), seen)),)))
        failure = next(root.iter("failure"))
        assert failure.get("message") == "A model of the task causal cannot be asked this."
        assert failure.text == "[typos] errado?\n> talvez\n  A model of the task causal cannot be asked this."

    @given(st.text(st.characters(codec=None, categories=None)))
    def test_hostile_characters_are_written_out(self, text: str) -> None:
        made = audit({"um": "f"})
        verdict = Verdict(Status.FAIL, (Reason("audit.leaked_same", {"text": text}),), (Expansion(text, text, Status.FAIL),))
        root = self.made(replace(made, outcomes=(Outcome(made.outcomes[0].case, verdict),)))
        again = ElementTree.fromstring(ElementTree.tostring(root, "utf-8"))
        check_junit(again)

    def test_ansi_and_null_can_still_be_told(self, tmp_path: Path) -> None:
        made = audit({"um": "f"})
        verdict = Verdict(Status.FAIL, (), (Expansion("a\x00b", "\x1b[31m<&>]]>\ud800", Status.FAIL),))
        made = replace(made, outcomes=(Outcome(made.outcomes[0].case, verdict),))
        path = write_junit(tmp_path / "junit.xml", [summarise(made)])
        failure = next(ElementTree.parse(path).iter("failure"))
        assert failure.text == "[input] a\\x00b\n> \\x1b[31m<&>]]>\\xd800"

    def test_long_answers_are_cut(self) -> None:
        made = audit({"um": "f"})
        verdict = Verdict(Status.FAIL, (), (Expansion("x", "y" * 10_000_000, Status.FAIL),))
        root = self.made(replace(made, outcomes=(Outcome(made.outcomes[0].case, verdict),)))
        assert len(str(next(root.iter("failure")).text)) < 3000


def test_a_module_of_kinds_is_not_needed_to_write(stub_kinds: ModuleType) -> None:
    """What was found is told from the verdicts alone."""
    made: Any = run_suite(suite(check("a")), Stub(lambda text: "sim"))
    stub_kinds.__dict__.clear()
    assert [line["status"] for line in report(made).lines()] == ["pass"]
