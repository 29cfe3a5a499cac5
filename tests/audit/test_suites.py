"""The suites that ship with the package keep what their datasheets promise: form, counts, texts."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from typing import Any

import pytest

from afinar.audit import datasheets, templates
from afinar.audit.loading import bundled_suites
from afinar.audit.perturb import untouched, variants
from afinar.audit.schema import Check, Counterfactual, Pair, Passage
from afinar.data.sources import read
from tests.audit.shipped import DOCS, NAMES, TRAINING, cases, each, plain, suite, texts, twins

# --- form -------------------------------------------------------------------------------------------------------------


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


# --- counts -----------------------------------------------------------------------------------------------------------


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


# --- texts ------------------------------------------------------------------------------------------------------------


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
