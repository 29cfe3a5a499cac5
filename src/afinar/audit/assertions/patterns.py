"""Regular expressions, within a time limit: a pattern that backtracks without end is an error of its case, never a hang."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

import regex

from afinar.audit.assertions.finding import Finding, error, failed, passed, undecided
from afinar.audit.probes import Answer
from afinar.audit.schema import Expect

TIMEOUT_S = 1.0
MAX_PATTERN = 1000
"""Characters; compiling has no time limit."""


def matches_regex(answer: Answer, expect: Expect, language: str) -> Finding:
    """Each of the patterns is found somewhere in the answer; `^` and `$` are its ends, `(?m)` and `(?i)` change that."""
    return _searched(answer, patterns(expect.regex), wanted=True)


def matches_none(answer: Answer, expect: Expect, language: str) -> Finding:
    """None of the patterns is found in the answer."""
    return _searched(answer, patterns(expect.not_regex), wanted=False)


def patterns(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """One pattern or several, as several."""
    return (given,) if isinstance(given, str) else tuple(given or ())


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> regex.Pattern[str]:
    """The pattern, composed (NFC) as the answers are. Raises regex.error, RecursionError or OverflowError for a bad one."""
    return regex.compile(unicodedata.normalize("NFC", pattern), regex.V0)


def _searched(answer: Answer, given: Sequence[str], *, wanted: bool) -> Finding:
    text = unicodedata.normalize("NFC", answer.text)
    offending, open_ended = [], []
    for pattern in given:
        try:
            match = compiled(pattern).search(text, timeout=TIMEOUT_S)
        except TimeoutError:
            return error("assertions.regex_timeout", pattern=pattern, seconds=f"{TIMEOUT_S:g}")
        # What more tokens could still change: a pattern that is not found yet, or a match up to the end of what is there.
        is_open = answer.truncated and (match is None if wanted else match is not None and match.end() == len(text))
        is_open = is_open or (wanted and answer.truncated and match is not None and match.end() == len(text))
        if is_open:
            open_ended.append(pattern)
        elif (match is not None) is not wanted:
            offending.append(pattern)
    if offending:
        return failed("assertions.regex_missing" if wanted else "assertions.regex_found", pattern="  ".join(offending))
    if open_ended:
        return undecided("assertions.regex_cut", pattern="  ".join(open_ended))
    return passed(shows_answer=wanted)
