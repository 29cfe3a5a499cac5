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
MAX_UNROLLED = 20_000
"""Characters and sets, after counted repetitions are written out: compiling (?:(?:a{1000}){1000}){1000} takes all memory."""

_token = regex.compile(
    r"(?s)(?P<open>\()|(?P<close>\))|\{(?P<low>[0-9]*+)(?:,(?P<high>[0-9]*+))?\}"
    r"|(?P<atom>\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|.)"
)
_rules_out = regex.compile(r"\(\?<?!|\(\*|\(\?\(")  # what may make a pattern fail on a text that says nothing


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


def problem_of(pattern: str) -> tuple[str, dict[str, object]] | None:
    """Why a pattern cannot be used, as a key of the catalogue and its values; None where it can."""
    if len(pattern) > MAX_PATTERN:
        return "suites.regex_long", {"count": len(pattern), "limit": MAX_PATTERN}
    if unrolled(pattern) > MAX_UNROLLED:
        return "suites.regex_large", {"limit": MAX_UNROLLED}
    try:
        ready = compiled(pattern)
    except (regex.error, ValueError, RecursionError, OverflowError) as error:
        return "suites.regex", {"problem": str(error)}
    # Found in an empty text and in a text of one odd character, it is found in every text and asserts nothing.
    says_nothing = not _rules_out.search(pattern) and ready.search("", timeout=TIMEOUT_S) and ready.search("\ue000")
    return ("suites.regex_everything", {}) if says_nothing else None


def unrolled(pattern: str) -> int:
    """How many characters and sets a pattern has once each {m,n} is written out, n times (m times where n is open)."""
    totals, last = [0], 0
    for token in _token.finditer(pattern):
        if token["open"]:
            totals.append(0)
        elif token["close"] and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        elif token["low"] or token["high"]:
            times = int(token["high"] or token["low"])
            totals[-1] += last * max(0, times - 1)
            last *= times
        else:
            last = 1
            totals[-1] += 1
    return sum(totals)


def _searched(answer: Answer, given: Sequence[str], *, wanted: bool) -> Finding:
    text = unicodedata.normalize("NFC", answer.text)
    offending, open_ended = [], []
    for pattern in given:
        try:
            match = compiled(pattern).search(text, timeout=TIMEOUT_S)
        except TimeoutError:
            return error("assertions.regex_timeout", pattern=pattern, seconds=f"{TIMEOUT_S:g}")
        # More tokens can still change a pattern that is not found yet, and a match that reaches the end of what is there.
        reaches_end = match is not None and match.end() == len(text)
        is_open = answer.truncated and (reaches_end or (wanted and match is None))
        if is_open:
            open_ended.append(pattern)
        elif (match is not None) is not wanted:
            offending.append(pattern)
    if offending:
        return failed("assertions.regex_missing" if wanted else "assertions.regex_found", pattern="  ".join(offending))
    if open_ended:
        return undecided("assertions.regex_cut", pattern="  ".join(open_ended))
    return passed(shows_answer=wanted)
