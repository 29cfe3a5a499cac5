"""Texts made comparable, and the words in them: Unicode's composed form, letter case and accents as a suite wants them."""

from __future__ import annotations

import unicodedata

import regex

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # soft hyphen, zero-width space, word joiner, BOM

LETTER = r"[\p{L}\p{M}\p{N}]"
"""What words are made of. Hyphens, apostrophes and underscores part words: "água" is a word of "d'água" and of "_água_"."""

_word = regex.compile(rf"{LETTER}+")


def comparable(text: str, *, case_sensitive: bool = False, accents: bool = True) -> str:
    """`text` in NFC without invisible characters; case folded unless `case_sensitive`, marks taken off unless `accents`."""
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    if not case_sensitive:
        text = unicodedata.normalize("NFC", text.casefold())
    if not accents:
        bare = "".join(character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character))
        text = unicodedata.normalize("NFC", bare)
    return text


def spaced(text: str) -> str:
    """Without blanks at the ends, and with one space for each run of them within."""
    return " ".join(text.split())


def count_words(text: str) -> int:
    """Runs of letters, marks and digits, after composition: "não é d'água" has four."""
    return sum(1 for _ in _word.finditer(unicodedata.normalize("NFC", text)))
