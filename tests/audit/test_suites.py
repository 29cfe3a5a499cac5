"""The suites that ship with the package keep what their datasheets promise."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from afinar import yaml12
from afinar.audit import datasheets, templates
from afinar.audit.assertions.judging import asserted, judge_answer
from afinar.audit.expanding import expand
from afinar.audit.loading import bundled_suites
from afinar.audit.perturb import untouched, variants
from afinar.audit.probes import Answer, LogLikelihood, Probe, Response, Score, Scores
from afinar.audit.runner import run_suite
from afinar.audit.schema import Check, Contrast, Counterfactual, Pair, Passage, Suite
from afinar.audit.verdicts import Status
from afinar.data.sources import read

NAMES = [name for pair in datasheets.TWINS for name in pair]
ANSWERS = Path(__file__).parent / "answers"
DOCS = Path(__file__).parents[2] / "docs"
TRAINING = ("afinar/sentimento", "afinar/instrucoes")
each = pytest.mark.parametrize("name", NAMES)
twins = pytest.mark.parametrize(("portuguese", "english"), datasheets.TWINS)


suite = datasheets.shipped


@functools.cache
def examples(name: str) -> dict[str, dict[str, str]]:
    """An answer that passes and one that fails, by case, where the assertion does not tell them by itself."""
    path = ANSWERS / f"{name}.yaml"
    return yaml12.plain(yaml12.read(path.read_text(encoding="utf-8"), path.name)) if path.exists() else {}


def cases(name: str, kind: type, category: str | None = None) -> list[Any]:
    return [case for case in suite(name).cases if isinstance(case, kind) and category in (None, case.category)]


def plain(text: str) -> str:
    """Lower case, without accents, punctuation and doubled blanks."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))


def words(text: str) -> list[str]:
    return re.findall(r"[\w'’-]+", text.lower())


def texts(case: Any, of: Suite) -> list[str]:
    """What a person would read of a case: its texts, filled."""
    if isinstance(case, Counterfactual):
        return [filled.text for filled in expand(case, of.lexicons)]
    if isinstance(case, Pair):
        return [case.context + side for side in (case.prefer, case.over, case.stereotype, case.anti) if side is not None]
    if isinstance(case, Contrast):
        return [case.input, case.changed]
    return [case.passage if isinstance(case, Passage) else str(case.input)]


class Subject:
    """A model in plain Python: a function of the probe."""

    def __init__(self, respond: Callable[[Any], Response], task: str = "causal") -> None:
        self.answer = respond
        self.task = task
        self.name = "subject"

    def respond(self, probes: Sequence[Probe], on_progress: Any = None) -> list[Response]:
        return [self.answer(probe) for probe in probes]


def classifier(decide: Callable[[str], float]) -> Subject:
    """A classifier whose probability of the suite's first label is `decide(text)`."""

    def respond(probe: Score) -> Scores:
        first, second = (name for name, _ in probe.labels)
        share = decide(probe.text)
        return Scores({first: share, second: 1 - share})

    return Subject(respond, "classification")


def share_passed(of: Suite, subject: Subject, category: str, baseline: Subject | None = None) -> float:
    found = [outcome.verdict.status for outcome in run_suite(of, subject, baseline, categories=[category]).outcomes]
    assert {Status.PASS, Status.FAIL} >= set(found)
    return found.count(Status.PASS) / len(found)


# --- form ----------------------------------------------------------------------------------------------------------


def test_these_suites_ship() -> None:
    assert sorted(bundled_suites()) == sorted(f"afinar/{name}" for name in NAMES)


@each
def test_is_whole(name: str) -> None:
    of = suite(name)
    assert of.name == f"afinar/{name}"
    assert of.datasheet is not None
    assert of.datasheet.licence.startswith("CC BY 4.0")
    assert {case.category for case in of.cases} == set(of.categories)
    assert len({case.id for case in of.cases}) == len(of.cases)
    assert all(case.id.split("/")[0] == case.category for case in of.cases)
    for key, category in of.categories.items():
        assert category.gate.no_worse is not asks_for_the_same_label(name, key), key


def asks_for_the_same_label(name: str, category: str) -> bool:
    """Whether a model passes the category by giving one label to everything."""
    alike = [case for case in cases(name, Check, category) if case.perturb is not None and case.perturb.expect == "same_label"]
    return bool(alike or cases(name, Counterfactual, category))


@each
def test_templates_and_lexicons_are_right(name: str) -> None:
    of = suite(name)
    assert [(case.id, found) for case in of.cases for found in templates.check(case, of)] == []
    assert [(key, found) for key, lexicon in of.lexicons.items() for found in templates.check_lexicon(lexicon)] == []
    assert {key for case in cases(name, Counterfactual) for key in case.over.values()} == set(of.lexicons)


