"""The runner: each question asked once, each case judged alone, and an error never a pass."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from afinar import messages
from afinar.audit.monotony import FEWEST, Monotony
from afinar.audit.probes import Ask, Failure
from afinar.audit.runner import choose, run_suite
from afinar.audit.verdicts import Status
from afinar.errors import ConfigError
from tests.audit.stubs import Stub, check, stub_kinds, suite

__all__ = ["stub_kinds"]

pytestmark = pytest.mark.usefixtures("stub_kinds")


def statuses(audit: object) -> list[str]:
    return [str(outcome.verdict.status) for outcome in audit.outcomes]  # type: ignore[attr-defined]


def test_cases_are_judged_by_their_own_answers() -> None:
    audit = run_suite(suite(check("a"), check("b"), check("c")), Stub({"a": "sim", "b": "não", "c": "?"}.get))
    assert statuses(audit) == ["pass", "fail", "inconclusive"]
    assert (audit.model, audit.baseline, audit.outcomes[0].baseline) == ("stub", None, None)


def test_equal_questions_are_asked_once() -> None:
    model = Stub(lambda text: "sim")
    run_suite(suite(check("a"), check("b"), check("a")), model)
    assert model.asked == [Ask("a", 8), Ask("b", 8)]


def test_a_greedy_question_has_no_use_for_its_seed(stub_kinds: ModuleType) -> None:
    stub_kinds.probes = lambda case, suite, task: [  # type: ignore[attr-defined]
        Ask("a", 8, seed=int(case.id[1:])), Ask("a", 8, temperature=1.0, seed=int(case.id[1:]))
    ]  # fmt: skip
    model = Stub(lambda text: "sim")
    run_suite(suite(check("a"), check("b")), model)
    assert model.asked == [Ask("a", 8), Ask("a", 8, 1.0), Ask("a", 8, 1.0, seed=1)]


def test_a_baseline_is_asked_the_same_and_judged_by_the_same_rule() -> None:
    before, after = Stub(lambda text: "não", "base"), Stub(lambda text: "sim", "adapted")
    audit = run_suite(suite(check("a"), check("b")), after, before)
    assert before.asked == after.asked
    assert [outcome.baseline.status for outcome in audit.outcomes if outcome.baseline] == [Status.FAIL, Status.FAIL]
    assert statuses(audit) == ["pass", "pass"]
    assert audit.baseline == "base"


def test_the_baseline_must_have_the_same_task() -> None:
    with pytest.raises(ConfigError) as caught:
        run_suite(suite(check("a")), Stub(str), Stub(str, task="classification"))
    assert caught.value.key == "audit.other_task"


def test_a_case_that_goes_wrong_costs_the_others_nothing() -> None:
    cases = [check("a", about="no probes"), check("b", about="no verdict"), check("c")]
    audit = run_suite(suite(*cases), Stub(lambda text: "sim"))
    assert statuses(audit) == ["error", "error", "pass"]
    reasons = [outcome.verdict.reasons[0] for outcome in audit.outcomes[:2]]
    assert [messages.text(reason.key, **reason.values) for reason in reasons] == [
        "This case could not be judged: ZeroDivisionError: in probes.",
        "This case could not be judged: KeyError: 'in judge'.",
    ]


def test_what_a_model_could_not_be_asked_is_never_a_pass() -> None:
    fault = Failure("evaluation.long_prompt", {"tokens": 9, "positions": 8})
    audit = run_suite(suite(check("a"), check("b", about="blind")), Stub(lambda text: fault))
    assert statuses(audit) == ["error", "error"]
    assert {outcome.verdict.reasons[-1].key for outcome in audit.outcomes} == {"evaluation.long_prompt"}


def test_what_the_task_rules_out_is_skipped_and_not_asked() -> None:
    model = Stub(lambda text: "sim")
    audit = run_suite(suite(check("a", about="not causal"), check("b")), model)
    assert statuses(audit) == ["skipped", "pass"]
    assert audit.outcomes[0].verdict.reasons[0].key == "audit.not_for_task"
    assert model.asked == [Ask("b", 8)]


def test_a_model_is_left_in_peace_where_nothing_applies() -> None:
    model = Stub(lambda text: pytest.fail("asked"))
    assert statuses(run_suite(suite(check("a", about="not causal")), model)) == ["skipped"]


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    run_suite(
        suite(check("a"), check("b")), Stub(lambda text: "sim"), on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(2, 2)]


class TestLeaks:
    def test_are_marked(self) -> None:
        audit = run_suite(suite(check("Bom dia!"), check("outra")), Stub(lambda text: "sim"), training=["bom  DIA"])
        assert statuses(audit) == ["pass", "pass"]
        assert [outcome.leak.how if outcome.leak else None for outcome in audit.outcomes] == ["same", None]
        assert audit.leaks_checked

    def test_are_not_even_asked_where_strict(self) -> None:
        model = Stub(lambda text: "sim")
        audit = run_suite(suite(check("Bom dia!"), check("outra")), model, training=["bom dia"], strict=True)
        assert statuses(audit) == ["skipped", "pass"]
        assert audit.outcomes[0].verdict.reasons[0].key == "audit.leaked_same"
        assert model.asked == [Ask("outra", 8)]

    def test_are_unknown_without_training_data(self) -> None:
        assert not run_suite(suite(check("a")), Stub(lambda text: "sim")).leaks_checked


class TestChoosing:
    SUITE = suite(check("a"), check("b", category="dois"), categories={"dois": {"about": "y", "measures": "bias"}})

    def test_all_without_a_choice(self) -> None:
        assert choose(self.SUITE, None) == self.SUITE.cases

    def test_some(self) -> None:
        assert [case.id for case in choose(self.SUITE, ["dois"])] == ["c1"]

    def test_the_others_are_not_asked(self) -> None:
        model = Stub(lambda text: "sim")
        assert [outcome.case.id for outcome in run_suite(self.SUITE, model, categories=["dois"]).outcomes] == ["c1"]
        assert model.asked == [Ask("b", 8)]

    def test_unknown(self) -> None:
        with pytest.raises(ConfigError) as caught:
            choose(self.SUITE, ["dos"])
        assert (caught.value.key, caught.value.values["near"]) == ("audit.unknown_category", "dois")


class TestMonotony:
    def test_one_label_for_everything(self) -> None:
        cases = [check(f"texto {number}", about="score") for number in range(FEWEST)]
        audit = run_suite(suite(*cases), Stub(lambda text: 0.9), Stub(lambda text: float(text[-1] in "02468")))
        assert audit.monotony == (Monotony("label", "positivo", FEWEST, FEWEST),)
        assert audit.baseline_monotony == ()

    def test_one_answer_whatever_its_case(self) -> None:
        cases = [check(f"{number}") for number in range(FEWEST)]
        audit = run_suite(suite(*cases), Stub(lambda text: "NÃO " if text == "3" else "não"))
        assert audit.monotony == (Monotony("answer", "não", FEWEST, FEWEST),)

    def test_a_long_answer_is_cut_in_the_telling(self) -> None:
        cases = [check(f"{number}") for number in range(FEWEST)]
        [same] = run_suite(suite(*cases), Stub(lambda text: "a" * 10_000)).monotony
        assert (len(same.value), same.count) == (200, FEWEST)

    def test_too_few_questions_tell_nothing(self) -> None:
        cases = [check(f"{number}") for number in range(FEWEST - 1)]
        assert run_suite(suite(*cases), Stub(lambda text: "não")).monotony == ()


def test_the_same_suite_gives_the_same_outcomes() -> None:
    cases = [check(f"{number}") for number in range(5)]
    first, second = (run_suite(suite(*cases), Stub(lambda text: "sim" if text < "3" else "não")) for _ in range(2))
    assert json.dumps(statuses(first)) == json.dumps(statuses(second))
    assert first.outcomes == second.outcomes
