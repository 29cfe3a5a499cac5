"""The sets that ship with the package keep what their data card promises."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from afinar.data import bundled
from afinar.data.config import DataConfig
from afinar.data.formats import Labelled, Turns, detect, normalise
from afinar.data.prepare import prepare
from afinar.data.sources import read
from tests.tiny import tiny_tokenizer

ROWS = {
    ("sentimento", "train"): 672,
    ("sentimento", "valid"): 200,
    ("instrucoes", "train"): 340,
    ("instrucoes", "valid"): 60,
}
SETS = sorted(ROWS)
FORMATS = {"sentimento": "classification", "instrucoes": "messages"}
CARD = (Path(bundled.__file__).parent / "bundled" / "README.md").read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Lower case, without accents, punctuation and doubled blanks."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))


def values(name: str, split: str) -> list[dict[str, Any]]:
    return [row.values for row in read(f"afinar/{name}", split=split)]


def grams(text: str, length: int = 4) -> set[tuple[str, ...]]:
    words = plain(text).split()
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


@pytest.mark.parametrize(("name", "split"), SETS)
def test_the_counts_are_those_of_the_card(name: str, split: str) -> None:
    rows = values(name, split)
    assert len(rows) == ROWS[name, split]
    assert len(re.findall(rf"^\| `afinar/{name}` \| {split} \| {len(rows)}[ |]", CARD, re.MULTILINE)) == 2  # two languages


@pytest.mark.parametrize("split", bundled.SPLITS)
def test_sentimento_is_balanced(split: str) -> None:
    counts = Counter(row["label"] for row in values("sentimento", split))
    assert set(counts) == {"positivo", "negativo"}
    assert abs(counts["positivo"] - counts["negativo"]) <= 2
    if split == "train":
        assert CARD.count(f"672 ({counts['positivo']} `positivo`, {counts['negativo']} `negativo`)") == 2


@pytest.mark.parametrize(("name", "split"), SETS)
def test_the_words_are_those_of_the_card(name: str, split: str) -> None:
    texts = [row["text"] if "text" in row else row["messages"][1]["content"] for row in values(name, split)]
    words = [len(text.split()) for text in texts]
    told = f"{min(words)}, {median(words):.0f}, {max(words)}"
    assert len(re.findall(rf"^\| `afinar/{name}` \| {split} .* {told} \|$", CARD, re.MULTILINE)) == 2


def test_no_two_reviews_are_equal() -> None:
    texts = [plain(row["text"]) for split in bundled.SPLITS for row in values("sentimento", split)]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


@pytest.mark.parametrize("turn", [0, 1])
def test_no_two_questions_and_no_two_answers_are_equal(turn: int) -> None:
    texts = [plain(row["messages"][turn]["content"]) for split in bundled.SPLITS for row in values("instrucoes", split)]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_no_held_out_review_is_made_of_a_training_one() -> None:
    """No pair across the splits shares 12% or more of the shorter one's word 4-grams: no skeleton with other nouns."""
    trained = [grams(row["text"]) for row in values("sentimento", "train")]
    for row in values("sentimento", "valid"):
        own = grams(row["text"])
        shared = max(len(own & other) / min(len(own), len(other)) for other in trained if own and other)
        assert shared < 0.12, row["text"]


@pytest.mark.parametrize(("name", "split"), SETS)
def test_every_row_is_read_in_its_format(name: str, split: str) -> None:
    for row in read(f"afinar/{name}", split=split):
        assert detect(row.values, row.values) == FORMATS[name]
        record = normalise(row, FORMATS[name])
        if isinstance(record, Turns):
            assert [message["role"] for message in record.messages] == ["user", "assistant"]
        else:
            assert isinstance(record, Labelled)


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_takes_the_set_s_own_held_out_rows_without_a_warning(name: str) -> None:
    prepared = prepare(DataConfig(train=f"afinar/{name}", max_length=1024), tiny_tokenizer())
    assert prepared.format == FORMATS[name]
    assert (len(prepared.train), len(prepared.valid or ())) == (ROWS[name, "train"], ROWS[name, "valid"])
    assert prepared.report.warnings == ()
    assert prepared.report.truncated == 0
