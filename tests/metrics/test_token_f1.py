from __future__ import annotations

import collections
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar.metrics.token_f1 import normalise, token_f1


def squad_f1(prediction: str, reference: str) -> float:
    """The definition of SQuAD 2.0, for English in ASCII: lower case, no punctuation, no articles, white space collapsed."""

    def tokens(text: str) -> list[str]:
        bare = "".join(character for character in text.lower() if character not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    first, second = tokens(prediction), tokens(reference)
    shared = sum((collections.Counter(first) & collections.Counter(second)).values())
    if not first or not second:
        return float(first == second)
    return 0.0 if shared == 0 else 2 / (len(first) / shared + len(second) / shared)


WORDS = st.lists(st.sampled_from(["the", "a", "An", "cat", "cats", "Cat,", "3.5", "mat!", "...", "don't", "(the)"])).map(
    " ".join
)


@given(WORDS, WORDS)
def test_english_is_squads(prediction, reference):
    assert token_f1(prediction, [reference], "en") == pytest.approx(squad_f1(prediction, reference))


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("O gato preto", "um gato preto!", 1.0),
        ("a informação não é útil", "A INFORMAÇÃO NÃO É ÚTIL.", 1.0),
        ("a informação não é útil", "a informação é útil", 2 * 3 / (4 + 3)),
        ("“Brasília” — 1960", "Brasília, 1960", 1.0),
        ("guarda-chuva", "guarda chuva", 0.0),
        ("", "Brasília", 0.0),
        ("o", "a", 1.0),  # articles alone: no token on either side
        ("gato gato gato", "gato", 2 / 4),  # a repeated word counts as often as the reference has it
    ],
)
def test_portuguese(prediction, reference, score):
    assert token_f1(prediction, [reference]) == pytest.approx(score)


def test_articles_by_language():
    text = "As the um o an answer"
    assert normalise(text, "en") == ["as", "um", "o", "answer"]
    assert normalise(text, "pt") == ["the", "an", "answer"]
    assert normalise(text) == ["answer"]


def test_composition_does_not_matter():
    assert token_f1(unicodedata.normalize("NFD", "ação rápida"), ["ação rápida"]) == 1.0


def test_the_best_reference_counts():
    assert token_f1("São Paulo", ["Rio", "cidade de São Paulo", "São"]) == pytest.approx(2 / 3)
    assert token_f1("", ["São", ""]) == 1.0


@given(st.text(), st.text())
def test_any_text_scores_alike_both_ways_round(one, other):
    assert 0 <= token_f1(one, [other]) <= 1
    assert token_f1(one, [other]) == token_f1(other, [one])
    assert token_f1(one, [one]) == 1


def test_a_language_without_a_list():
    with pytest.raises(KeyError):
        token_f1("le chat", ["chat"], "fr")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="empty"):
        token_f1("o gato", [])
