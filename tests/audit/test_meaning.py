"""A well-formed suite is refused where a name leads nowhere, a case cannot fail or cannot pass, or a gate cannot close."""

from __future__ import annotations

from typing import Any

import pytest

from afinar.audit import meaning
from afinar.audit.loading import load_suite
from afinar.audit.problems import dotted

from .trees import problem, problems, tree

PEOPLE = {"attribute": "gênero", "groups": {"f": ["Ana"], "m": ["João"]}}
BOTH = {"fatos": {"about": "a", "measures": "capability"}, "vies": {"about": "b", "measures": "bias"}}


def case(**changes: Any) -> dict[str, Any]:
    return tree({"input": "a", "expect": {"exact": "b"}} | changes)


def expect(**given: Any) -> dict[str, Any]:
    return case(expect=given)


def alike(over: Any = None, **given: Any) -> dict[str, Any]:
    return tree(
        {"template": "{p} foi ao médico.", "over": over or {"p": "pessoas"}, "expect": given}, lexicons={"pessoas": PEOPLE}
    )


def told(source: Any) -> tuple[str, str]:
    found = problem(source)
    return found.key, dotted(found.place).removesuffix(": ")


class TestNames:
    def test_ids_are_unique(self) -> None:
        found = problem(tree(*[{"id": "x", "input": "a", "expect": {"exact": "b"}}] * 2))
        assert (found.key, dotted(found.place), found.values["first"]) == ("suites.duplicate_id", "cases[1].id: ", "cases[0]")

    def test_categories(self) -> None:
        given = tree()
        given["cases"][0]["category"] = "fato"
        found = {one.key: one for _, one in problems(given)}
        assert found["suites.unknown_category"].values["near"] == "fatos"
        assert found["suites.idle_category"].values["name"] == "fatos"

    def test_beside(self) -> None:
        cases = [{"input": "a", "expect": {"exact": "b"}}, {"input": "a", "expect": {"exact": "b"}, "category": "vies"}]
        for beside, key in (("fato", "suites.unknown_category"), ("vies", "suites.beside")):
            categories = BOTH | {"vies": BOTH["vies"] | {"beside": beside}}
            assert told(tree(*cases, categories=categories)) == (key, "categories.vies.beside")
        assert load_suite(tree(*cases, categories=BOTH | {"vies": BOTH["vies"] | {"beside": "fatos"}}))

    @pytest.mark.parametrize(
        "given",
        [
            expect(label="positiv"),
            tree({"input": "a", "changed": "b", "expect": {"label": "positiv", "change": "lower"}}),
            alike(score="positiv"),
            alike(equal_label=True, label="positiv"),
        ],
    )
    def test_labels(self, given: dict[str, Any]) -> None:
        found = problem(given)
        assert (found.key, found.values["near"]) == ("suites.unknown_label", "positivo")
        assert {one.key for _, one in problems(given | {"labels": {}})} == {"suites.no_labels"}

    @pytest.mark.parametrize("given", [case(perturb={"kinds": ["typos"], "expect": "same_label"}), alike(equal_label=True)])
    def test_labels_that_are_only_compared(self, given: dict[str, Any]) -> None:
        assert load_suite(given)
        assert problem(given | {"labels": {}}).key == "suites.no_labels"

    def test_labels_are_told_apart(self) -> None:
        assert told(tree(labels={"sim": []})) == ("suites.one_label", "labels")
        assert told(tree(labels={"sim": ["S"], "não": ["s"]})) == ("suites.shared_name", "labels.não")
        assert told(tree(labels={"sim": [], "não": [" "]})) == ("suites.blank", "labels.não")
        assert load_suite(tree(labels={"sim": ["s", "S", "sim"], "não": ["n"]}))

    def test_lexicons_and_slots(self) -> None:
        assert told(alike(over={"p": "pesoas"}, equal_label=True)) == ("kinds.unknown_lexicon", "cases[0].over.p")
        assert {one.key for _, one in problems(alike(over={"q": "pessoas"}, equal_label=True))} == {
            "kinds.unknown_slot",
            "kinds.unused_slot",
        }
        assert told(tree(lexicons={"x": {}})) == ("kinds.groups_or_words", "lexicons.x")
        assert told(tree(lexicons={"x": {"words": [" "]}})) == ("suites.blank_word", "lexicons.x.words[0]")
        assert told(tree(lexicons={"x": {"words": [{"o": "a"}]}})) == ("suites.blank_word", "lexicons.x.words[0]")


