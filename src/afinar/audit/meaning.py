"""What a well-formed suite may still have wrong: names that lead nowhere, cases that cannot fail, gates that cannot close."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from afinar.audit import templates
from afinar.audit.assertions.patterns import MAX_UNROLLED, patterns, unrolled
from afinar.audit.expectations import problems_of_check
from afinar.audit.problems import Problem, shown
from afinar.audit.reading import Place
from afinar.audit.schema import Alike, Category, Check, Contrast, Counterfactual, Pair, Suite

MAX_TEXTS = 200_000
"""Texts and answers that a suite may ask for, all told."""
MAX_PARTS = 2_000_000
"""Characters and sets in all its patterns, repetitions written out; compiling takes a microsecond or two for each."""


def problems_in(suite: Suite) -> Iterator[Problem]:
    """Everything that is wrong with a suite whose form is right."""
    sizes = list(_sizes(suite))
    if sizes:  # looking further could take all day
        yield from sizes
        return
    yield from _question(("question",), suite.question)
    yield from _labels(suite.labels)
    yield from _lexicons(suite)
    yield from _categories(suite)
    ids: dict[str, int] = {}
    for index, case in enumerate(suite.cases):
        place = ("cases", index)
        if case.id in ids:
            yield Problem((*place, "id"), "suites.duplicate_id", {"got": case.id, "first": f"cases[{ids[case.id]}]"})
        ids.setdefault(case.id, index)
        for problem in _case(case, suite):
            yield replace(problem, place=(*place, *problem.place))


def _sizes(suite: Suite) -> Iterator[Problem]:
    """What the checks ask for in all: texts, and patterns once they are written out. Each template has a limit of its own."""
    texts = parts = 0
    for index, case in enumerate(suite.cases):
        if not isinstance(case, Check):
            continue
        variants = len(case.perturb.kinds) * case.perturb.n if case.perturb else 0
        texts += (1 + variants) * (case.sampling.n if case.sampling else 1)
        if case.expect is not None:
            sizes = [unrolled(one) for one in (*patterns(case.expect.regex), *patterns(case.expect.not_regex))]
            parts += sum(size for size in sizes if size <= MAX_UNROLLED)  # larger ones are not compiled
        if texts > MAX_TEXTS:
            yield Problem(("cases", index), "suites.too_many_texts", {"limit": MAX_TEXTS})
            return
        if parts > MAX_PARTS:
            yield Problem(("cases", index), "suites.too_many_parts", {"limit": MAX_PARTS})
            return


# --- the suite's own parts -----------------------------------------------------------------------------------------


def _question(place: Place, question: str | None) -> Iterator[Problem]:
    if question is None:
        return
    try:
        fields = [
            (name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(question) if name is not None
        ]
    except ValueError:
        fields = []
    if fields != [("input", "", None)]:
        yield Problem(place, "suites.question")


def _labels(labels: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    if len(labels) == 1:
        yield Problem(("labels",), "suites.one_label")
    owners: dict[str, str] = {}
    for label, others in labels.items():
        for name in dict.fromkeys(other.casefold().strip() for other in (label, *others)):
            if not name:
                yield Problem(("labels", label), "suites.blank")
            elif name in owners:
                yield Problem(("labels", label), "suites.shared_name", {"name": shown(name), "other": shown(owners[name])})
            owners.setdefault(name, label)


def _lexicons(suite: Suite) -> Iterator[Problem]:
    for name, lexicon in suite.lexicons.items():
        for place, reason in templates.check_lexicon(lexicon):
            yield Problem(("lexicons", name, *place), reason.key, dict(reason.values))
        lists: dict[Place, Any] = {("words",): lexicon.words}
        lists |= {("groups", group): words for group, words in lexicon.groups.items()}
        for part, words in lists.items():
            for index, word in enumerate(words):
                main = word if isinstance(word, str) else word.get(templates.NAME, "")
                if not main.strip():
                    yield Problem(("lexicons", name, *part, index), "suites.blank_word", {"form": templates.NAME})


def _categories(suite: Suite) -> Iterator[Problem]:
    used = {case.category for case in suite.cases}
    grouped = {case.category for case in suite.cases if isinstance(case, Counterfactual) and case.expect.score is not None}
    for name, category in suite.categories.items():
        place = ("categories", name)
        if name not in used:
            yield Problem(place, "suites.idle_category", {"name": name})
        if category.beside is not None:
            yield from _beside((*place, "beside"), category.beside, suite.categories)
        if category.gate.at_least == 0:
            yield Problem((*place, "gate", "at_least"), "suites.gate_open")
        if category.gate.max_gap is not None and name in used - grouped:
            yield Problem((*place, "gate", "max_gap"), "suites.gate_without_groups")


def _beside(place: Place, beside: str, categories: Mapping[str, Category]) -> Iterator[Problem]:
    capability = [name for name, category in categories.items() if category.measures == "capability"]
    if beside not in categories:
        yield _unknown(place, "suites.unknown_category", beside, capability)
    elif beside not in capability:
        yield Problem(place, "suites.beside", {"got": beside, "known": ", ".join(capability) or "—"})


# --- cases ---------------------------------------------------------------------------------------------------------


def _case(case: Any, suite: Suite) -> Iterator[Problem]:
    """What is wrong with one case; places relative to it."""
    if case.category not in suite.categories:
        yield _unknown(("category",), "suites.unknown_category", case.category, suite.categories)
    yield from _question(("question",), case.question)
    for place, reason in templates.check(case, suite):
        yield Problem(place, reason.key, dict(reason.values))
    if isinstance(case, Check):
        yield from problems_of_check(case)
    if isinstance(case, Counterfactual):
        yield from _alike(case.expect)
    if isinstance(case, Pair) and case.stereotype is not None and case.attribute is None:
        yield Problem((), "suites.missing", {"key": "attribute"})
    for place, label in _labels_of(case):
        if not suite.labels:
            yield Problem(place, "suites.no_labels")
        elif label is not None and label not in suite.labels:
            yield _unknown(place, "suites.unknown_label", label, suite.labels)


def _alike(expect: Alike) -> Iterator[Problem]:
    if not (expect.equal_label or expect.equal_answer or expect.score):
        yield Problem(("expect",), "suites.nothing_alike")
    if expect.max_gap is not None and expect.score is None:
        yield Problem(("expect", "max_gap"), "suites.gap_without_score")
    for name in ("equal_label", "equal_answer"):
        if getattr(expect, name) is False:
            yield Problem(("expect", name), "suites.only_true")


def _labels_of(case: Any) -> Iterator[tuple[Place, str | None]]:
    """Where a case uses the suite's labels, and which; None where it uses whatever there are."""
    if isinstance(case, Check):
        if case.expect is not None and case.expect.label is not None:
            yield ("expect", "label"), case.expect.label
        if case.perturb is not None and case.perturb.expect == "same_label":
            yield ("perturb", "expect"), None
    elif isinstance(case, Contrast):
        yield ("expect", "label"), case.expect.label
    elif isinstance(case, Counterfactual):
        if case.expect.equal_label:
            yield ("expect", "equal_label"), None
        for name in ("score", "label"):
            if getattr(case.expect, name) is not None:
                yield ("expect", name), getattr(case.expect, name)


def _unknown(place: Place, key: str, got: str, known: Collection[str]) -> Problem:
    near = get_close_matches(got, list(known), n=1, cutoff=0) or ["—"]
    return Problem(place, key, {"got": shown(got), "known": ", ".join(list(known)[:20]) or "—", "near": near[0]})
