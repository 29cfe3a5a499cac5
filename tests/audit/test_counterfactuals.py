"""Templates over groups: what is compared with what, and what it shows."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afinar import messages
from afinar.audit import counterfactuals
from afinar.audit.counterfactuals import without
from afinar.audit.expanding import Filled, expand
from afinar.audit.probes import Answer, Ask, Failure, Score
from afinar.audit.schema import Counterfactual
from afinar.audit.verdicts import Status, Verdict
from afinar.metrics.gaps import group_gaps
from tests.audit.kinds import LEXICONS, judged, keys, positive, probes, says, suite


def case(over: dict[str, str], template: str = "{p} riu.", **expect: Any) -> dict[str, Any]:
    return {"template": template, "over": over, "expect": expect or {"equal_label": True}}


def filled(tree: dict[str, Any], **changes: Any) -> list[Filled]:
    made = suite(tree, **changes)
    (one,) = made.cases
    assert isinstance(one, Counterfactual)
    return expand(one, made.lexicons)


def by_block(found: list[Filled], place: int = 0) -> list[list[str]]:
    blocks: dict[str, list[str]] = {}
    for each in found:
        blocks.setdefault(each.blocks[place], []).append(each.text)
    return [sorted(texts) for texts in blocks.values()]


class TestExpanding:
    def test_aligned_words_are_compared_with_their_counterparts(self) -> None:
        found = filled(case({"p": "genero"}, "{p} está cansad{p.o}."))
        assert by_block(found) == [
            ["a médica está cansada.", "o médico está cansado."],
            ["a tia está cansada.", "o tio está cansado."],
        ]

    def test_other_words_are_compared_all_together(self) -> None:
        assert by_block(filled(case({"p": "nomes"}))) == [["Ana riu.", "Bia riu.", "Davi riu.", "Lia riu.", "Rui riu."]]

    def test_variety_is_alike_for_all_groups_and_used_up_in_turn(self) -> None:
        found = filled(case({"p": "nomes", "l": "lugares"}, "{p} riu {l}."))
        assert Counter(each.groups[0] for each in found) == {"f": 3, "m": 2}
        blocks = by_block(found)
        assert len(blocks) == 2  # as many as the smallest group has words
        places = [{text.partition(" riu ")[2] for text in block} for block in blocks]
        assert all(len(place) == 1 for place in places)
        assert places[0] != places[1]

    def test_two_compared_slots(self) -> None:
        """For each of them, the other one holds the same word."""
        found = filled(case({"p": "genero", "r": "regiao"}, "{p} {r} riu."))
        assert len(found) == 8
        assert sorted(by_block(found, 0))[0] == ["a médica de Santa Catarina riu.", "o médico de Santa Catarina riu."]
        assert sorted(by_block(found, 1))[0] == ["a médica de Santa Catarina riu.", "a médica do Acre riu."]
        assert (len(by_block(found, 0)), len(by_block(found, 1))) == (4, 4)

    def test_a_limit_of_words_is_taken_evenly(self) -> None:
        groups = {group: [f"{group}{i}" for i in range(9)] for group in ("a", "b")}
        lexicons = {"n": {"attribute": "x", "groups": groups, "aligned": True}}
        found = filled(case({"p": "n"}) | {"words": 3}, lexicons=lexicons)
        assert by_block(found) == [["a1 riu.", "b1 riu."], ["a4 riu.", "b4 riu."], ["a7 riu.", "b7 riu."]]

    def test_blocks_are_unique_in_the_suite(self) -> None:
        assert all(block.startswith("caso|") for each in filled(case({"p": "genero"})) for block in each.blocks)

    @settings(max_examples=60, deadline=None)
    @given(
        sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
        aligned=st.booleans(),
        varied=st.integers(0, 4),
        words=st.none() | st.integers(1, 6),
    )
    def test_every_word_once_and_every_block_whole(
        self, sizes: list[int], aligned: bool, varied: int, words: int | None
    ) -> None:
        sizes = [sizes[0]] * len(sizes) if aligned else sizes
        groups = {f"g{g}": [f"w{g}_{i}" for i in range(size)] for g, size in enumerate(sizes)}
        lexicons: dict[str, Any] = {"n": {"attribute": "x", "groups": groups, "aligned": aligned}}
        over, template = {"p": "n"}, "{p} riu"
        if varied:
            lexicons["v"] = {"words": [f"v{i}" for i in range(varied)]}
            over, template = {"p": "n", "v": "v"}, "{p} riu {v}"
        found = filled(case(over, template) | {"words": words}, lexicons=lexicons)
        assert Counter(each.words[0] for each in found).most_common(1)[0][1] == 1
        assert len(found) == sum(min(size, words or size) for size in sizes)
        blocks: dict[str, list[Filled]] = {}
        for each in found:
            blocks.setdefault(each.blocks[0], []).append(each)
        for block in blocks.values():
            assert {each.groups[0] for each in block} == set(groups)
            assert len({re.sub(r"^\w+", "", each.text) for each in block}) == 1

    def test_names_of_groups_do_not_matter(self) -> None:
        tree = case({"p": "nomes", "l": "lugares"}, "{p} riu {l}.")
        renamed = {
            "attribute": "nome",
            "groups": {"x": LEXICONS["nomes"]["groups"]["f"], "y": LEXICONS["nomes"]["groups"]["m"]},
        }
        one, other = filled(tree), filled(tree, lexicons=LEXICONS | {"nomes": renamed})
        assert [(each.text, each.blocks) for each in one] == [(each.text, each.blocks) for each in other]


class TestLabels:
    def test_equal(self) -> None:
        verdict = judged(suite(case({"p": "genero"})), positive(lambda _: 0.9))
        assert (verdict.status, verdict.reasons, verdict.observations) == (Status.PASS, (), ())
        assert [each.kind for each in verdict.expansions] == ["feminino", "masculino"] * 2
        assert {each.response for each in verdict.expansions} == {"positivo 0.90"}

    def test_different(self) -> None:
        verdict = judged(suite(case({"p": "nomes"})), positive(lambda text: 0.4 if text.startswith("Rui") else 0.9))
        assert (verdict.status, keys(verdict)) == (Status.FAIL, ["kinds.labels_differ"])
        values = verdict.reasons[0].values
        assert (values["broken"], values["count"]) == (1, 1)
        assert {(values["group"], values["label"]), (values["other_group"], values["other_label"])} == {
            ("f", "positivo"),
            ("m", "negativo"),
        }
        assert [each.text for each in verdict.expansions if each.status is Status.FAIL] == ["Rui riu."]

    def test_where_no_label_leads_all_are_marked(self) -> None:
        verdict = judged(suite(case({"p": "genero"})), positive(lambda text: 0.9 if text == "a tia riu." else 0.1))
        assert [each.text for each in verdict.expansions if each.status is Status.FAIL] == ["a tia riu.", "o tio riu."]
        assert (verdict.reasons[0].values["broken"], verdict.reasons[0].values["count"]) == (1, 2)

    def test_each_attribute_is_told_by_itself(self) -> None:
        tree = case({"p": "genero", "r": "regiao"}, "{p} {r} riu.")
        verdict = judged(suite(tree), positive(lambda text: 0.9 if "Acre" in text else 0.1))
        values = [reason.values for reason in verdict.reasons]
        assert [(each["attribute"], each["broken"], each["count"]) for each in values] == [("região", 4, 4)]

    def test_words_that_are_not_counterparts_are_not_compared(self) -> None:
        """In an aligned lexicon aunts may differ from doctors."""
        verdict = judged(suite(case({"p": "genero"})), positive(lambda text: 0.9 if "ti" in text else 0.1))
        assert verdict.status is Status.PASS

    def test_the_right_label_is_measured_and_decides_nothing(self) -> None:
        tree = case({"p": "genero"}, equal_label=True, label="negativo")
        verdict = judged(suite(tree), positive(lambda _: 0.9))
        assert (verdict.status, verdict.values) == (Status.PASS, {"right": 0.0})
        assert {reason.key for each in verdict.expansions for reason in each.reasons} == {"kinds.wrong_label"}
        assert judged(suite(tree), positive(lambda text: 0.9 if "ti" in text else 0.1)).values == {"right": 0.5}


class TestScores:
    def test_the_gap_within_blocks(self) -> None:
        shares = {"a médica riu.": 0.5, "o médico riu.": 0.6, "a tia riu.": 0.9, "o tio riu.": 0.65}
        model = positive(shares.__getitem__)
        tree = case({"p": "genero"}, score="positivo", max_gap=0.25)
        assert judged(suite(tree), model).status is Status.PASS
        verdict = judged(suite(case({"p": "genero"}, score="positivo", max_gap=0.2)), model)
        assert (verdict.status, keys(verdict)) == (Status.FAIL, ["kinds.gap"])
        assert verdict.values == pytest.approx({"max_gap": 0.25})
        values = verdict.reasons[0].values
        assert (values["high"], values["low"], values["broken"], values["count"]) == ("feminino", "masculino", 1, 2)
        assert [each.text for each in verdict.expansions if each.status is Status.FAIL] == ["a tia riu.", "o tio riu."]

    def test_groups_are_compared_by_their_means(self) -> None:
        """Names of one group may lie further apart than the groups do."""
        shares = {"Ana riu.": 0.2, "Bia riu.": 0.5, "Lia riu.": 0.8, "Davi riu.": 0.4, "Rui riu.": 0.7}
        verdict = judged(suite(case({"p": "nomes"}, score="positivo", max_gap=0.1)), positive(shares.__getitem__))
        assert verdict.status is Status.PASS
        assert verdict.values == pytest.approx({"max_gap": 0.05})

    def test_without_a_limit_it_is_measured(self) -> None:
        verdict = judged(suite(case({"p": "genero"}, score="positivo")), positive(lambda text: 0.9 if text[0] == "a" else 0.1))
        assert (verdict.status, keys(verdict)) == (Status.INCONCLUSIVE, ["kinds.measured"])
        assert verdict.values == pytest.approx({"max_gap": 0.8})

    def test_observations_feed_the_gap_of_the_category(self) -> None:
        verdict = judged(suite(case({"p": "genero"}, score="positivo")), positive(lambda text: 0.9 if text[0] == "a" else 0.1))
        assert len(verdict.observations) == 4
        (gap,) = group_gaps(verdict.observations)
        assert (gap.attribute, gap.groups, gap.n) == ("gênero", ("feminino", "masculino"), 1)
        assert gap.gap == pytest.approx(0.8)

    def test_two_attributes_are_told_apart(self) -> None:
        tree = case({"p": "genero", "r": "regiao"}, "{p} {r} riu.", score="positivo")
        verdict = judged(suite(tree), positive(lambda text: 0.9 if "Acre" in text else 0.3))
        gaps = {gap.attribute: gap.gap for gap in group_gaps(verdict.observations)}
        assert gaps == pytest.approx({"gênero": 0.0, "região": 0.6})
        assert [each.kind for each in verdict.expansions][:2] == ["feminino · norte", "feminino · sul"]

    def test_a_group_under_a_second_name_has_no_gap(self) -> None:
        groups = LEXICONS["genero"]["groups"]
        doubled = LEXICONS["genero"] | {"groups": {"um": groups["feminino"], "outro": groups["feminino"]}}
        made = suite(case({"p": "g"}, score="positivo", max_gap=0.0), lexicons={"g": doubled})
        verdict = judged(made, positive(lambda text: len(text) / 100))
        assert (verdict.status, verdict.values["max_gap"]) == (Status.PASS, 0.0)

    def test_the_score_is_shown_beside_the_decision(self) -> None:
        verdict = judged(suite(case({"p": "genero"}, score="positivo", max_gap=0.1)), positive(lambda _: 0.2))
        assert {each.response for each in verdict.expansions} == {"negativo 0.80 · positivo 0.20"}


class TestAnswers:
    def verdict(self, answer: Any, template: str = "{p} chegou.", over: dict[str, str] | None = None) -> Verdict:
        return judged(suite(case(over or {"p": "genero"}, template, equal_answer=True)), says(answer))

    def test_own_words_are_taken_out_of_all_answers(self) -> None:
        verdict = self.verdict(lambda text: f"Que bom que {text.split(' chegou')[0]} veio!")
        assert (verdict.status, verdict.reasons) == (Status.PASS, ())

    def test_forms_of_agreement_too(self) -> None:
        verdict = self.verdict(lambda text: "Ela está bem." if text[0] == "a" else "Ele está bem!")
        assert verdict.status is Status.PASS

    def test_other_differences_fail(self) -> None:
        verdict = self.verdict(lambda text: "Ela limpa." if text[0] == "a" else "Ele opera.")
        assert (verdict.status, keys(verdict)) == (Status.FAIL, ["kinds.answers_differ"])
        assert (verdict.reasons[0].values["broken"], verdict.reasons[0].values["count"]) == (2, 2)
        assert all(each.status is Status.FAIL for each in verdict.expansions)

    def test_empty_answers_show_nothing(self) -> None:
        assert keys(self.verdict(lambda _: " ")) == ["kinds.answers_empty"]
        assert self.verdict(lambda _: "").status is Status.INCONCLUSIVE
        assert self.verdict(lambda text: "" if text[0] == "a" else "Oi.").status is Status.FAIL

    def test_an_answer_cut_off_before_it_could_differ(self) -> None:
        def cut(text: str) -> Answer:
            return Answer("O dia foi bom e", truncated=True) if text[0] == "a" else Answer("O dia foi bom e longo.")

        verdict = self.verdict(cut)
        assert (verdict.status, keys(verdict)) == (Status.INCONCLUSIVE, ["kinds.answers_cut"])
        assert verdict.expansions[0].truncated
        assert self.verdict(lambda text: Answer("O dia foi", truncated=True)).status is Status.PASS
        assert (
            self.verdict(lambda text: Answer("O dia" if text[0] == "a" else "A noite", truncated=True)).status is Status.FAIL
        )

    def test_failing_wins_over_not_knowing(self) -> None:
        verdict = self.verdict(lambda text: "" if "m" in text else text[0] * 3)
        assert (verdict.status, keys(verdict)) == (Status.FAIL, ["kinds.answers_differ", "kinds.answers_empty"])

    @pytest.mark.parametrize(
        ("phrases", "text", "expected"),
        [
            ({"a tia", "a", "ela"}, "A Tia, que é ela, é a tia.", "que é é"),
            ({"ana"}, "Ana ama banana; ANA!", "ama banana"),
            ({"o", "o tio"}, "o o tio do pátio", "do pátio"),
            ({"", "!"}, "Oi, gente!", "oi gente"),
            ({"São Paulo"}, "Moro em Sa\u0303o   Paulo.", "moro em"),
        ],
    )
    def test_without(self, phrases: set[str], text: str, expected: str) -> None:
        assert without(phrases, text) == expected


class TestAsking:
    def test_what_is_asked_of_each_task(self) -> None:
        both = suite(case({"p": "genero"}, equal_label=True, equal_answer=True))
        assert [type(probe) for probe in probes(both)] == [Score] * 4 + [Ask] * 4
        assert [type(probe) for probe in probes(both, "classification")] == [Score] * 4
        assert probes(both)[4] == Ask("a médica riu.", 64)

    def test_a_classifier_gives_no_answers(self) -> None:
        only = suite(case({"p": "genero"}, equal_answer=True))
        assert not counterfactuals.applies(only.cases[0], only, "classification")  # type: ignore[arg-type]
        assert counterfactuals.applies(only.cases[0], only, "causal")  # type: ignore[arg-type]

    def test_labels_and_answers_are_judged_together(self) -> None:
        label, answer = positive(lambda _: 0.9), says(lambda text: text[0] * 3)
        both = suite(case({"p": "genero"}, equal_label=True, equal_answer=True))
        verdict = judged(both, lambda probe: label(probe) if isinstance(probe, Score) else answer(probe))
        assert (verdict.status, keys(verdict)) == (Status.FAIL, ["kinds.answers_differ"])
        assert [str(each.status) for each in verdict.expansions] == ["pass"] * 4 + ["fail"] * 4

    def test_what_cannot_be_asked_is_an_error_and_no_observation(self) -> None:
        model = positive(lambda _: 0.9)
        verdict = judged(
            suite(case({"p": "genero"}, score="positivo", max_gap=0.1)),
            lambda probe: Failure("audit.long_text", {"limit": 9}) if "tia" in probe.text else model(probe),
        )
        assert (verdict.status, keys(verdict), verdict.observations) == (Status.ERROR, ["audit.long_text"], ())
        assert [str(each.status) for each in verdict.expansions].count("error") == 1


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_reason_can_be_said(language: messages.Language) -> None:
    messages.use(language)
    found = [
        judged(
            suite(case({"p": "genero"}, equal_label=True, score="positivo", max_gap=0.1)),
            positive(lambda t: float(t[0] == "a")),
        ),
        judged(suite(case({"p": "genero"}, equal_answer=True)), says(lambda text: "" if "m" in text else text[0] * 3)),
    ]
    said = [messages.text(reason.key, **reason.values) for verdict in found for reason in verdict.reasons]
    assert len(said) == 4
    assert ("1,000" if language == "pt" else "1.000") in said[1]
