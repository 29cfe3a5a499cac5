"""The same text over groups: does the label, the answer or a score change when nothing but the group does?

- `equal_label`: all texts of a block get the same label.
- `equal_answer`: the same generated text, once the words that fill the slot are taken out (those of all compared groups, from
  all answers). Agreement outside of those words, "cansada" for "cansado", counts as a difference: list such forms.
- `score` and `max_gap`: within a block, the groups' mean probabilities of that label lie at most `max_gap` apart. Each score
  is also an observation, from which the gap over the whole category is estimated (:mod:`afinar.metrics.gaps`).
- `label`: the share of the texts that get the right one is measured beside, as `right`; it decides nothing.

Blocks: :mod:`afinar.audit.expanding`. Sources: Garg et al. 2019, "Counterfactual Fairness in Text Classification through
Robustness" (counterfactual token fairness); Kiritchenko & Mohammad 2018, EACL *SEM (score differences over templates).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from afinar.audit.asking import CLASSIFICATION, Number, failed, label_probe, shown
from afinar.audit.expanding import Block, Filled, blocks_of, expand
from afinar.audit.probes import Answer, Ask, Probe, Response, Scores
from afinar.audit.schema import Alike, Counterfactual, Suite
from afinar.audit.templates import forms_of
from afinar.audit.verdicts import Expansion, Observation, Reason, Status, Verdict

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Found:
    """What one expectation found out: why it fails or cannot tell, and the rows that show it."""

    reasons: tuple[Reason, ...] = ()
    status: Status = Status.PASS
    rows: frozenset[int] = frozenset()


def applies(case: Counterfactual, suite: Suite, task: str) -> bool:
    """A classifier has labels but gives no answer."""
    return _labelled(case.expect) or task != CLASSIFICATION


def probes(case: Counterfactual, suite: Suite, task: str) -> list[Probe]:
    """The labels of every text, where they are looked at; then every answer, where those are."""
    texts = [filled.text for filled in expand(case, suite.lexicons)]
    found: list[Probe] = [label_probe(text, case, suite, task) for text in texts] if _labelled(case.expect) else []
    if _answered(case.expect, task):
        found += [Ask(text, case.max_new_tokens or suite.max_new_tokens) for text in texts]
    return found


def judge(
    case: Counterfactual, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None
) -> Verdict:
    """Pass where all that is expected to be equal is; `max_gap` and `right` are measured. See the module."""
    filled = expand(case, suite.lexicons)
    kinds = [(" · ".join(each.groups), each.text) for each in filled]
    error = failed(responses, [kinds[row % len(kinds)] for row in range(len(responses))])
    if error is not None:
        return error
    blocks = blocks_of(case, suite.lexicons, filled)
    scores = [one for one in responses if isinstance(one, Scores)]
    answers = [one for one in responses if isinstance(one, Answer)]
    by_label, by_answer = [], []
    for attribute in dict.fromkeys(block.attribute for block in blocks):
        own = [block for block in blocks if block.attribute == attribute]
        by_label += [*_labels(case.expect, own, scores), *_gaps(case.expect, own, scores)]
        by_answer += list(_answers(own, filled, answers)) if answers else []
    found = by_label + by_answer or [Found((Reason("kinds.measured"),), Status.INCONCLUSIVE)]
    return Verdict(
        _worst(each.status for each in found),
        tuple(reason for each in found for reason in each.reasons),
        (*_expansions(kinds, scores, by_label, case.expect), *_expansions(kinds, answers, by_answer, case.expect)),
        _values(case.expect, blocks, scores),
        tuple(_observations(case, blocks, scores)),
    )


def _labelled(expect: Alike) -> bool:
    return bool(expect.equal_label) or expect.score is not None or expect.label is not None


def _answered(expect: Alike, task: str) -> bool:
    return bool(expect.equal_answer) and task != CLASSIFICATION


def _worst(statuses: Iterable[Status]) -> Status:
    found = set(statuses)
    return next((status for status in (Status.FAIL, Status.INCONCLUSIVE) if status in found), Status.PASS)


# --- labels and scores ---------------------------------------------------------------------------------------------


def _labels(expect: Alike, blocks: Sequence[Block], scores: Sequence[Scores]) -> Iterator[Found]:
    """Whether each block has one label."""
    if not expect.equal_label:
        return
    labels = [one.label for one in scores]
    broken = [block for block in blocks if len({labels[row] for row in block.rows}) > 1]
    if not broken:
        yield Found()
        return
    block = broken[0]
    one, other = _odd_pair(block, labels)
    values = {"broken": len(broken), "count": len(blocks), "attribute": block.attribute}
    values |= {"group": one[0], "label": one[1], "other_group": other[0], "other_label": other[1]}
    yield Found(
        (Reason("kinds.labels_differ", values),),
        Status.FAIL,
        frozenset(row for each in broken for row in _minority(each, labels)),
    )


def _odd_pair(block: Block, labels: Sequence[str]) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two texts of a block with different labels, of different groups where there are such."""
    own = [(group, labels[row]) for group, row in zip(block.groups, block.rows, strict=True)]
    pairs = [(one, other) for one, other in combinations(own, 2) if one[1] != other[1]]
    return next((pair for pair in pairs if pair[0][0] != pair[1][0]), pairs[0])


def _minority(block: Block, found: Sequence[str] | Mapping[int, str]) -> Iterator[int]:
    """The rows that differ from what most texts of their block have; all of them where no one thing leads."""
    (most, first), (_, second) = Counter(found[row] for row in block.rows).most_common(2)
    yield from (row for row in block.rows if first == second or found[row] != most)


