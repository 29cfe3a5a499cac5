"""Slips of the fingers on a Brazilian ABNT2 keyboard.

Neighbours are keys whose centres lie within a key and a quarter of each other. With the stagger of the rows:

    1.50  q w e r t y u i o p ´       the dead key ´ carries ` above it,
    1.75  a s d f g h j k l ç ~       ~ carries ^, so that a shift too much or too little makes à of á and â of ã
    2.25  z x c v b n m

The Portuguese keyboard (pt-PT) agrees in all of this; for English the key ç is left out.

Five slips: a neighbouring key, two letters swapped, one left out, one struck twice, an accent struck wrongly (the shift of
its dead key, or the key pressed a letter late: naõ). First and last letters stay (but for accents), as most slips happen
inside words (Kukich 1992, ACM Computing Surveys 24(4)), and short words, acronyms, negations and numbers are left alone. What
may well be another word is avoided (carro for caro, latter for later), but no dictionary is asked: a slip can still make one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from afinar.audit.draws import Draws
from afinar.audit.edits import MEANT, Edit, Source

ROWS = ((1.5, "qwertyuiop"), (1.75, "asdfghjklç"), (2.25, "zxcvbnm"))
REACH = 1.25
SHORTEST = 4
"""Letters that a word needs: of shorter ones a slip leaves too little to read, or makes another word."""
LONGEST = 40
"""Longer runs of letters are no words."""

DOUBLING_MAKES_WORDS = {"pt": frozenset("rse"), "en": frozenset("bcdefglmnoprst")}
"""Letters that the spelling doubles: caro / carro, casa / cassa, later / latter. They are neither doubled nor undoubled."""

ACUTE, GRAVE, TILDE, CIRCUMFLEX = "\u0301", "\u0300", "\u0303", "\u0302"
TYPED = frozenset("áàâãéèêíìîóòôõúùû")
"""What the dead keys make with one vowel; ~ with e, i or u gives two characters."""
SHIFTED = {ACUTE: GRAVE, GRAVE: ACUTE, TILDE: CIRCUMFLEX, CIRCUMFLEX: TILDE}


def _neighbours() -> dict[str, str]:
    keys = {key: (left + place, row) for row, (left, letters) in enumerate(ROWS) for place, key in enumerate(letters)}
    near = {}
    for key, (x, y) in keys.items():
        close = [k for k, (u, v) in keys.items() if k != key and (x - u) ** 2 + (y - v) ** 2 <= REACH**2]
        near[key] = "".join(sorted(close))
    return near


NEIGHBOURS = _neighbours()
"""Key → the keys beside it, letters only: no slip makes a number or a mark of a letter."""


def typos(source: Source, rate: float, draws: Iterator[Draws]) -> Iterator[list[Edit]]:
    """`rate` of the words with one slip each, anew for every draw."""
    words = [word for word in source.words if _may_slip(word.text)]
    for draw in draws:
        if not words:
            return
        chosen = [(word, _options(word.text, source.language[:2])) for word in draw.some(words, source.count(rate))]
        yield [Edit(word.start, word.end, draw.one(draw.one(options))) for word, options in chosen if options]


def _may_slip(word: str) -> bool:
    return SHORTEST <= len(word) <= LONGEST and word.isalpha() and not word.isupper() and word.lower() not in MEANT


def _options(word: str, language: str) -> list[list[str]]:
    """The misspellings of a word by kind of slip, without the kinds that cannot touch it."""
    kinds: list[Callable[[str, str], list[str]]] = [_neighbour, _swap, _drop, _double, _accent]
    found = ([new for new in kind(word, language) if new != word] for kind in kinds)
    return [options for options in found if options]


def _neighbour(word: str, language: str) -> list[str]:
    found = []
    for place in range(1, len(word) - 1):
        near = NEIGHBOURS.get(word[place].lower(), "")
        keys = near if language == "pt" else near.replace("ç", "")
        found += [word[:place] + _as(word[place], key) + word[place + 1 :] for key in keys]
    return found


def _swap(word: str, language: str) -> list[str]:
    """Two letters swapped; not with an r, which makes perda of pedra, preto of perto, form of from."""
    inner = (i for i in range(1, len(word) - 2) if "r" not in word[i : i + 2].lower())
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in inner]


def _drop(word: str, language: str) -> list[str]:
    """Without one letter, but not without one of two equal ones."""
    inner = range(1, len(word) - 1)
    return [word[:i] + word[i + 1 :] for i in inner if word[i] not in (word[i - 1], word[i + 1])]


def _double(word: str, language: str) -> list[str]:
    kept = DOUBLING_MAKES_WORDS[language]
    inner = range(1, len(word) - 1)
    return [
        word[:i] + word[i] + word[i:]
        for i in inner
        if word[i].lower() not in kept and word[i] not in (word[i - 1], word[i + 1])
    ]


def _accent(word: str, language: str) -> list[str]:
    """The accent with the shift of its dead key wrong; or on the vowel after it: naõ, coraçaõ."""
    found = []
    for place, letter in enumerate(word):
        base, mark = _parts(letter)
        if mark not in SHIFTED:
            continue
        other = unicodedata.normalize("NFC", base + SHIFTED[mark])
        if other.lower() in TYPED:
            found.append(word[:place] + other + word[place + 1 :])
        late = unicodedata.normalize("NFC", word[place + 1 : place + 2] + mark)
        if late.lower() in TYPED:
            found.append(word[:place] + base + late + word[place + 2 :])
    return found


def _parts(letter: str) -> tuple[str, str]:
    """A letter and its accent; an empty one where it has none, or more than one."""
    decomposed = unicodedata.normalize("NFD", letter)
    return (decomposed[0], decomposed[1]) if len(decomposed) == 2 else (letter, "")


def _as(model: str, letter: str) -> str:
    return letter.upper() if model.isupper() else letter