@each
def test_what_can_be_had_for_nothing_stands_beside_a_capability(name: str) -> None:
    for key, category in suite(name).categories.items():
        if category.measures in ("bias", "content", "privacy"):
            assert category.beside is not None, key
        if category.beside is not None:
            assert suite(name).categories[category.beside].measures == "capability"


@twins
def test_counterparts_have_the_same_design(portuguese: str, english: str) -> None:
    one, other = (
        [(category.measures, category.beside is None) for category in suite(name).categories.values()]
        for name in (portuguese, english)
    )
    assert one == other


# --- counts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "index"), [("pt", 0), ("en", 1)])
def test_the_page_is_current(language: Any, index: int) -> None:
    written = (DOCS / language / "shipped-suites.md").read_text(encoding="utf-8")
    assert written == datasheets.page(language), "run: python -m afinar.audit.datasheets"
    for pair in datasheets.TWINS:
        sheet = suite(pair[index]).datasheet
        assert sheet is not None
        assert all(" ".join(line.split()) in " ".join(written.split()) for line in (*sheet.shows, *sheet.does_not_show))


@pytest.mark.parametrize("name", ["capacidade", "capability"])
def test_capability_has_at_least_forty_cases(name: str) -> None:
    assert len(suite(name).cases) >= 40
    assert len(cases(name, Pair)) >= 40  # for models too small to answer


@pytest.mark.parametrize("name", ["robustez", "robustness"])
def test_robustness_perturbs_at_least_forty_inputs_and_can(name: str) -> None:
    perturbed = [case for case in cases(name, Check) if case.perturb is not None]
    assert len(perturbed) >= 40
    for case in perturbed:
        made = variants(case.input, case.perturb, suite(name).language, case.id)
        assert len(made) >= 3, case.id
    idle = Counter(
        kind
        for case in perturbed
        for kind in untouched(case.perturb, variants(case.input, case.perturb, suite(name).language, case.id))
    )
    assert all(count < len(perturbed) / 2 for kind, count in idle.items() if kind != "contractions"), idle


@pytest.mark.parametrize("name", ["vies", "bias"])
def test_bias_has_at_least_three_hundred_pairs_over_six_attributes(name: str) -> None:
    of = suite(name)
    swapped = {case.attribute for case in cases(name, Pair) if case.stereotype is not None}
    compared = {of.lexicons[key].attribute for case in cases(name, Counterfactual) for key in case.over.values()}
    assert swapped == compared
    assert len(compared) >= 6
    assert sum(datasheets.pairs(case, of) for case in cases(name, Counterfactual)) >= 300
    assert len({text for case in cases(name, Counterfactual) for text in texts(case, of)}) >= 600


@pytest.mark.parametrize("name", ["esquecimento", "forgetting"])
def test_forgetting_has_sixty_passages(name: str) -> None:
    assert len(cases(name, Passage)) == len(suite(name).cases) == 60
    lengths = [len(case.passage.split()) for case in cases(name, Passage)]
    assert min(lengths) >= 30
    assert max(lengths) <= 80


@pytest.mark.parametrize(("name", "said"), [("conteudo", "({} formas"), ("content", "({} forms")])
def test_the_list_of_words_has_as_many_as_it_says(name: str, said: str) -> None:
    forbidden = {word for case in cases(name, Check) if case.expect.forbidden_words for word in case.expect.forbidden_words}
    sheet = suite(name).datasheet
    assert sheet is not None
    assert said.format(len(forbidden)) in " ".join(sheet.does_not_show)


@pytest.mark.parametrize(
    ("name", "said"), [("sentimento", "40 primeiros nomes e 25 sobrenomes"), ("sentiment", "40 first names and 25 surnames")]
)
def test_the_names_are_as_many_as_it_says(name: str, said: str) -> None:
    sizes = [sum(map(len, lexicon.groups.values())) for lexicon in suite(name).lexicons.values()]
    assert sizes == [40, 25]
    sheet = suite(name).datasheet
    assert sheet is not None
    assert said in " ".join(sheet.does_not_show)


# --- texts ---------------------------------------------------------------------------------------------------------


@each
def test_no_case_is_there_twice(name: str) -> None:
    """Within a category; a base category may have the very texts that another one perturbs."""
    of = suite(name)
    seen = Counter(
        (case.category, tuple(sorted(plain(text) for text in texts(case, of))), getattr(case, "prefer", None))
        for case in of.cases
    )
    assert [key for key, count in seen.items() if count > 1] == []


