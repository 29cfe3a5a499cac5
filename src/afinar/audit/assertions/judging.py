"""One answer against everything that is expected of it.

An assertion that only rules something out (forbidden words, a pattern that must not occur) holds of an empty answer and of a
refusal too; there it is inconclusive, unless something that was asked for is found in the same answer, or the refusal itself
was asked for. A truncated answer is judged by what is there: what more tokens could still change is inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from afinar.audit.assertions.closeness import chrf, contains, exact, length
from afinar.audit.assertions.finding import Finding, undecided, worst
from afinar.audit.assertions.numbers import numeric
from afinar.audit.assertions.patterns import matches_none, matches_regex
from afinar.audit.assertions.refusals import is_refusal, refusal
from afinar.audit.assertions.words import any_of, forbidden_words, required_words
from afinar.audit.probes import Answer
from afinar.audit.schema import Expect
from afinar.audit.verdicts import Reason, Status

Assertion = Callable[[Answer, Expect, str], Finding]

ASSERTIONS: dict[str, Assertion] = {
    "exact": exact,
    "contains": contains,
    "numeric": numeric,
    "chrf": chrf,
    "required_words": required_words,
    "any_of": any_of,
    "forbidden_words": forbidden_words,
    "regex": matches_regex,
    "not_regex": matches_none,
    "length": length,
    "refusal": refusal,
}
"""Field of Expect → its check, (answer, expectation, language of the suite) → finding. `label` is no text's business."""

NEGATIVE = ("forbidden_words", "not_regex")
"""What an answer may pass by leaving something undone."""

MAX_CHARACTERS = 200_000
"""Of an answer; 4,096 tokens are some 20,000. Longer ones are an error, for the time and memory that some checks take."""


class Judged(NamedTuple):
    """What became of one answer, and why it did not pass (or what should be known of its pass)."""

    status: Status
    reasons: tuple[Reason, ...] = ()


def asserted(expect: Expect | None) -> list[str]:
    """The assertions on a text that an expectation makes, by name."""
    return [name for name in ASSERTIONS if expect is not None and getattr(expect, name) is not None]


def judge_answer(answer: Answer, expect: Expect, language: str) -> Judged:
    """Whether `answer` is as expected. Raises ValueError where nothing is asserted of a text."""
    if len(answer.text) > MAX_CHARACTERS:
        reason = Reason("assertions.answer_too_long", {"count": len(answer.text), "limit": MAX_CHARACTERS})
        return Judged(Status.ERROR, (reason,))
    found = {name: ASSERTIONS[name](answer, expect, language) for name in asserted(expect)}
    if not any(finding.shows_answer for finding in found.values()):
        found |= {name: _doubted(found[name], answer) for name in (*NEGATIVE, "refusal") if name in found}
    return Judged(worst(finding.status for finding in found.values()), _reasons(found))


def _doubted(finding: Finding, answer: Answer) -> Finding:
    """A pass of an answer in which nothing was said, or everything was refused, shows nothing."""
    if finding.status is not Status.PASS:
        return finding
    if not answer.text.strip():
        return undecided("assertions.empty_answer")
    return undecided("assertions.refusal_shows_nothing") if is_refusal(answer.text) else finding


def _reasons(found: dict[str, Finding]) -> tuple[Reason, ...]:
    """Each once, failures first."""
    order = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE)
    given = [(order.index(finding.status), finding.reason) for finding in found.values() if finding.reason is not None]
    ordered = [reason for _, reason in sorted(given, key=lambda item: item[0])]
    return tuple(reason for place, reason in enumerate(ordered) if reason not in ordered[:place])