class TestQuestion:
    @pytest.mark.parametrize(
        "text", ["Qual?", "{texto}", "{input} {input}", "{", "}", "{input!r}", "{input:>9}", "{}", "{input.x}"]
    )
    def test_wrong(self, text: str) -> None:
        assert told(tree(question=text)) == ("suites.question", "question")
        assert told(case(question=text)) == ("suites.question", "cases[0].question")

    @pytest.mark.parametrize("text", ["{input}", "Texto: {input}\nRótulo:", "{{x}} {input}"])
    def test_right(self, text: str) -> None:
        assert load_suite(tree(question=text)).question == text


class TestChecks:
    def test_a_case_without_an_assertion(self) -> None:
        for given in (tree({"input": "a"}), expect(), expect(case_sensitive=True, accents=False, negation="ignore")):
            assert told(given) == ("suites.nothing_expected", "cases[0].expect")

    def test_a_perturbation_is_an_assertion(self) -> None:
        assert load_suite(tree({"input": "a", "perturb": {"kinds": ["typos"], "expect": "same_answer"}}))
        given = tree({"input": "a", "perturb": {"kinds": ["typos"], "expect": "same_verdict"}})
        assert told(given) == ("suites.same_verdict_alone", "cases[0].perturb.expect")

    @pytest.mark.parametrize("name", ["contains", "required_words", "any_of", "forbidden_words", "exact"])
    @pytest.mark.parametrize("word", [" ", "\u00ad", "\u200b\t"])
    def test_a_word_that_is_none(self, name: str, word: str) -> None:
        assert told(expect(**{name: ["a", word]})) == ("suites.blank", f"cases[0].expect.{name}[1]")

    def test_a_blank_input(self) -> None:
        assert told(case(input=" \n")) == ("suites.blank", "cases[0].input")

    @pytest.mark.parametrize(
        "roles", [["assistant"], ["user", "assistant"], ["system"], ["user", "user"], ["user", "system", "user"]]
    )
    def test_conversations(self, roles: list[str]) -> None:
        messages = [{"role": role, "content": "a"} for role in roles]
        assert told(case(input=messages)) == ("suites.conversation", "cases[0].input")
        assert told(case(input=[])) == ("suites.empty", "cases[0].input")

    def test_conversations_as_they_should_be(self) -> None:
        for roles in (["user"], ["system", "user"], ["user", "assistant", "user"]):
            assert load_suite(case(input=[{"role": role, "content": "a"} for role in roles]))

    def test_labels_are_of_texts(self) -> None:
        talk = [{"role": "user", "content": "a"}]
        assert told(case(input=talk, expect={"label": "positivo"})) == ("suites.label_of_conversation", "cases[0].input")

    def test_words_required_and_forbidden(self) -> None:
        found = problem(expect(required_words=["Sim"], forbidden_words=["não", "SIM"]))
        assert found.key == "suites.contradiction"
        assert load_suite(expect(required_words=["Sim"], forbidden_words=["SIM"], case_sensitive=True))
        assert told(expect(refusal=True, exact="a")) == ("suites.refusal_and_answer", "cases[0].expect.refusal")

    @pytest.mark.parametrize(
        ("given", "key"),
        [
            ({}, "suites.length_open"),
            ({"min_words": 0}, "suites.length_open"),
            ({"min_words": 5, "max_words": 4}, "suites.length_order"),
            ({"min_characters": 5, "max_characters": 4}, "suites.length_order"),
        ],
    )
    def test_lengths(self, given: dict[str, int], key: str) -> None:
        assert told(expect(length=given)) == (key, "cases[0].expect.length")

    def test_sampling(self) -> None:
        sampling = {"n": 3, "seed": 0, "passes": "all"}
        assert told(case(expect={"label": "positivo"}, sampling=sampling)) == ("suites.sampling_unused", "cases[0].sampling")
        given = case(sampling=sampling, perturb={"kinds": ["typos"], "expect": "same_answer"})
        assert told(given) == ("suites.sampling_same_answer", "cases[0].perturb.expect")

    def test_a_kind_twice(self) -> None:
        given = case(perturb={"kinds": ["typos", "typos"], "expect": "same_verdict"})
        assert told(given) == ("suites.twice", "cases[0].perturb.kinds")

    def test_too_many_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(meaning, "MAX_TEXTS", 20)
        sampled = {"input": "a", "expect": {"exact": "b"}, "sampling": {"n": 5, "seed": 0, "passes": "all"}}
        assert load_suite(tree(*[sampled] * 4))
        assert told(tree(*[sampled] * 5)) == ("suites.too_many_texts", "cases[4]")


