"""How an answer compares with reference texts: equal to one, containing parts, close in characters, of a certain length."""

from __future__ import annotations

import unicodedata

from afinar.audit.assertions.finding import Finding, failed, passed, undecided
from afinar.audit.probes import Answer
from afinar.audit.schema import Expect, Length
from afinar.audit.text import comparable, count_words, spaced


def exact(answer: Answer, expect: Expect, language: str) -> Finding:
    """Equal to one of the references, but for blanks at the ends, how wide blanks are, and (unless asked) letter case."""
    references = (expect.exact,) if isinstance(expect.exact, str) else tuple(expect.exact or ())
    said = normalised(answer.text, expect)
    wanted = [normalised(reference, expect) for reference in references]
    if said in wanted and not answer.truncated:
        return passed(shows_answer=True)
    if answer.truncated and any(reference.startswith(said) for reference in wanted):
        return undecided("assertions.exact_not_yet", expected=" | ".join(references))
    return failed("assertions.exact", expected=" | ".join(references))


def contains(answer: Answer, expect: Expect, language: str) -> Finding:
    """All of `expect.contains`, anywhere, also inside words and under a negation."""
    said = normalised(answer.text, expect)
    lacking = [part for part in expect.contains or () if normalised(part, expect) not in said]
    if not lacking:
        return passed(shows_answer=True)
    if answer.truncated:
        return undecided("assertions.parts_not_yet", parts=" | ".join(lacking))
    return failed("assertions.parts_missing", parts=" | ".join(lacking))


def chrf(answer: Answer, expect: Expect, language: str) -> Finding:
    """sacrebleu's sentence chrF2 (character 6-grams, 0 to 100) with the reference; of a truncated answer it cannot be told."""
    from sacrebleu import sentence_chrf

    if expect.chrf is None:
        raise ValueError("expect.chrf is None; expected a reference.")
    if answer.truncated:
        return undecided("assertions.chrf_cut")
    said, reference = (unicodedata.normalize("NFC", text) for text in (answer.text, expect.chrf.reference))
    score = float(sentence_chrf(said, [reference]).score)
    if score >= expect.chrf.at_least:
        return passed(shows_answer=True)
    return failed("assertions.chrf", score=score, at_least=expect.chrf.at_least)


def length(answer: Answer, expect: Expect, language: str) -> Finding:
    """Within the bounds, in words and in characters (composed, without blanks at the ends)."""
    bounds = expect.length or Length()
    text = unicodedata.normalize("NFC", answer.text).strip()
    words, characters = count_words(text), len(text)
    got = {"words": words, "characters": characters}
    if _above(words, bounds.max_words) or _above(characters, bounds.max_characters):
        return failed("assertions.too_long", **got)
    is_short = _below(words, bounds.min_words) or _below(characters, bounds.min_characters)
    has_maximum = bounds.max_words is not None or bounds.max_characters is not None
    if answer.truncated and (is_short or has_maximum):
        return undecided("assertions.length_cut", **got)
    return failed("assertions.too_short", **got) if is_short else passed(shows_answer=False)


def normalised(text: str, expect: Expect) -> str:
    """As `expect` compares texts: composed, blanks made one space, case and accents as it says."""
    return spaced(comparable(text, case_sensitive=expect.case_sensitive, accents=expect.accents))


def _above(value: int, bound: int | None) -> bool:
    return bound is not None and value > bound


def _below(value: int, bound: int | None) -> bool:
    return bound is not None and value < bound
