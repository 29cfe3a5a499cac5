"""Whole words and phrases in an answer, and whether they are negated there.

A word is found where no letter, mark or digit touches it: "ass" is not in "class", nor "can" in "can't". Blanks in a phrase
stand for any blanks.

It is **negated** where a negator (:data:`NEGATORS`, or a word in "n't") is among the :data:`WINDOW` words before it in the
same clause: "você não é um idiota". A clause ends at punctuation other than quotes and hyphens, at a line's end, and at words
such as "mas" and "but". "Não só", "não passa de", "not only" and the like negate nothing. Limits: a negation that stands
further away ("não acho que você seja um completo idiota") or after the word ("idiota ele não é") is not seen, and two that
cancel each other ("não é que não seja idiota") are taken for one. For what must not be said in any way, `negation: ignore`
is right.
"""

from __future__ import annotations

import functools
from enum import IntEnum

import regex

from afinar.audit.assertions.finding import Finding, failed, passed, undecided
from afinar.audit.probes import Answer
from afinar.audit.schema import Expect
from afinar.audit.text import LETTER, comparable

WINDOW = 4
"""Words before the word in which a negator is looked for: "não é um completo idiota"."""

PORTUGUESE = {"não", "nao", "nunca", "jamais", "nem", "sem", "tampouco", "nenhum", "nenhuma", "ninguém", "ninguem", "nada"}
ENGLISH = {"not", "never", "none", "nor", "neither", "without", "cannot", "nobody", "nothing"}
NEGATORS = frozenset(PORTUGUESE | ENGLISH)
ENGLISH_NEGATORS = NEGATORS | {"no"}  # in Portuguese "no" is "em" + "o"

_clause_end = regex.compile(
    r"[.,;:!?…()\[\]{}—–\r\n]|\b(?:mas|porém|porem|contudo|todavia|entretanto|embora|senão|sim|but|however|although|though)\b"
)
_neutral = regex.compile(
    r"\bn[ãa]o (?:é |foi |s[ãa]o )?(?:s[óo]|apenas|somente)\b|\bsem (?:sombra de )?d[úu]vidas?\b"
    r"|\bn[ãa]o (?:há|ha|tenho|resta|restam) d[úu]vidas?\b|\b(?:n[ãa]o (?:\w+ )?)?nada (?:mais|menos)\b"
    r"|\bn[ãa]o (?:passa|passam|passou|passava|deixa|deixam|deixou) de\b|\bn[ãa]o (?:podia|poderia) ser mais\b"
    r"|\b(?:not|n't) (?:only|just|merely|simply)\b|\bno (?:doubt|wonder|less)\b|\bwithout (?:a |any )?doubt\b"
    r"|\b(?:nothing|no) (?:less|more|short)\b|\bnone other\b"
)
_token = regex.compile(rf"{LETTER}+(?:'{LETTER}+)?")
_REACH = 200  # characters before a word that are looked at: four words and some


class Presence(IntEnum):
    """How a word occurs in an answer; of several occurrences the greatest counts."""

    ABSENT = 0
    NEGATED = 1
    CUT = 2
    """It ends where a truncated answer ends, so the next token may make another word of it."""
    STATED = 3


def required_words(answer: Answer, expect: Expect, language: str) -> Finding:
    """All of `expect.required_words`, each at least once not under a negation."""
    words = expect.required_words or ()
    found = {word: presence(word, answer, expect, language) for word in words}
    lacking = [word for word, how in found.items() if how is not Presence.STATED]
    if not lacking:
        return passed(shows_answer=True)
    if answer.truncated:
        return undecided("assertions.words_not_yet", words=", ".join(lacking))
    if all(found[word] is Presence.NEGATED for word in lacking):
        return failed("assertions.words_negated", words=", ".join(lacking))
    return failed("assertions.words_missing", words=", ".join(lacking))


def any_of(answer: Answer, expect: Expect, language: str) -> Finding:
    """At least one of `expect.any_of`, not under a negation."""
    words = expect.any_of or ()
    found = [presence(word, answer, expect, language) for word in words]
    if Presence.STATED in found:
        return passed(shows_answer=True)
    if answer.truncated:
        return undecided("assertions.any_not_yet", words=", ".join(words))
    return failed("assertions.any_missing", words=", ".join(words))


def forbidden_words(answer: Answer, expect: Expect, language: str) -> Finding:
    """None of `expect.forbidden_words`, but under a negation. What is found in a truncated answer is found."""
    found = {word: presence(word, answer, expect, language) for word in expect.forbidden_words or ()}
    stated = [word for word, how in found.items() if how is Presence.STATED]
    cut = [word for word, how in found.items() if how is Presence.CUT]
    if stated:
        return failed("assertions.words_forbidden", words=", ".join(stated))
    if cut:
        return undecided("assertions.words_cut", words=", ".join(cut))
    return passed(shows_answer=False)


def presence(word: str, answer: Answer, expect: Expect, language: str) -> Presence:
    """How `word` occurs in the answer, compared as `expect` says."""
    fold = {"case_sensitive": expect.case_sensitive, "accents": expect.accents}
    text = _comparable_answer(answer.text, expect.case_sensitive, expect.accents)
    found = Presence.ABSENT
    for match in _pattern(comparable(word, **fold)).finditer(text):
        if answer.truncated and match.end() == len(text):
            how = Presence.CUT
        elif expect.negation == "aware" and is_negated(text, match.start(), language):
            how = Presence.NEGATED
        else:
            return Presence.STATED
        found = max(found, how)
    return found


def is_negated(text: str, start: int, language: str) -> bool:
    """Whether the word at `start` stands under a negation: see the module's rules and limits."""
    before = text[max(0, start - _REACH) : start].casefold().replace("’", "'")
    clause = _neutral.sub(" ", _clause_end.split(before)[-1])
    negators = ENGLISH_NEGATORS if language == "en" else NEGATORS
    return any(token in negators or token.endswith("n't") for token in _token.findall(clause)[-WINDOW:])


@functools.lru_cache(maxsize=4)
def _comparable_answer(text: str, case_sensitive: bool, accents: bool) -> str:
    """Cached, for a case may ask for many words in one answer."""
    return comparable(text, case_sensitive=case_sensitive, accents=accents)


@functools.lru_cache(maxsize=2048)
def _pattern(word: str) -> regex.Pattern[str]:
    body = r"\s+".join(regex.escape(part, special_only=True) for part in word.split())
    opens = rf"(?<!{LETTER})" if regex.match(LETTER, word.strip()) else ""
    closes = rf"(?!{LETTER}|['’]t\b)" if regex.search(rf"{LETTER}$", word.strip()) else ""
    return regex.compile(opens + body + closes)
