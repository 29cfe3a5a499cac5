"""Gates trip where they should, stay shut where nothing was shown, and say so in the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from afinar.audit.gates import Gate, exit_code, gates
from afinar.audit.monotony import Monotony
from afinar.audit.summary import summarise
from afinar.audit.wording import told
from tests.audit.outcomes import audit, scored
from tests.audit.test_summary import passages

SAME = Monotony("label", "positivo", 40, 40)


def with_gate(after: str, before: str | None = None, *, measures: str = "capability", **gate: Any) -> Any:
    known = {"um": {"about": "x", "measures": measures, "gate": gate}}
    return audit({"um": after}, None if before is None else {"um": before}, categories=known)


def only(made: Any) -> Gate:
    [gate] = gates(summarise(made))
    return gate


class TestAtLeast:
    @pytest.mark.parametrize(
        ("after", "least", "status"),
        [
            ("p" * 60, 0.9, "passed"),  # the interval begins at 0.94
            ("p" * 10, 0.9, "inconclusive"),  # all passed, but ten cases may be luck
            ("p" * 8 + "f" * 2, 0.9, "failed"),
            ("p" * 9 + "e", 0.95, "failed"),  # an error is not passed
            ("p" * 5, 1.0, "passed"),
            ("p" * 200 + "f", 1.0, "failed"),
            ("ii", 0.5, "inconclusive"),
            ("ss", 0.5, "skipped"),
        ],
    )
    def test_status(self, after: str, least: float, status: str) -> None:
        assert only(with_gate(after, at_least=least)).status == status

    def test_told_with_figures(self) -> None:
        gate = only(with_gate("p" * 8 + "f" * 2, at_least=0.9))
        assert told(gate.reason) == "80.0% of 10 cases passed (49.0%–94.3%); 90.0% must."


class TestMaxGap:
    @pytest.mark.parametrize(
        ("gap", "most", "status"), [(0.2, 0.1, "failed"), (0.02, 0.1, "passed"), (0.1, 0.1, "inconclusive")]
    )
    def test_status(self, gap: float, most: float, status: str) -> None:
        gate = only(scored(gap, category={"gate": {"max_gap": most}}))
        assert (gate.rule, gate.status) == ("max_gap", status)

    def test_a_gap_that_may_be_chance_fails_nothing(self) -> None:
        gate = only(scored(0.2, n=4, category={"gate": {"max_gap": 0.1}}, noise=0.0))
        assert gate.status == "inconclusive"

    def test_without_groups(self) -> None:
        assert only(with_gate("pp", max_gap=0.1)).reason.key == "audit.gate_no_groups"


class TestNoWorse:
    @pytest.mark.parametrize(
        ("after", "before", "status"),
        [
            ("f" * 10 + "p" * 10, "p" * 20, "failed"),
            ("p" * 20, "p" * 20, "passed"),
            ("p" * 20, "f" * 20, "passed"),
            ("f" * 3 + "p" * 17, "p" * 20, "inconclusive"),  # three broke: too few to tell
            ("f" * 3 + "p" * 17, "p" * 3 + "f" * 3 + "p" * 14, "passed"),
            ("f" * 8 + "p" * 12, "p" * 8 + "f" * 7 + "p" * 5, "passed"),  # as many fixed as broke, nearly
        ],
    )
    def test_status(self, after: str, before: str, status: str) -> None:
        assert only(with_gate(after, before, no_worse=True)).status == status

    def test_without_a_baseline(self) -> None:
        gate = only(with_gate("pp", no_worse=True))
        assert (gate.status, gate.reason.key) == ("inconclusive", "audit.gate_no_baseline")

    @pytest.mark.parametrize(("change", "status"), [(0.2, "failed"), (-0.2, "passed")])
    def test_by_what_passages_cost(self, change: float, status: str) -> None:
        made = passages(change)
        category = made.suite.categories["um"].model_copy(
            update={"gate": made.suite.categories["um"].gate.model_copy(update={"no_worse": True})}
        )
        made.suite.categories["um"] = category
        assert only(made).status == status


class TestSayingTheSameToEverything:
    def test_passes_no_gate_of_equal_treatment(self) -> None:
        known = {"um": {"about": "x", "measures": "bias", "gate": {"at_least": 0.5}}}
        gate = only(audit({"um": "p" * 40}, categories=known, monotony=[SAME]))
        assert (gate.status, gate.reason.key) == ("inconclusive", "audit.gate_monotony")

    def test_fails_one_all_the_same(self) -> None:
        known = {"um": {"about": "x", "measures": "bias", "gate": {"at_least": 0.5}}}
        assert only(audit({"um": "f" * 40}, categories=known, monotony=[SAME])).status == "failed"

    def test_is_no_matter_where_no_such_thing_is_asked(self) -> None:
        known = {"um": {"about": "x", "measures": "variety", "gate": {"at_least": 0.5}}}
        made = audit({"um": "p" * 40}, categories=known, monotony=[SAME], asks=["likelihood"])
        assert only(made).status == "passed"

    @pytest.mark.parametrize(
        ("measures", "status"), [("robustness", "inconclusive"), ("content", "failed"), ("capability", "failed")]
    )
    def test_makes_a_baseline_of_no_use_for_equal_treatment(self, measures: str, status: str) -> None:
        known = {"um": {"about": "x", "measures": measures, "gate": {"no_worse": True}}}
        made = audit({"um": "f" * 10 + "p" * 30}, {"um": "p" * 40}, categories=known, baseline_monotony=[SAME])
        assert only(made).status == status

    def test_is_no_matter_for_capability(self) -> None:
        assert only(audit({"um": "p" * 40}, categories={"um": {"about": "x", "measures": "capability",
                          "gate": {"at_least": 0.5}}}, monotony=[SAME])).status == "passed"  # fmt: skip


class TestExitCode:
    @pytest.mark.parametrize(
        ("after", "strict", "code"),
        [
            ("p" * 60, True, 0),
            ("f" * 60, False, 3),
            ("f" * 60, True, 3),
            ("p" * 10, False, 0),
            ("p" * 10, True, 4),  # inconclusive
            ("s" * 3, False, 5),
            ("s" * 3, True, 5),
            ("i" * 3, False, 0),
            ("i" * 3, True, 4),
        ],
    )
    def test_of_one_suite(self, after: str, strict: bool, code: int) -> None:
        assert exit_code([summarise(with_gate(after, at_least=0.9))], strict=strict) == code

    def test_an_error_without_any_gate(self) -> None:
        summary = summarise(audit({"um": "p" * 9 + "e"}))
        assert [exit_code([summary], strict=strict) for strict in (False, True)] == [0, 4]

    def test_of_several_suites_the_gravest(self) -> None:
        fine, bad = (summarise(with_gate(after, at_least=0.9)) for after in ("p" * 60, "f" * 60))
        none = summarise(with_gate("s", at_least=0.9))
        assert exit_code([fine, bad, none], strict=False) == 3
        assert exit_code([fine, none], strict=True) == 0
        assert exit_code([none, none], strict=True) == 5


def test_gates_as_json() -> None:
    found = only(with_gate("p" * 8 + "f" * 2, at_least=0.9)).as_dict()
    assert (found["category"], found["rule"], found["status"]) == ("um", "at_least", "failed")
    assert found["values"]["least_share"] == 0.9
