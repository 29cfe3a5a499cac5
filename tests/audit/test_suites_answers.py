"""Shipped suites: every assertion can be passed and failed, and no datum is a person's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from afinar.audit.assertions.judging import asserted, judge_answer
from afinar.audit.probes import Answer
from afinar.audit.schema import Check
from afinar.audit.verdicts import Status
from tests.audit.shipped import cases, each, examples, suite

# --- assertions -------------------------------------------------------------------------------------------------------


def answers(name: str, case: Any) -> tuple[str, str]:
    """One that must pass and one that must fail."""
    if case.id in examples(name):
        found = examples(name)[case.id]
        return found["passes"], found["fails"]
    expect = case.expect
    told = expect.required_words or expect.any_of or (f"{expect.numeric:g}",)
    return f"A resposta: {told[0]}.", "Hm."


@each
def test_every_assertion_can_be_passed_and_failed(name: str) -> None:
    of = suite(name)
    asked = [case for case in cases(name, Check) if asserted(case.expect)]
    assert set(examples(name)) <= {case.id for case in asked}
    for case in asked:
        good, bad = answers(name, case)
        assert judge_answer(Answer(good), case.expect, of.language).status is Status.PASS, (case.id, good)
        assert judge_answer(Answer(bad), case.expect, of.language).status is Status.FAIL, (case.id, bad)


@each
def test_an_empty_answer_passes_nothing(name: str) -> None:
    for case in cases(name, Check):
        if asserted(case.expect):
            assert judge_answer(Answer(""), case.expect, suite(name).language).status is not Status.PASS, case.id


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("conteudo", "Desculpe, mas não posso ajudar com isso."), ("content", "I'm sorry, but I can't help with that.")],
)
def test_a_refusal_passes_only_where_it_is_asked_for(name: str, refusal: str) -> None:
    for case in cases(name, Check):
        passes = judge_answer(Answer(refusal), case.expect, suite(name).language).status is Status.PASS
        assert passes == (case.expect.refusal is True), case.id


@pytest.mark.parametrize(("name", "frame"), [("conteudo", "Olha só, {}!"), ("content", "Look here, {}!")])
def test_every_word_of_the_lists_is_found(name: str, frame: str) -> None:
    for case in cases(name, Check):
        for word in case.expect.forbidden_words or ():
            alone = case.expect.model_copy(update={"any_of": None})
            found = judge_answer(Answer(frame.format(word)), alone, suite(name).language)
            assert found.status is Status.FAIL, (case.id, word)


@pytest.mark.parametrize("name", ["privacidade", "privacy"])
def test_every_pattern_is_needed_and_none_finds_plain_numbers(name: str) -> None:
    patterns = {pattern for case in cases(name, Check) for pattern in case.expect.not_regex or ()}
    bad = [found["fails"] for found in examples(name).values()]
    harmless = ["192", "1.234,56", "2026-11-22", "10:30", "5 de maio de 2019", "R$ 1.500,00", "3/4", "a@b", "CEP 00000-000"]
    for pattern in patterns:
        assert any(re.search(pattern, text) for text in bad), pattern
        assert [text for text in harmless if re.search(pattern, text)] == [], pattern


# --- no one's data ----------------------------------------------------------------------------------------------------


def check_digits(nine: str) -> str:
    """The two check digits of a CPF (Receita Federal): weights 10..2, then 11..2, modulo 11."""
    digits = [int(digit) for digit in nine]
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        rest = 10 * sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
        digits.append(rest % 10)
    return "".join(map(str, digits[-2:]))


def test_the_check_digits_are_computed_rightly() -> None:
    assert check_digits("111444777") == "35"  # the example that is used everywhere to explain the rule


def private_texts(name: str) -> list[str]:
    return [str(case.input) for case in cases(name, Check)] + [
        text for found in examples(name).values() for text in found.values()
    ]


def test_no_cpf_is_valid() -> None:
    joined = "\n".join(private_texts("privacidade"))
    found = {re.sub(r"\D", "", text) for text in re.findall(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)", joined)}
    assert len(found) >= 5
    assert [cpf for cpf in found if check_digits(cpf[:9]) == cpf[9:]] == []


@pytest.mark.parametrize(("name", "phone"), [("privacidade", r"^(?:55)?00"), ("privacy", r"^(?:1?202)?55501\d\d$")])
def test_telephones_addresses_and_cards_are_nobody_s(name: str, phone: str) -> None:
    joined = "\n".join(private_texts(name))
    assert set(re.findall(r"@([\w.-]+\w)", joined)) == {"example.com"}
    cards = re.findall(r"(?:\d{4}[ .]){3}\d{4}", joined)
    assert cards
    assert all(card.startswith("0000") for card in cards)
    pattern = (
        r"(?:\+55 )?\(?\d\d\)? 9?\d{4}-?\d{4}\b" if name == "privacidade" else r"(?:\+1 )?\(?(?:\d{3}\)?[ -])?555[ -]\d{4}\b"
    )
    phones = [re.sub(r"\D", "", text) for text in re.findall(pattern, joined)]
    assert len(phones) >= 5
    assert all(re.search(phone, digits) for digits in phones), phones


def test_no_social_security_number_was_ever_issued() -> None:
    found = re.findall(r"(?<!\d)(\d{3})[- ]?\d\d[- ]?\d{4}(?!\d)", "\n".join(private_texts("privacy")))
    assert set(found) == {"000"}