class TestPatterns:
    @pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "*", "(?P<n>a)(?P=m)", "(" * 480 + ")" * 480])
    def test_that_do_not_compile(self, pattern: str) -> None:
        assert told(expect(regex=pattern)) == ("suites.regex", "cases[0].expect.regex")
        assert told(expect(not_regex=["a", pattern])) == ("suites.regex", "cases[0].expect.not_regex[1]")

    @pytest.mark.parametrize("pattern", ["(?:(?:a{1000}){1000}){1000}", "(a{9,}b{200}){200}", "([ab]{0,99999})"])
    def test_that_would_take_all_memory(self, pattern: str) -> None:
        assert problem(expect(regex=pattern)).key == "suites.regex_large"

    def test_that_are_too_long(self) -> None:
        assert problem(expect(regex="a" * 1001)).key == "suites.regex_long"

    @pytest.mark.parametrize("pattern", ["", "a*", ".*", "^", "(?m)$", "x?|y", "()", "(?=)"])
    def test_that_say_nothing(self, pattern: str) -> None:
        assert problem(expect(not_regex=[pattern])).key == "suites.regex_everything"

    @pytest.mark.parametrize(
        "pattern", [r"^\s*$", r"^(?!.*idiota)", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "(?i)sim", "[)(]{2}", r"\(\{9999999\}"]
    )
    def test_that_are_fine(self, pattern: str) -> None:
        assert load_suite(expect(regex=pattern))

    def test_that_are_too_much_together(self) -> None:
        given = tree(*[{"input": "a", "expect": {"regex": [f"x{n}{{19000}}" for n in range(10)]}}] * 12)
        assert told(given) == ("suites.too_many_parts", "cases[10]")


class TestOtherKinds:
    def test_alike(self) -> None:
        assert told(alike()) == ("suites.nothing_alike", "cases[0].expect")
        assert told(alike(label="positivo")) == ("suites.nothing_alike", "cases[0].expect")
        assert told(alike(equal_label=True, max_gap=0.1)) == ("suites.gap_without_score", "cases[0].expect.max_gap")
        assert told(alike(equal_label=True, equal_answer=False)) == ("suites.only_true", "cases[0].expect.equal_answer")

    def test_pairs(self) -> None:
        assert told(tree({"stereotype": "a", "anti": "b", "expect": {"max_gap": 0.1}})) == ("suites.missing", "cases[0]")
        assert told(tree({"prefer": "a", "over": "a", "expect": {}})) == ("kinds.same_text", "cases[0].over")
        assert told(tree({"prefer": "a", "anti": "b", "expect": {}})) == ("kinds.sides", "cases[0]")

    def test_gates(self) -> None:
        for gate, key in (({"at_least": 0}, "suites.gate_open"), ({"max_gap": 0.1}, "suites.gate_without_groups")):
            given = tree(categories={"fatos": {"about": "a", "measures": "bias", "gate": gate}})
            assert told(given) == (key, f"categories.fatos.gate.{next(iter(gate))}")
        given = alike(score="positivo") | {
            "categories": {"fatos": {"about": "a", "measures": "bias", "gate": {"max_gap": 0.1}}}
        }
        assert load_suite(given)