def _gaps(expect: Alike, blocks: Sequence[Block], scores: Sequence[Scores]) -> Iterator[Found]:
    """Whether each block's groups lie within `max_gap`."""
    if expect.score is None or expect.max_gap is None:
        return
    spreads = [_spread(block, scores, expect.score) for block in blocks]
    wide = [(spread, block) for spread, block in zip(spreads, blocks, strict=True) if spread.gap > expect.max_gap + TOLERANCE]
    if not wide:
        yield Found()
        return
    spread, block = max(wide, key=lambda item: item[0].gap)
    values = {"score": expect.score, "gap": Number(spread.gap), "high": spread.high, "low": spread.low}
    values |= {"limit": Number(expect.max_gap), "attribute": block.attribute, "broken": len(wide), "count": len(blocks)}
    yield Found(
        (Reason("kinds.gap", values),), Status.FAIL, frozenset(row for each, own in wide for row in _extremes(each, own))
    )


@dataclass(frozen=True)
class Spread:
    """How far a block's groups lie apart in their mean score, and between which."""

    gap: float
    high: str
    low: str


def _spread(block: Block, scores: Sequence[Scores], label: str) -> Spread:
    by_group: dict[str, list[float]] = {}
    for group, row in zip(block.groups, block.rows, strict=True):
        by_group.setdefault(group, []).append(scores[row].probabilities[label])
    means = {group: sum(own) / len(own) for group, own in by_group.items()}
    high, low = max(means, key=lambda group: means[group]), min(means, key=lambda group: means[group])
    return Spread(means[high] - means[low], high, low)


def _extremes(spread: Spread, block: Block) -> Iterator[int]:
    yield from (row for row, group in zip(block.rows, block.groups, strict=True) if group in (spread.high, spread.low))


def _values(expect: Alike, blocks: Sequence[Block], scores: Sequence[Scores]) -> Mapping[str, float]:
    values = {}
    if expect.score is not None:
        values["max_gap"] = max(_spread(block, scores, expect.score).gap for block in blocks)
    if expect.label is not None:
        values["right"] = sum(one.label == expect.label for one in scores) / len(scores)
    return values


def _observations(case: Counterfactual, blocks: Sequence[Block], scores: Sequence[Scores]) -> Iterator[Observation]:
    if case.expect.score is None:
        return
    for block in blocks:
        for group, words, row in zip(block.groups, block.words, block.rows, strict=True):
            value = scores[row].probabilities[case.expect.score]
            yield Observation(block.attribute, group, case.id, block.name, value, words)


# --- answers -------------------------------------------------------------------------------------------------------


def _answers(blocks: Sequence[Block], filled: Sequence[Filled], answers: Sequence[Answer]) -> Iterator[Found]:
    """Whether each block has one answer, where that can be told."""
    broken: list[Block] = []
    rows: set[int] = set()
    untold: dict[str, int] = {}
    for block in blocks:
        own = {form for row in block.rows for word in filled[row].words for form in forms_of(word)}
        texts = {row: without(own, answers[row].text) for row in block.rows}
        if not any(answers[row].text.strip() for row in block.rows):
            untold["kinds.answers_empty"] = untold.get("kinds.answers_empty", 0) + 1
        elif len(set(texts.values())) > 1:
            if _only_cut(texts, answers):
                untold["kinds.answers_cut"] = untold.get("kinds.answers_cut", 0) + 1
            else:
                broken.append(block)
                rows.update(_minority(block, texts))
    if broken:
        values = {"broken": len(broken), "count": len(blocks), "attribute": broken[0].attribute}
        yield Found((Reason("kinds.answers_differ", values),), Status.FAIL, frozenset(rows))
    for key, number in untold.items():
        yield Found((Reason(key, {"broken": number, "count": len(blocks)}),), Status.INCONCLUSIVE)
    yield Found()


def without(phrases: Iterable[str], text: str) -> str:
    """The words of a text, in lower case, without the phrases and without punctuation."""
    plain = sorted({_words(phrase) for phrase in phrases} - {""}, key=len, reverse=True)
    if not plain:
        return _words(text)
    pattern = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, plain))})(?!\S)")
    return " ".join(pattern.sub(" ", _words(text)).split())


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).casefold()))


def _only_cut(texts: Mapping[int, str], answers: Sequence[Answer]) -> bool:
    """Whether what differs is only that some answers were cut off: each of them begins the longest one."""
    longest = max(texts.values(), key=len)
    return all(text == longest or (answers[row].truncated and longest.startswith(text)) for row, text in texts.items())


def _expansions(
    kinds: Sequence[tuple[str, str]], responses: Sequence[Response], found: Sequence[Found], expect: Alike
) -> Iterator[Expansion]:
    """Each text with its response; those that show why the case fails are marked as failed."""
    failing = {row for each in found for row in each.rows}
    rest = _worst(each.status for each in found if each.status is not Status.FAIL) if found else Status.INCONCLUSIVE
    for row, ((kind, text), response) in enumerate(zip(kinds, responses, strict=False)):
        wrong = isinstance(response, Scores) and expect.label is not None and response.label != expect.label
        reasons = (Reason("kinds.wrong_label", {"label": expect.label}),) if wrong else ()
        status = Status.FAIL if row in failing else rest
        cut = isinstance(response, Answer) and response.truncated
        yield Expansion(text, shown(response, expect.score), status, kind, cut, reasons)
