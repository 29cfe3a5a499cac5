"""The form of a suite: each mistake is told by its path, what is allowed, and the nearest that is meant."""

from __future__ import annotations

from typing import Any

import pytest

from afinar.audit.loading import load_suite
from afinar.audit.problems import dotted
from afinar.audit.schema import KIND_KEYS, Check, Contrast, Counterfactual, Pair, Passage
from afinar.audit.verdicts import KINDS

from .trees import problem, problems, tree

TEXT = {"input": "a"}


def case(**changes: Any) -> dict[str, Any]:
    return tree({"input": "a", "expect": {"exact": "b"}} | changes)


def expect(**given: Any) -> dict[str, Any]:
    return case(expect=given)


class TestKinds:
    def test_each_kind_is_told_by_its_key(self) -> None:
        lexicon = {"attribute": "idade", "groups": {"x": ["avó"], "y": ["neta"]}}
        suite = load_suite(
            tree(
                {"input": "a", "expect": {"exact": "b"}},
                {"input": "a", "changed": "b", "expect": {"label": "positivo", "change": "higher"}},
                {"template": "A {p} riu.", "over": {"p": "pessoas"}, "expect": {"equal_label": True}},
                {"prefer": "a", "over": "b", "expect": {}},
                {"stereotype": "a", "anti": "b", "attribute": "idade", "expect": {"max_gap": 0.5}},
                {"passage": "a", "expect": {"worse_by_at_most": 0.1}},
                lexicons={"pessoas": lexicon},
            )
        )
        assert [type(one) for one in suite.cases] == [Check, Contrast, Counterfactual, Pair, Pair, Passage]
        assert {type(one).__name__ for one in suite.cases} == KINDS.keys() == set(KIND_KEYS.values())

    def test_no_kind(self) -> None:
        found = problem(tree({"expect": {"exact": "b"}}))
        assert (found.key, dotted(found.place)) == ("suites.no_kind", "cases[0]: ")

    def test_two_kinds(self) -> None:
        found = problems(tree({"input": "a", "passage": "b", "expect": {"worse_by_at_most": 0.1}}))
        assert [(one.key, one.values["key"], one.values["kind"]) for _, one in found] == [("suites.mixed", "input", "Passage")]

    @pytest.mark.parametrize("given", [5, "a", None, ["a"], True])
    def test_a_case_that_is_no_mapping(self, given: Any) -> None:
        assert problem(tree(cases=[given])).key in ("suites.type", "suites.quotes")


class TestKeys:
    @pytest.mark.parametrize(
        ("given", "place", "near"),
        [
            (expect(contian=["b"]), "cases[0].expect.contian: ", "contains"),
            (expect(forbiden_words=["b"]), "cases[0].expect.forbiden_words: ", "forbidden_words"),
            (case(contains=["b"]), "cases[0].contains: ", "expect.contains"),
            (case(same_label=True, perturb={"kinds": ["typos"], "expects": "x"}), "cases[0].perturb.expects: ", "expect"),
            (tree(categorys={}), "categorys: ", "categories"),
            (expect(numeric={"value": 1, "tolerence": 1}), "cases[0].expect.numeric.tolerence: ", "tolerance"),
            (
                tree(categories={"fatos": {"about": "a", "measures": "bias", "gate": {"max_gaps": 0.1}}}),
                "categories.fatos.gate.max_gaps: ",
                "max_gap",
            ),
            (case(input=[{"role": "user", "contents": "a"}]), "cases[0].input[0].contents: ", "content"),
        ],
    )
    def test_the_nearest_key_is_named(self, given: Any, place: str, near: str) -> None:
        found = {dotted(one.place): one for _, one in problems(given)}
        assert (found[place].key, found[place].values["near"]) == ("suites.unknown_near", near)

    def test_a_key_like_no_other_is_told_all_there_are(self) -> None:
        found = problem(expect(exact="b", xyzzy=1))
        assert found.key == "suites.unknown"
        assert "forbidden_words" in found.values["known"]

    def test_missing_keys(self) -> None:
        found = problem(case(sampling={"n": 5, "passes": "all"}))
        assert (found.key, found.values["key"], dotted(found.place)) == ("suites.missing", "seed", "cases[0].sampling: ")
        given = tree()
        del given["name"], given["cases"]
        assert [one.values["key"] for _, one in problems(given)] == ["name", "cases"]


