"""Variants of a text that say the same: what a model's answer should not depend on.

Each kind is a stream of lists of edits; a variant is the text with one such list made. Streams are drawn under (case, kind, i,
seed), so a variant depends neither on other cases nor on other kinds nor on how many are asked for: the first two of five
are the two of two. Numbers, addresses, code and placeholders stay as they are (:mod:`afinar.audit.edits`).

============  =============================================  ==============================================
kind          the first variants                             the further ones: `rate` of the words, at least one
============  =============================================  ==============================================
typos                                                        one slip each on an ABNT2 keyboard
accents       all accents, cedillas and tildes dropped       some dropped
case          lower, CAPITALS, Every Word                    some WORDS
spaces                                                       doubled, left out, before a mark
punctuation   no final mark; "quotes" for “quotes”           marks dropped or repeated
contractions                                                 de o ↔ do, está ↔ tá, você ↔ vc, do not ↔ don't
============  =============================================  ==============================================
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from afinar.audit.contractions import contractions
from afinar.audit.draws import Draws
from afinar.audit.edits import Edit, Source, apply
from afinar.audit.keyboard import typos
from afinar.audit.schema import Perturb, Perturbation
from afinar.audit.surface import accents, case, punctuation, spaces
from afinar.errors import ConfigError

ATTEMPTS = 10
"""Lists of edits tried for each variant asked for, before it is believed that there are no more different ones."""

MAX_CHARACTERS = 100_000
"""Longer texts are not perturbed: it takes seconds for each, and no model here reads them whole."""

Stream = Callable[[Source, float, Iterator[Draws]], Iterator[list[Edit]]]
STREAMS: dict[Perturbation, Stream] = {
    "typos": typos,
    "accents": accents,
    "case": case,
    "spaces": spaces,
    "punctuation": punctuation,
    "contractions": contractions,
}


@dataclass(frozen=True)
class Variant:
    """A perturbed text. changed: the words that differ, before and after, for a person to read."""

    kind: Perturbation
    text: str
    changed: tuple[tuple[str, str], ...]


def variants(text: str, perturb: Perturb, language: str, case_id: str) -> list[Variant]:
    """At most `perturb.n` variants of each kind, all different from each other and from the text, in the order of the kinds.

    language: of the suite: pt | pt-BR | pt-PT | en. The text is taken in Unicode's composed form. A kind that cannot touch the
    text (accents in one without any) gives fewer variants, or none: see :func:`untouched`.
    Raises ConfigError (kinds.long_text) for a text of more than MAX_CHARACTERS.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError("kinds.long_text", count=len(text), limit=MAX_CHARACTERS)
    source = Source(unicodedata.normalize("NFC", text), language)
    seen = {text, source.text}
    found: list[Variant] = []
    for kind in dict.fromkeys(perturb.kinds):
        draws = (Draws(case_id, kind, attempt, perturb.seed) for attempt in count())
        lists = STREAMS[kind](source, perturb.rate, draws)
        fresh = (
            variant for edits in islice(lists, ATTEMPTS * (perturb.n + 1)) if (variant := _fresh(kind, source, edits, seen))
        )
        found += islice(fresh, perturb.n)
    return found


def untouched(perturb: Perturb, found: Sequence[Variant]) -> tuple[Perturbation, ...]:
    """The kinds asked for that gave no variant."""
    made = {variant.kind for variant in found}
    return tuple(kind for kind in dict.fromkeys(perturb.kinds) if kind not in made)


def _fresh(kind: Perturbation, source: Source, edits: Sequence[Edit], seen: set[str]) -> Variant | None:
    """The variant, unless its text has been seen; remembers it."""
    new = apply(source.text, edits)
    if new in seen:
        return None
    seen.add(new)
    return Variant(kind, new, _changed(source.text, edits))


def _changed(text: str, edits: Sequence[Edit]) -> tuple[tuple[str, str], ...]:
    """What was there and what is, by whole words: ("livro.", "livro"), ("bom dia", "bomdia"). Edits of one word are one."""
    spans: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: edit.start):
        if spans and edit.end <= spans[-1][1]:  # within the word before: not widened again, or long words take quadratic time
            spans[-1][2].append(edit)
            continue
        start, end = _widened(text, edit)
        if spans and start < spans[-1][1]:
            start, _, before = spans.pop()
            spans.append((start, end, [*before, edit]))
        else:
            spans.append((start, end, [edit]))
    return tuple((text[start:end], apply(text[start:end], _moved(own, start))) for start, end, own in spans)


def _widened(text: str, edit: Edit) -> tuple[int, int]:
    start, end = edit.start, edit.end
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def _moved(edits: Sequence[Edit], by: int) -> list[Edit]:
    return [Edit(edit.start - by, edit.end - by, edit.new) for edit in edits]
