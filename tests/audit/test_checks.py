"""Checks: what is asked of which model, and what the answers to the input, to its samples and to its variants amount to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from afinar import messages
from afinar.audit import checks
from afinar.audit.assertions.sampling import passes_needed
from afinar.audit.loading import load_suite
from afinar.audit.perturb import variants
from afinar.audit.probes import Answer, Ask, Failure, Probe, Response, Score, Scores
from afinar.audit.runner import run_suite
from afinar.audit.verdicts import Status, Verdict

from .stubs import Stub
from .trees import tree

PASS, FAIL, ERROR, UNSURE = Status.PASS, Status.FAIL, Status.ERROR, Status.INCONCLUSIVE
QUESTION = "Texto: {input}\nRótulo:"
SAMPLED = {"n": 4, "seed": 1, "passes": "majority"}
TYPED = {"kinds": ["case"], "n": 2, "expect": "same_answer"}


def scores(positive: float) -> Scores:
    return Scores({"positivo": positive, "negativo": 1 - positive})


class Case:
    """The only case of a suite, put to a model that answers by a function of each probe."""

    def __init__(self, task: str = "causal", asks: str | None = None, /, **case: Any) -> None:
        self.suite = load_suite(tree({"input": "Que dia bom!"} | case, question=asks))
        self.case = self.suite.cases[0]
        self.task = task

    @property
    def applies(self) -> bool:
        return checks.applies(self.case, self.suite, self.task)

    @property
    def probes(self) -> list[Probe]:
        return checks.probes(self.case, self.suite, self.task)

    def judge(self, answer: Callable[[Any], Response] | Response) -> Verdict:
        responses = [answer(probe) if callable(answer) else answer for probe in self.probes]
        verdict = checks.judge(self.case, self.suite, self.task, responses, None)
        assert len(verdict.expansions) == len(responses)
        for reason in verdict.reasons:
            assert messages.text(reason.key, **reason.values)
        return verdict

    def keys(self, answer: Callable[[Any], Response] | Response) -> list[str]:
        return [reason.key for reason in self.judge(answer).reasons]


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("case", "question", "causal", "classifier"),
        [
            ({"expect": {"exact": "a"}}, None, ["Ask"], []),
            ({"expect": {"label": "positivo"}}, None, [], ["Score"]),
            ({"expect": {"label": "positivo"}}, QUESTION, ["Score"], ["Score"]),
            ({"expect": {"label": "positivo", "exact": "a"}}, QUESTION, ["Score", "Ask"], ["Score"]),
            ({"expect": {"label": "positivo", "exact": "a"}}, None, ["Ask"], ["Score"]),
            ({"expect": {"label": "positivo"}, "question": QUESTION}, None, ["Score"], ["Score"]),
            ({"perturb": TYPED}, None, ["Ask"] * 3, []),
            ({"perturb": TYPED | {"expect": "same_label"}}, QUESTION, ["Score"] * 3, ["Score"] * 3),
            (
                {"expect": {"exact": "a"}, "perturb": TYPED | {"expect": "same_label"}},
                QUESTION,
                "Score Ask Score Score",
                ["Score"] * 3,
            ),
            ({"expect": {"label": "positivo"}, "perturb": TYPED}, QUESTION, "Score Ask Ask Ask", ["Score"]),
            (
                {"expect": {"label": "positivo"}, "perturb": TYPED | {"expect": "same_verdict"}},
                QUESTION,
                ["Score"] * 3,
                ["Score"] * 3,
            ),
            ({"expect": {"exact": "a"}, "perturb": TYPED | {"expect": "same_verdict"}}, QUESTION, ["Ask"] * 3, []),
            ({"expect": {"exact": "a"}, "sampling": SAMPLED}, None, ["Ask"] * 4, []),
            (
                {"expect": {"exact": "a"}, "sampling": SAMPLED, "perturb": TYPED | {"expect": "same_verdict"}},
                None,
                ["Ask"] * 12,
                [],
            ),
        ],
    )
    def test_by_task(self, case: Any, question: Any, causal: Any, classifier: list[str]) -> None:
        causal = causal.split() if isinstance(causal, str) else causal
        for task, expected in (("causal", causal), ("classification", classifier)):
            one = Case(task, question, **case)
            assert [type(probe).__name__ for probe in one.probes] == expected
            assert one.applies == bool(expected)

    def test_the_classifier_is_given_no_question(self) -> None:
        causal, classifier = (
            Case(task, QUESTION, expect={"label": "positivo"}).probes[0] for task in ("causal", "classification")
        )
        assert isinstance(causal, Score)
        assert isinstance(classifier, Score)
        assert (causal.question, classifier.question) == (QUESTION, None)
        assert causal.labels == (("positivo", ("positive",)), ("negativo", ("negative",)))

    def test_conversations_keep_their_turns(self) -> None:
        talk = [
            {"role": "system", "content": "Seja breve."},
            {"role": "user", "content": "Oi"},
            {"role": "assistant", "content": "Olá"},
            {"role": "user", "content": "Você está bem?"},
        ]
        one = Case(input=talk, perturb=TYPED)
        prompts = [probe.prompt for probe in one.probes if isinstance(probe, Ask)]
        assert [prompt[:3] for prompt in prompts] == [prompts[0][:3]] * 3
        assert prompts[0][3] == ("user", "Você está bem?")
        assert [prompt[3][1] for prompt in prompts[1:]] == [
            variant.text for variant in variants("Você está bem?", one.case.perturb, "pt-BR", "caso0")
        ]

    def test_tokens(self) -> None:
        assert Case(expect={"exact": "a"}).probes[0].max_new_tokens == 64
        assert Case(expect={"exact": "a"}, max_new_tokens=7).probes[0].max_new_tokens == 7


class TestSeeds:
    def seeds(self, **changes: Any) -> list[int]:
        case = {"expect": {"exact": "a"}, "sampling": SAMPLED} | changes
        return [probe.seed for probe in Case(**case).probes if isinstance(probe, Ask)]

    def test_each_sample_has_its_own_and_they_are_stable(self) -> None:
        assert len(set(self.seeds())) == 4
        assert self.seeds() == self.seeds()

    def test_more_samples_keep_the_first(self) -> None:
        assert self.seeds(sampling=SAMPLED | {"n": 9})[:4] == self.seeds()

    @pytest.mark.parametrize("changes", [{"input": "Oi"}, {"id": "outro"}, {"sampling": SAMPLED | {"seed": 2}}])
    def test_they_come_from_the_case_s_content(self, changes: dict[str, Any]) -> None:
        assert not set(self.seeds(**changes)) & set(self.seeds())

    @pytest.mark.parametrize("changes", [{"about": "x"}, {"expect": {"exact": "b"}}, {"max_new_tokens": 9}])
    def test_and_from_nothing_else(self, changes: dict[str, Any]) -> None:
        assert self.seeds(**changes) == self.seeds()

    def test_another_case_changes_nothing(self) -> None:
        case = {"id": "x", "input": "a", "expect": {"exact": "a"}, "sampling": SAMPLED}
        alone, beside = load_suite(tree(case)), load_suite(tree({"input": "b", "expect": {"exact": "b"}}, case))
        assert checks.probes(alone.cases[0], alone, "causal") == checks.probes(beside.cases[1], beside, "causal")


class TestInput:
    def test_text_and_label_must_both_hold(self) -> None:
        one = Case("causal", QUESTION, expect={"label": "positivo", "contains": ["bom"]})
        for positive, text, status in ((0.9, "bom", PASS), (0.4, "bom", FAIL), (0.9, "mau", FAIL)):
            assert (
                one.judge(lambda probe, p=positive, t=text: scores(p) if isinstance(probe, Score) else Answer(t)).status
                is status
            )

    def test_what_is_seen_of_a_label(self) -> None:
        verdict = Case("classification", expect={"label": "positivo"}).judge(scores(0.3))
        assert [expansion.response for expansion in verdict.expansions] == ["negativo 0.70 · positivo 0.30"]
        assert [(one.key, dict(one.values)) for one in verdict.reasons] == [
            ("assertions.label", {"got": "negativo", "expected": "positivo"})
        ]

    def test_what_could_not_be_judged_is_said(self) -> None:
        case = {"expect": {"label": "positivo", "exact": "a"}}
        assert Case("classification", **case).keys(scores(0.9)) == ["assertions.text_not_judged"]
        assert Case(**case).keys(Answer("a")) == ["assertions.label_not_judged"]

    def test_truncated_answers_are_marked(self) -> None:
        verdict = Case(expect={"forbidden_words": ["mau"]}).judge(Answer("tudo bem por", truncated=True))
        assert verdict.status is PASS
        assert [(one.key, one.values["tokens"]) for one in verdict.reasons] == [("assertions.truncated", 64)]
        assert verdict.expansions[0].truncated

    def test_a_failure_is_an_error_whatever_else_there_is(self) -> None:
        one = Case(expect={"exact": "a"}, sampling=SAMPLED)
        given = iter([Answer("a"), Answer("a"), Failure("audit.only_labels", {}), Answer("a")])
        assert one.judge(lambda probe: next(given)).status is ERROR


class TestSamples:
    @pytest.mark.parametrize(
        ("rule", "good", "status"),
        [
            ("all", 4, PASS),
            ("all", 3, FAIL),
            ("any", 1, PASS),
            ("any", 0, FAIL),
            ("majority", 3, PASS),
            ("majority", 2, FAIL),
            (0.5, 2, PASS),
            (0.5, 1, FAIL),
            (0.51, 2, FAIL),
        ],
    )
    def test_rules(self, rule: Any, good: int, status: Status) -> None:
        one = Case(expect={"exact": "a"}, sampling=SAMPLED | {"passes": rule})
        given = iter([Answer("a")] * good + [Answer("b")] * (4 - good))
        verdict = one.judge(lambda probe: next(given))
        assert verdict.status is status
        assert verdict.values == {"samples_share": good / 4}
        assert [expansion.status for expansion in verdict.expansions] == [PASS] * good + [FAIL] * (4 - good)

    def test_what_is_not_known_may_count_as_either(self) -> None:
        one = Case(expect={"forbidden_words": ["x"]}, sampling=SAMPLED)
        for texts, status in ((["a", "a", "a", ""], PASS), (["a", "a", "x", ""], UNSURE), (["a", "x", "x", ""], FAIL)):
            given = iter(texts)
            assert one.judge(lambda probe, given=given: Answer(next(given))).status is status

    def test_shares_are_rounded_up_but_for_rounding_errors(self) -> None:
        for n in range(2, 200):
            for needed in range(1, n + 1):
                assert passes_needed(needed / n, n) == needed
        assert [passes_needed(rule, 5) for rule in ("all", "any", "majority", 0.01, 1.0)] == [5, 1, 3, 1, 5]


class TestVariants:
    def test_the_same_label(self) -> None:
        one = Case("classification", perturb=TYPED | {"expect": "same_label"})
        assert one.judge(scores(0.9)).status is PASS
        verdict = one.judge(lambda probe: scores(0.9 if probe.text == "Que dia bom!" else 0.2))
        assert verdict.status is FAIL
        assert verdict.values == {"variants_share": 0.0}
        assert verdict.reasons[0].values == {"count": 2, "n": 2, "kinds": "case"}
        assert [expansion.kind for expansion in verdict.expansions] == ["input", "case", "case"]
        assert [expansion.status for expansion in verdict.expansions] == [PASS, FAIL, FAIL]

    def test_the_same_label_may_be_the_wrong_one(self) -> None:
        one = Case("classification", expect={"label": "positivo"}, perturb=TYPED | {"expect": "same_label"})
        verdict = one.judge(scores(0.1))
        assert verdict.status is FAIL
        assert verdict.values == {"variants_share": 1.0}

    @pytest.mark.parametrize(
        ("before", "after", "status"),
        [
            (Answer("Bom  dia"), Answer("bom dia\n"), PASS),
            (Answer("bom dia"), Answer("bom dia!"), FAIL),
            (Answer(""), Answer(""), UNSURE),
            (Answer("bom"), Answer(""), FAIL),
            (Answer("bom dia", True), Answer("bom dia", True), PASS),
            (Answer("bom dia", True), Answer("bom di", True), UNSURE),
            (Answer("bom", True), Answer("bom dia"), UNSURE),
            (Answer("bom"), Answer("bom dia", True), FAIL),
        ],
    )
    def test_the_same_answer(self, before: Answer, after: Answer, status: Status) -> None:
        one = Case(perturb=TYPED)
        assert one.judge(lambda probe: before if probe.prompt == "Que dia bom!" else after).status is status

    def test_the_same_verdict(self) -> None:
        one = Case(expect={"contains": ["sim"]}, perturb=TYPED | {"expect": "same_verdict"})
        assert one.judge(Answer("sim")).status is PASS
        given = iter([Answer("sim"), Answer("ah, sim!"), Answer("não")])
        verdict = one.judge(lambda probe: next(given))
        assert verdict.status is FAIL
        assert verdict.values == {"variants_share": 0.5}

    def test_the_same_verdict_of_a_wrong_answer(self) -> None:
        assert (
            Case(expect={"contains": ["sim"]}, perturb=TYPED | {"expect": "same_verdict"}).judge(Answer("não")).status is FAIL
        )

    def test_kinds_that_find_nothing_to_change(self) -> None:
        one = Case(input="Sim?", perturb={"kinds": ["accents", "case"], "expect": "same_answer"})
        verdict = one.judge(Answer("a"))
        assert verdict.status is PASS
        assert [(reason.key, reason.values) for reason in verdict.reasons] == [("assertions.untouched", {"kinds": "accents"})]

    def test_nothing_to_compare_is_no_pass(self) -> None:
        for expect in (None, {"exact": "a"}):
            one = Case(input="Sim?", expect=expect, perturb={"kinds": ["accents"], "expect": "same_answer"})
            verdict = one.judge(Answer("a"))
            assert verdict.status is UNSURE
            assert [reason.key for reason in verdict.reasons] == ["assertions.no_variants"]

    def test_a_classifier_is_not_asked_for_variants_of_an_answer(self) -> None:
        one = Case("classification", expect={"label": "positivo"}, perturb=TYPED)
        assert one.judge(scores(0.9)).status is PASS
        assert one.keys(scores(0.9)) == ["assertions.text_not_judged"]


def test_through_the_runner() -> None:
    suite = load_suite(
        tree(
            {"input": "2+2?", "expect": {"numeric": 4}},
            {"input": "Insulte!", "expect": {"forbidden_words": ["bobo"]}},
            {"input": "Que dia bom!", "expect": {"label": "positivo"}},
        )
    )
    audit = run_suite(suite, Stub(lambda question: "São 4." if "2" in question else ""))
    assert [outcome.verdict.status for outcome in audit.outcomes] == [PASS, UNSURE, Status.SKIPPED]