class TestTypes:
    @pytest.mark.parametrize("word", [False, True, None, 42, 4.2])
    def test_what_was_meant_as_text_needs_quotes(self, word: Any) -> None:
        for given in (expect(required_words=[word]), expect(exact=word) if word is not None else expect(label=5)):
            assert problem(given).key == "suites.quotes"

    def test_no_is_text_and_not_false(self) -> None:
        assert load_suite(expect(required_words=["no"])).cases[0].expect.required_words == ("no",)
        assert problem(expect(refusal="no")).key == "suites.boolean"

    def test_a_list_is_wanted(self) -> None:
        found = problem(expect(required_words="Brasília"))
        assert (found.key, found.values["got"]) == ("suites.list", '"Brasília"')

    @pytest.mark.parametrize(
        "given", [expect(numeric="42"), case(max_new_tokens="8"), expect(chrf={"reference": "a", "at_least": "5"})]
    )
    def test_a_number_is_wanted(self, given: Any) -> None:
        assert problem(given).key == "suites.number"

    def test_of_several_types_all_are_named(self) -> None:
        found = problem(expect(exact={"a": "b"}))
        assert found.key == "suites.type"
        assert str(found.values["expected"]) == "a text or a list"
        assert dotted(problem(expect(exact=["a", {}])).place) == "cases[0].expect.exact[1]: "

    @pytest.mark.parametrize("value", [1, 1.5, -3, 0])
    def test_whole_numbers_are_numbers(self, value: float) -> None:
        assert load_suite(expect(numeric=value)).cases[0].expect.numeric == value


class TestBounds:
    @pytest.mark.parametrize(
        "given",
        [
            case(max_new_tokens=0),
            case(max_new_tokens=5000),
            case(sampling={"n": 1, "seed": 0, "passes": "all"}),
            case(sampling={"n": 2, "seed": -1, "passes": "all"}),
            case(sampling={"n": 2, "seed": 0, "passes": 0.0}),
            case(sampling={"n": 2, "seed": 0, "passes": "all", "temperature": 0.0}),
            case(perturb={"kinds": ["typos"], "expect": "same_verdict", "rate": 0.0}),
            expect(chrf={"reference": "a", "at_least": 0}),
            expect(length={"min_words": -1}),
            tree({"passage": "a", "expect": {"worse_by_at_most": -0.1}}),
        ],
    )
    def test_out_of_range(self, given: Any) -> None:
        assert problem(given).key == "suites.range"

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_not_finite(self, value: float) -> None:
        assert problem(expect(numeric=value)).key == "suites.value"

    @pytest.mark.parametrize(
        "given", [expect(exact=""), expect(exact=[]), expect(contains=[]), tree(cases=[]), tree(categories={})]
    )
    def test_empty(self, given: Any) -> None:
        assert "suites.empty" in {one.key for _, one in problems(given)}

    def test_too_long_and_too_many(self) -> None:
        assert problem(case(input="a" * 100_001)).key == "suites.too_long"
        assert problem(tree(labels={f"l{n}": [] for n in range(1001)})).key == "suites.too_many"

    @pytest.mark.parametrize("value", [10**400, -(10**400)])
    def test_numbers_that_no_float_holds(self, value: int) -> None:
        assert problems(expect(numeric=value))

    @pytest.mark.parametrize(
        ("given", "near"),
        [
            (case(perturb={"kinds": ["typo"], "expect": "same_verdict"}), "typos"),
            (tree(categories={"fatos": {"about": "a", "measures": "capabilty"}}), "capability"),
            (tree(language="pt-br"), "pt-BR"),
        ],
    )
    def test_a_choice_that_is_nearly_right(self, given: Any, near: str) -> None:
        found = problem(given)
        assert (found.key, found.values["near"]) == ("suites.choice_near", near)

    def test_a_choice_like_no_other(self) -> None:
        assert problem(tree(afinar_suite=2)).key == "suites.choice"
        assert problem(case(sampling={"n": 2, "seed": 0, "passes": "often"})).key == "suites.choice"

    @pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0 ", 1.0, 1, None])
    def test_versions(self, version: Any) -> None:
        assert problem(tree(version=version)).key == "suites.version"

    @pytest.mark.parametrize("name", [" ", "a ", "a\n", "a;b", "<x>", "a\u200bb"])
    def test_names(self, name: str) -> None:
        assert problem(tree(name=name)).key == "suites.name"
