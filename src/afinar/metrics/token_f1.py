"""Token F1 of short answers, as SQuAD defines it, for Portuguese and English.

With the tokens of prediction and reference after :func:`normalise` as bags, and `shared` the size of their overlap::

    precision = shared / tokens of the prediction     recall = shared / tokens of the reference     F1 = 2 P R / (P + R)

Without a token on either side F1 is 1 (both say nothing), with none on one side 0. Of several references the best counts.

With `language="en"` an answer of plain ASCII text scores as in SQuAD's own script. What differs here: texts are composed first
(NFC), punctuation is all that Unicode calls so, and the articles of Portuguese are removed as those of English are; by default
both languages' are. "a" and "o" go also where they are a preposition or a pronoun: telling them apart would take a tagger.

Source: Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1; answers of no token as in SQuAD 2.0 (Rajpurkar et al. 2018).
"""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from typing import Literal

ArticleLanguage = Literal["pt", "en", "pt+en"]

ARTICLES: dict[str, frozenset[str]] = {
    "en": frozenset({"a", "an", "the"}),
    "pt": frozenset({"o", "a", "os", "as", "um", "uma", "uns", "umas"}),
}


def token_f1(prediction: str, references: list[str], language: ArticleLanguage = "pt+en") -> float:
    """F1 of one prediction against the reference that it comes closest to, 0 to 1.

    Raises KeyError for a language without a list of articles, ValueError without a reference.
    """
    answer = normalise(prediction, language)
    return max(_f1(answer, normalise(reference, language)) for reference in references)


def normalise(text: str, language: ArticleLanguage = "pt+en") -> list[str]:
    """The words that count: composed (NFC), lower-cased, without punctuation and articles.

    Punctuation is taken out, not replaced: "guarda-chuva" is one word, as "3.5" is "35" in SQuAD.
    """
    articles = frozenset().union(*(ARTICLES[name] for name in language.split("+")))
    kept = "".join(c for c in unicodedata.normalize("NFC", text).lower() if not _is_punctuation(c))
    return [word for word in kept.split() if word not in articles]


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    shared = (Counter(answer) & Counter(reference)).total()
    return 2 * shared / (len(answer) + len(reference))