@each
def test_texts_are_clean(name: str) -> None:
    of = suite(name)
    for case in of.cases:
        for text in texts(case, of):
            assert text == unicodedata.normalize("NFC", text), case.id
            assert text.strip() == text or name in ("privacidade", "privacy"), case.id
            assert not re.search(r"[{}]| {2}| [,.;!?]", text.replace('{"', "").replace("?}", "")), (case.id, text)
            assert not isinstance(case, Counterfactual) or (text[0].isupper() and text[-1] in ".!?"), (case.id, text)


def grams(text: str, length: int = 4) -> set[tuple[str, ...]]:
    own = plain(text).split()
    return {tuple(own[i : i + length]) for i in range(len(own) - length + 1)}


@functools.cache
def trained() -> tuple[set[str], list[set[tuple[str, ...]]]]:
    rows = [row.values for source in TRAINING for split in ("train", "valid") for row in read(source, split=split)]
    known = [row["text"] if "text" in row else turn["content"] for row in rows for turn in row.get("messages", [row])]
    return {plain(text) for text in known}, [grams(text) for text in known]


@each
def test_no_text_is_in_the_bundled_training_data(name: str) -> None:
    of = suite(name)
    whole, pieces = trained()
    index: dict[tuple[str, ...], list[int]] = {}
    for row, own in enumerate(pieces):
        for gram in own:
            index.setdefault(gram, []).append(row)
    for case in of.cases:
        for text in texts(case, of)[:8]:
            assert plain(text) not in whole, case.id
            own = grams(text)
            shared = Counter(row for gram in own for row in index.get(gram, ()))
            if len(own) >= 5:
                assert max(shared.values(), default=0) / len(own) < 0.5, (case.id, text)


# --- agreement -----------------------------------------------------------------------------------------------------

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


# --- pairs ---------------------------------------------------------------------------------------------------------


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


# --- assertions ----------------------------------------------------------------------------------------------------


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


# --- no one's data -------------------------------------------------------------------------------------------------


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


# --- what they find ------------------------------------------------------------------------------------------------

BIAS = [("vies", "leitura", ("genero", "religiao")), ("bias", "reading", ("gender", "religion"))]


@pytest.mark.parametrize(("name", "reading", "categories"), BIAS)
def test_a_model_that_always_says_the_same_shows_no_bias_and_no_capability(
    name: str, reading: str, categories: tuple[str, ...]
) -> None:
    same = classifier(lambda text: 0.9)
    assert all(share_passed(suite(name), same, category) == 1 for category in categories)
    assert share_passed(suite(name), same, reading) == 0.5


@pytest.mark.parametrize(("name", "reading", "categories"), BIAS)
def test_a_model_that_dislikes_women_fails_only_where_women_are_compared(
    name: str, reading: str, categories: tuple[str, ...]
) -> None:
    feminine = {text for case in cases(name, Counterfactual, categories[0]) for text in by_group(name, case)}
    shifted = classifier(lambda text: 0.3 if text in feminine else 0.7)
    assert [share_passed(suite(name), shifted, category) for category in categories] == [0, 1]


def by_group(name: str, case: Any) -> list[str]:
    return [filled.text for filled in expand(case, suite(name).lexicons) if filled.groups[0] in ("feminino", "female")]


@pytest.mark.parametrize("name", ["sentimento", "sentiment", "capacidade", "capability", "robustez", "robustness"])
def test_the_right_labels_pass_and_are_balanced(name: str) -> None:
    of = suite(name)
    labelled = [case for case in cases(name, Check) if case.expect is not None and case.expect.label is not None]
    right = {case.input: case.expect.label for case in labelled}
    first = next(iter(of.labels))
    oracle = classifier(lambda text: 0.9 if right[text] == first else 0.1)
    for category in {case.category for case in labelled}:
        own = Counter(case.expect.label for case in labelled if case.category == category)
        assert set(own) == set(of.labels)
        assert max(own.values()) == min(own.values()), category
        assert share_passed(of, oracle, category) == 1


@pytest.mark.parametrize("name", ["sentimento", "sentiment"])
def test_directions_ask_as_often_for_more_as_for_less(name: str) -> None:
    assert Counter(case.expect.change for case in cases(name, Contrast)) == {"higher": 6, "lower": 6}


@pytest.mark.parametrize("name", ["esquecimento", "forgetting"])
@pytest.mark.parametrize(("dearer", "passed"), [(0.04, 1.0), (0.06, 0.0)])
def test_passages_may_become_a_little_dearer(name: str, dearer: float, passed: float) -> None:
    def model(bits_per_byte: float) -> Subject:
        def respond(probe: Any) -> LogLikelihood:
            size = len(probe.text.encode())
            return LogLikelihood(-bits_per_byte * 0.6931471805599453 * size, size, size)

        return Subject(respond)

    category = next(iter(suite(name).categories))
    assert share_passed(suite(name), model(1.5 + dearer), category, model(1.5)) == passed
