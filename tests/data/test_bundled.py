"""The sets that ship with the package keep what is promised of them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from afinar.data.sources import read


def plain(text: str) -> str:
    """Lower case, without accents, punctuation and doubled blanks."""
    letters = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))


def values(name: str, split: str) -> list[dict]:
    return [row.values for row in read(f"afinar/{name}", split=split)]


def test_sentimento_is_large_balanced_and_without_duplicates() -> None:
    train, valid = values("sentimento", "train"), values("sentimento", "valid")
    assert len(train) + len(valid) >= 600
    for rows in (train, valid):
        counts = Counter(row["label"] for row in rows)
        assert set(counts) == {"positivo", "negativo"}
        assert max(counts.values()) <= 1.1 * min(counts.values())
    texts = [plain(row["text"]) for row in train + valid]
    assert len(set(texts)) == len(texts)


def test_no_held_out_review_shares_a_skeleton_with_a_training_one() -> None:
    """No two reviews across the sides share more than half of their word 4-grams."""

    def grams(text: str) -> set[tuple[str, ...]]:
        words = plain(text).split()
        return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}

    train = [grams(row["text"]) for row in values("sentimento", "train")]
    for row in values("sentimento", "valid"):
        own = grams(row["text"])
        assert all(len(own & other) <= 0.5 * min(len(own), len(other)) for other in train if own and other), row["text"]


def test_instrucoes_are_pairs_without_duplicates() -> None:
    rows = values("instrucoes", "train") + values("instrucoes", "valid")
    assert len(rows) >= 300
    assert all([message["role"] for message in row["messages"]] == ["user", "assistant"] for row in rows)
    for turn in (0, 1):
        texts = [plain(row["messages"][turn]["content"]) for row in rows]
        assert len(set(texts)) == len(texts)
