"""Perturbations of how a text is written, not of what it says: accents, case, spaces, punctuation.

Those that people do to a whole text come first (all accents dropped; all in lower case, in capitals, every word
capitalised; the final mark dropped, typewriter quotes for typographic ones); the variants after them touch a drawn share
of the words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from afinar.audit.draws import Draws
from afinar.audit.edits import MEANT, NEGATIONS, Edit, Source

_GAP = re.compile(r"(?<=\S) (?=\S)")
_FINAL = re.compile(r"(?<![.!?…])[.!?…]++(?=[\s\"”’»)\]]*+\Z)")
_MARK = re.compile(r"(?<![.,;!?…\s])(?:[.!?…]++|[,;])(?=[\s\"”’»]|\Z)")
_TYPOGRAPHIC = re.compile(r"[\"“”‘’']|(?<=\s)[–—-](?=\s)")
_OTHER_FORM = {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "-", "–": "-", "-": "—"}
_REPEATED = {".": "...", "!": "!!", "?": "??", "…": "..."}


def accents(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """Letters without their accents, cedilla and tilde: coração → coracao."""
    edits = [Edit(word.start, word.end, bare(word.text)) for word in source.words if bare(word.text) != word.text]
    return _all_then_some(source, [edits], rate, draws)


def case(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """Lower case, capitals, Every Word Capitalised; then single WORDS in capitals."""
    forms = [
        [Edit(word.start, word.end, form(word.text)) for word in source.words if form(word.text) != word.text]
        for form in (str.lower, str.upper, str.capitalize)
    ]
    return _all_then_some(source, forms, rate, draws, forms[1])


def spaces(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """A space doubled, left out between two words, or put before a mark."""
    text = source.text
    ends = {word.end: word.text for word in source.words}
    starts = {word.start: word.text for word in source.words}
    sites = []
    for gap in (match.start() for match in _GAP.finditer(text)):
        if source.keeps(gap, gap + 1):
            continue
        both = (ends.get(gap, ""), starts.get(gap + 1, ""))
        joined = all(len(word) > 3 and word.lower() not in MEANT for word in both)
        sites.append([Edit(gap, gap + 1, "  "), *([Edit(gap, gap + 1, "")] if joined else [])])
    sites += [[Edit(place, place, " ")] for place, _ in _marks(source)]
    return _some(source, sites, rate, draws)


def punctuation(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """The final mark dropped; quotation marks, apostrophes and dashes in their other form; then marks dropped or repeated.

    A comma after a negation stays: "não, gostei" and "não gostei" are opposites. So does a colon.
    """
    final = [Edit(match.start(), match.end(), "") for match in _FINAL.finditer(source.text)]
    final = [edit for edit in final if not source.keeps(edit.start, edit.end) and edit.start > 0]
    sites = [
        [Edit(place, place + len(mark), new) for new in ("", _REPEATED.get(mark, mark)) if new != mark]
        for place, mark in _marks(source)
    ]
    yield from (edits for edits in (final, list(_typography(source))) if edits)
    yield from _some(source, sites, rate, draws)


def bare(text: str) -> str:
    """Latin letters without their marks; other scripts as they are."""
    pieces = []
    for letter in text:
        base = unicodedata.normalize("NFD", letter)[0]
        pieces.append(base if base.isascii() else letter)
    return "".join(pieces)


def _marks(source: Source) -> list[tuple[int, str]]:
    text = source.text
    negated = {word.end for word in source.words if word.text.lower() in NEGATIONS}
    found = ((match.start(), match.group()) for match in _MARK.finditer(text))
    return [
        (place, mark)
        for place, mark in found
        if place > 0 and place not in negated and not source.keeps(place, place + len(mark))
    ]


def _typography(source: Source) -> Iterator[Edit]:
    text = source.text
    for match in _TYPOGRAPHIC.finditer(text):
        place, mark = match.start(), match.group()
        if source.keeps(place, place + 1):
            continue
        opens = place == 0 or text[place - 1].isspace() or text[place - 1] in "([{—–-"
        new = {'"': "“" if opens else "”", "'": "‘" if opens else "’"}.get(mark) or _OTHER_FORM[mark]
        yield Edit(place, place + 1, new)


def _all_then_some(
    source: Source, whole: Sequence[list[Edit]], rate: float, draws: Iterator[Draws], single: Sequence[Edit] | None = None
) -> Iterator[list[Edit]]:
    yield from (edits for edits in whole if edits)
    yield from _some(source, [[edit] for edit in (whole[0] if single is None else single)], rate, draws)


def _some(source: Source, sites: Sequence[Sequence[Edit]], rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """For each draw, one of the edits at each of a share of the sites."""
    for draw in draws:
        if not sites:
            return
        yield [draw.one(options) for options in draw.some(sites, source.count(rate))]
