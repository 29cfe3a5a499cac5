"""Templates: strict slots and forms, every mistake named at load, even choices."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar import messages
from afinar.audit.schema import Lexicon
from afinar.audit.templates import MAX_EXPANSIONS, check, check_lexicon, evenly, fillings, parse
from afinar.errors import ConfigError
from tests.audit.kinds import LEXICONS, keys, suite

GAP = {"score": "positivo"}


def problems(case: dict[str, Any], **changes: Any) -> list[tuple[tuple[str | int, ...], str]]:
    made = suite(case, **changes)
    found = check(made.cases[0], made)
    for _, reason in found:  # every text can be said with the values given
        assert messages.text(reason.key, **reason.values)
        messages.hint(reason.key, **reason.values)
    return [(place, reason.key) for place, reason in found]


def template(text: str, over: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"template": text, "over": over, "expect": GAP, **more}


class TestParsing:
    def test_forms_and_braces(self) -> None:
        words = {"p": {"nome": "a tia", "o": "a"}, "q": "Rui"}
        assert parse("{p} e {q} {{p}} cansad{p.o}{p.o}").fill(words) == "a tia e Rui {p} cansadaa"

    def test_a_plain_word_has_one_form(self) -> None:
        with pytest.raises(KeyError):
            parse("{q.o}").fill({"q": "Rui"})

    @pytest.mark.parametrize(
        "text", ["{", "}", "{p", "p}", "{}", "{p.}", "{.o}", "{p o}", "{p!r}", "{p:>9}", "{p[0]}", "{p.o.a}", "{{p}"]
    )
    def test_a_lone_brace_is_an_error(self, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            parse(text)
        assert caught.value.key == "kinds.brace"
        assert str(caught.value)

    @given(st.text(max_size=60))
    def test_doubled_braces_are_the_text_itself(self, text: str) -> None:
        assert parse(text.replace("{", "{{").replace("}", "}}")).fill({}) == text

    @given(st.text(alphabet="{}p.o ", max_size=30))
    def test_anything_is_parsed_or_refused(self, text: str) -> None:
        try:
            parsed = parse(text)
        except ConfigError as error:
            assert error.key == "kinds.brace"  # noqa: PT017  either outcome is right
        else:
            parsed.fill({field.slot: {field.form: "x" for field in parsed.fields} for field in parsed.fields})


class TestProblems:
    @pytest.mark.parametrize(
        ("case", "expected"),
        [
            (template("{p} riu", {"p": "genero"}), []),
            (template("{p} riu}", {"p": "genero"}), [(("template",), "kinds.brace")]),
            (
                template("{q} riu", {"p": "genero"}),
                [(("template",), "kinds.unknown_slot"), (("over", "p"), "kinds.unused_slot")],
            ),
            (template("{p.aa} riu", {"p": "genero"}), [(("template",), "kinds.missing_form")]),
            (template("{p.o} riu", {"p": "nomes"}), [(("template",), "kinds.missing_form")]),
            (template("{p} riu", {"p": "generos"}), [(("over", "p"), "kinds.unknown_lexicon")]),
            (template("{p} riu {l}", {"p": "genero", "l": "lugares"}), []),
            (template("Riu {l}", {"l": "lugares"}), [(("over",), "kinds.nothing_compared")]),
            (template("Riu", {}), [(("over",), "kinds.nothing_compared")]),
            (
                {"input": "a", "changed": "a", "expect": {"label": "positivo", "change": "higher"}},
                [(("changed",), "kinds.same_text")],
            ),
            ({"input": "a", "changed": "b", "expect": {"label": "positivo", "change": "higher"}}, []),
            ({"passage": "a { b", "expect": {"worse_by_at_most": 0.1}}, []),
            ({"prefer": "a { b", "over": "b", "expect": {}}, []),
            ({"prefer": "a", "over": "a", "expect": {}}, [(("over",), "kinds.same_text")]),
            ({"prefer": "a", "expect": {}}, [((), "kinds.sides")]),
            ({"prefer": "a", "anti": "b", "expect": {}}, [((), "kinds.sides")]),
            ({"prefer": "a", "over": "b", "expect": {"max_gap": 1.0}}, [((), "kinds.sides")]),
            ({"stereotype": "a", "anti": "b", "expect": {"by": 1.0}}, [((), "kinds.sides")]),
            ({"stereotype": "a", "anti": "b", "expect": {"max_gap": 0.1}}, []),
            ({"prefer": "{f}", "over": "x", "slots": {"f": "frutas"}, "expect": {}}, []),
            ({"prefer": "{f}", "over": "{f.e}", "slots": {"f": "frutas"}, "expect": {}}, [(("over",), "kinds.missing_form")]),
            ({"prefer": "{f}", "over": "x", "slots": {"f": "genero"}, "expect": {}}, [(("slots", "f"), "kinds.grouped_slot")]),
        ],
    )
    def test_named_with_their_place(self, case: dict[str, Any], expected: list[Any]) -> None:
        assert problems(case) == expected

    def test_the_nearest_name_is_told(self) -> None:
        made = suite(template("{p} riu", {"p": "genro"}))
        (_, reason), *_ = check(made.cases[0], made)
        assert reason.values["near"] == "genero"

    def test_too_many_texts(self) -> None:
        words = {"groups": {"a": [f"a{i}" for i in range(60)], "b": [f"b{i}" for i in range(60)]}, "attribute": "x"}
        case = template("{p} {q}", {"p": "n", "q": "n"})
        assert problems(case, lexicons={"n": words}) == [(("over",), "kinds.too_many")]
        assert problems(case | {"words": 5}, lexicons={"n": words}) == []
        assert MAX_EXPANSIONS < 120 * 120

    def test_the_size_of_pairs_is_bounded_too(self) -> None:
        lexicons = {"n": {"words": [f"a{i}" for i in range(50)]}}
        case = {"prefer": "{p} {q}", "over": "x", "slots": {"p": "n", "q": "n"}, "expect": {}}
        assert problems(case, lexicons=lexicons) == [(("slots",), "kinds.too_many")]


@pytest.mark.parametrize(
    ("lexicon", "expected"),
    [
        ({"words": ["a"]}, []),
        ({"groups": {"a": ["x"], "b": ["y"]}, "attribute": "z"}, []),
        ({"groups": {"a": ["x"], "b": ["y"]}}, ["kinds.no_attribute"]),
        ({"groups": {"a": ["x"]}, "attribute": "z"}, ["kinds.one_group"]),
        ({"groups": {"a": ["x"], "b": ["y", "w"]}, "attribute": "z", "aligned": True}, ["kinds.unaligned"]),
        ({"groups": {"a": ["x"], "b": ["y"]}, "words": ["a"], "attribute": "z"}, ["kinds.groups_or_words"]),
        ({}, ["kinds.groups_or_words"]),
    ],
)
def test_lexicons(lexicon: dict[str, Any], expected: list[str]) -> None:
    tuples = {
        **lexicon,
        "words": tuple(lexicon.get("words", ())),
        "groups": {group: tuple(words) for group, words in lexicon.get("groups", {}).items()},
    }
    found = check_lexicon(Lexicon.model_validate(tuples))
    assert keys(found) == expected
    assert all(messages.text(reason.key, **reason.values) for _, reason in found)


@given(n=st.integers(1, 60), count=st.integers(1, 60))
def test_even_choices(n: int, count: int) -> None:
    """Distinct, in order, mirrored in the middle, and no stretch much longer than another."""
    chosen = evenly(range(n), count)
    assert len(chosen) == min(n, count)
    assert chosen == sorted(set(chosen))
    steps = [after - before for before, after in pairwise(chosen)]
    assert not steps or max(steps) - min(steps) <= 1


def test_fillings_are_all_combinations() -> None:
    made = suite(template("{p} riu", {"p": "genero"}))
    found = list(fillings({"f": "frutas", "l": "lugares"}, made.lexicons))
    assert len(found) == len(LEXICONS["frutas"]["words"]) * len(LEXICONS["lugares"]["words"])
    assert found[1] == {"f": {"nome": "maçã", "o": "a"}, "l": "no banco"}
