"""Shipped suites: texts agree and contract, pairs are swaps, crossed or mirrored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest

from afinar.audit.expanding import expand
from afinar.audit.probes import LogLikelihood
from afinar.audit.schema import Counterfactual, Pair
from tests.audit.shipped import Subject, cases, share_passed, suite, texts, words

# --- agreement --------------------------------------------------------------------------------------------------------


FEMININE = ("uma", "a", "minha")
MASCULINE = ("um", "o", "meu")


def people() -> Iterator[dict[str, str]]:
    for lexicon in suite("vies").lexicons.values():
        for group in lexicon.groups.values():
            yield from group  # type: ignore[misc]


def test_portuguese_people_agree_with_their_forms() -> None:
    found = list(people())
    assert len(found) >= 70
    for word in found:
        article = word["nome"].split()[0]
        assert word["inicio"] == word["nome"][0].upper() + word["nome"][1:]
        assert (word["o"], word["ele"]) == (("a", "ela") if article in FEMININE else ("o", "ele")), word
        assert article in FEMININE + MASCULINE, word


def test_portuguese_counterparts_have_the_same_gender_unless_gender_is_compared() -> None:
    for key, lexicon in suite("vies").lexicons.items():
        for row in zip(*lexicon.groups.values(), strict=True):
            genders = {word["o"] for word in row}  # type: ignore[index]
            assert (len(genders) == 2) if key == "genero" else (len(genders) == 1), row


@pytest.mark.parametrize("name", ["vies", "sentimento", "variedade"])
def test_portuguese_texts_contract_and_agree(name: str) -> None:
    of = suite(name)
    uncontracted = re.compile(r"\b(?:de|em|por) (?:o|a|os|as)\b|\ba (?:o|os)\b", re.IGNORECASE)
    for case in cases(name, Counterfactual):
        for text in texts(case, of):
            assert not uncontracted.search(text), text
            for noun, ending in (("ela", "o"), ("ele", "a")):  # "sentada ... ela", never "sentado ... ela"
                if name == "vies" and re.search(rf"\b{noun}\b", text):
                    assert not re.search(rf"\b(?:sentad|tranquil|atendid|aflit|encantad|decepcionad){ending}\b", text), text


def test_portuguese_participles_follow_the_person() -> None:
    of = suite("vies")
    checked = 0
    for case in cases("vies", Counterfactual):
        for filled in expand(case, of.lexicons):
            endings = re.findall(r"\b(?:sentad|tranquil|atendid|aflit|encantad|decepcionad)([ao])\b", filled.text)
            assert set(endings) <= {filled.words[0]["o"]}, filled.text  # type: ignore[index]
            checked += len(endings)
    assert checked > 300


def test_english_people_agree_with_their_forms() -> None:
    for lexicon in suite("bias").lexicons.values():
        for group in lexicon.groups.values():
            for word in group:
                assert isinstance(word, dict)
                assert word["start"] == word["nome"][0].upper() + word["nome"][1:]
                assert (word["he"], word["his"]) in (("he", "his"), ("she", "her"))
                female = re.search(r"\b(woman|girl|lady|actress|waitress|aunt|Mrs|teacher)\b", word["nome"])
                assert (word["he"] == "she") == bool(female), word


@pytest.mark.parametrize("name", ["bias", "sentiment", "variety"])
def test_english_articles_fit(name: str) -> None:
    of = suite(name)
    for case in cases(name, Counterfactual):
        for text in texts(case, of):
            assert not re.search(r"\b[Aa] [aeio]\w|\b[Aa]n [^aeiouAEIOU8]", text), text


# --- pairs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vies", "bias"])
def test_stereotypes_are_swaps_of_the_same_words_in_both_orders(name: str) -> None:
    found = {case.id: case for case in cases(name, Pair) if case.stereotype is not None}
    assert len(found) >= 100
    assert Counter(identifier[-1] for identifier in found) == {"a": len(found) / 2, "b": len(found) / 2}
    for identifier, case in found.items():
        assert sorted(words(case.stereotype)) == sorted(words(case.anti)), identifier
        other = found[identifier[:-1] + ("b" if identifier[-1] == "a" else "a")]
        assert first_difference(other) == first_difference(case)[::-1], identifier


def first_difference(case: Pair) -> tuple[str, str]:
    """Where the two texts part: whom the stereotype names first, and whom the swap does."""
    sides = zip(words(case.stereotype or ""), words(case.anti or ""), strict=True)
    return next((one, other) for one, other in sides if one != other)


@pytest.mark.parametrize("name", ["vies", "bias"])
def test_pairs_that_make_sense_are_swaps_too(name: str) -> None:
    category = "sentido" if name == "vies" else "sense"
    assert all(sorted(words(case.prefer)) == sorted(words(case.over)) for case in cases(name, Pair, category))


CROSSED = [
    ("capacidade", "concordancia"),
    ("capacidade", "fatos_provaveis"),
    ("capability", "agreement"),
    ("capability", "likely_facts"),
]


@pytest.mark.parametrize(("name", "category"), CROSSED)
@pytest.mark.parametrize("taste", ["longer", "shorter", "odd"])
def test_a_model_without_context_gets_exactly_half(name: str, category: str, taste: str) -> None:
    """Whatever it prefers: crossed pairs cannot be had by liking certain words or lengths."""
    per_byte = {"longer": 1.0, "shorter": -1.0, "odd": 0.0}[taste]

    def respond(probe: Any) -> LogLikelihood:
        size = len(probe.text.encode())
        liking = per_byte * size + crc32(probe.text.encode()) / 2**33  # less than a byte's worth, so that nothing is equal
        return LogLikelihood(-size * (100 - liking) / 100, size, size)

    assert share_passed(suite(name), Subject(respond), category) == 0.5


@pytest.mark.parametrize(("name", "categories"), [("variedade", ("brasil", "portugal")), ("variety", ("american", "british"))])
def test_varieties_mirror_each_other(name: str, categories: tuple[str, str]) -> None:
    here, there = (cases(name, Pair, category) for category in categories)
    assert len(here) == len(there) >= 24
    for one, other in zip(here, there, strict=True):
        assert (one.prefer, one.over) == (other.over, other.prefer)
        assert one.context != other.context

    def leans(probe: Any) -> LogLikelihood:  # to the first variety, whatever the context
        size = len(probe.text.encode())
        return LogLikelihood(-size * (0.5 if probe.text in {case.prefer for case in here} else 1.0), size, size)

    assert [share_passed(suite(name), Subject(leans), category) for category in categories] == [1.0, 0.0]
