"""What may be wrong with what a check expects: assertions that cannot fail, cannot pass, or cannot be made at all.

Places are relative to the case.
"""

from __future__ import annotations

from collections.abc import Iterator

from afinar.audit.assertions.judging import asserted
from afinar.audit.assertions.patterns import patterns, problem_of
from afinar.audit.problems import Problem, shown
from afinar.audit.schema import Check, Expect, Length, Message, Perturb
from afinar.audit.text import comparable

WORD_LISTS = ("exact", "contains", "required_words", "any_of", "forbidden_words")
PATTERNS = ("regex", "not_regex")


def problems_of_check(case: Check) -> Iterator[Problem]:
    """Everything that is wrong with a check in itself; labels and names are looked up elsewhere."""
    yield from _input(case)
    expects_text, label = bool(asserted(case.expect)), case.expect.label if case.expect else None
    if not (expects_text or label or case.perturb):
        yield Problem(("expect",), "suites.nothing_expected")
    if case.expect is not None:
        yield from _expect(case.expect)
    if case.perturb is not None:
        yield from _perturb(case.perturb, bool(expects_text or label))
    if case.sampling is not None and not expects_text:
        yield Problem(("sampling",), "suites.sampling_unused")
    if case.sampling is not None and case.perturb is not None and case.perturb.expect == "same_answer":
        yield Problem(("perturb", "expect"), "suites.sampling_same_answer")


def _input(case: Check) -> Iterator[Problem]:
    if isinstance(case.input, str):
        if not case.input.strip():
            yield Problem(("input",), "suites.blank")
        return
    if not case.input:
        yield Problem(("input",), "suites.empty")
        return
    if not _is_conversation(case.input):
        yield Problem(("input",), "suites.conversation", {"got": ", ".join(message.role for message in case.input)})
    if (case.expect and case.expect.label) or (case.perturb and case.perturb.expect == "same_label"):
        yield Problem(("input",), "suites.label_of_conversation")


def _is_conversation(messages: tuple[Message, ...]) -> bool:
    """A system message or none, then user and assistant in turn, the user first and last."""
    roles = [message.role for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    return len(turns) % 2 == 1 and all(role == ("user", "assistant")[i % 2] for i, role in enumerate(turns))


def _expect(expect: Expect) -> Iterator[Problem]:
    for name in WORD_LISTS:
        given = getattr(expect, name)
        listed = (given,) if isinstance(given, str) else given or ()
        for index, word in enumerate(listed):
            if not comparable(word).strip():
                yield Problem(("expect", name) if isinstance(given, str) else ("expect", name, index), "suites.blank")
    for name in PATTERNS:
        for index, pattern in enumerate(patterns(getattr(expect, name))):
            found = problem_of(pattern)
            if found:
                place = ("expect", name) if isinstance(getattr(expect, name), str) else ("expect", name, index)
                yield Problem(place, found[0], {"pattern": shown(pattern), **found[1]})
    if expect.length is not None:
        yield from _length(expect.length)
    yield from _contradictions(expect)


def _length(length: Length) -> Iterator[Problem]:
    bounds = ((length.min_words, length.max_words, "words"), (length.min_characters, length.max_characters, "characters"))
    if not any(low or high is not None for low, high, _ in bounds):
        yield Problem(("expect", "length"), "suites.length_open")
    for low, high, unit in bounds:
        if low is not None and high is not None and low > high:
            yield Problem(("expect", "length"), "suites.length_order", {"unit": unit, "low": low, "high": high})


def _contradictions(expect: Expect) -> Iterator[Problem]:
    """A word that is required and forbidden: no answer passes."""
    compared = {"case_sensitive": expect.case_sensitive, "accents": expect.accents}
    forbidden = {comparable(word, **compared) for word in expect.forbidden_words or ()}
    for index, word in enumerate(expect.required_words or ()):
        if comparable(word, **compared) in forbidden:
            yield Problem(("expect", "required_words", index), "suites.contradiction", {"word": shown(word)})
    if expect.refusal and (expect.exact or expect.numeric is not None):
        yield Problem(("expect", "refusal"), "suites.refusal_and_answer")


def _perturb(perturb: Perturb, asserts: bool) -> Iterator[Problem]:
    if len(set(perturb.kinds)) < len(perturb.kinds):
        yield Problem(("perturb", "kinds"), "suites.twice", {"got": ", ".join(perturb.kinds)})
    if perturb.expect == "same_verdict" and not asserts:
        yield Problem(("perturb", "expect"), "suites.same_verdict_alone")
