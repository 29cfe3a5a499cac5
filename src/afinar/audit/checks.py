"""An input and what must hold of the answer to it: assertions, a label, samples, and variants that must be answered alike.

A classifier is asked for the label alone, and nothing is judged of a text; a causal model is asked for an answer where a text
is expected, and for the label where the suite has a question. What a case expects of a text it expects of every sample, by the
rule of its `sampling`; what it expects of its variants, `perturb.expect` says. Everything must hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from afinar.audit.asking import CLASSIFICATION, failed, label_probe, shown
from afinar.audit.assertions.finding import worst
from afinar.audit.assertions.judging import Judged, asserted, judge_answer
from afinar.audit.assertions.sampling import together
from afinar.audit.draws import seed_of
from afinar.audit.perturb import variants
from afinar.audit.probes import Answer, Ask, Probe, Response, Scores
from afinar.audit.sameness import compare_answers, compare_labels
from afinar.audit.schema import Check, Expect, Suite
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict

INPUT = "input"


@dataclass(frozen=True)
class Question:
    """One text that a case stands for, and what is asked about it: its label or not, and so many answers.

    kind: `input`, or the perturbation. text: the input, or the last message of the conversation.
    """

    kind: str
    text: str
    labelled: bool
    answers: int


@dataclass(frozen=True)
class Answered:
    """What a model gave for one question."""

    question: Question
    scores: Scores | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one question; `passed` of its sampled answers did."""

    status: Status
    reasons: tuple[Reason, ...]
    expansions: tuple[Expansion, ...]
    passed: int = 0


def applies(case: Check, suite: Suite, task: str) -> bool:
    """Whether a model of `task` can give anything that the case judges."""
    return _wants_label(case, suite, task) or _answers(case, task) > 0


def probes(case: Check, suite: Suite, task: str) -> list[Probe]:
    """For each text (the input, then its variants) the label, then the answers, as far as they are judged."""
    found: list[Probe] = []
    for question in questions(case, suite, task):
        found += [label_probe(question.text, case, suite, task)] if question.labelled else []
        found += [_ask(case, suite, question.text, number) for number in range(question.answers)]
    return found


def judge(case: Check, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None) -> Verdict:
    """Pass where all that can be judged of the input and of its variants holds.

    Values: `samples_share` of the answers that pass, `variants_share` of the variants that are answered as they should be.
    """
    asked = questions(case, suite, task)
    texts = [(question.kind, question.text) for question in asked for _ in range(question.answers + question.labelled)]
    error = failed(responses, texts)
    if error is not None:
        return error
    original, *others = _answered(asked, responses)
    outcome = _judge_input(case, suite, original)
    outcomes = [_judge_variant(case, suite, original, other) for other in others]
    status = worst([outcome.status, *(each.status for each in outcomes)])
    compares = _compares_variants(case, suite, task)
    if compares and not others and status is Status.PASS:
        status = Status.INCONCLUSIVE
    about = _about_variants(case, outcomes) if compares else ()
    reasons = (*outcome.reasons, *about, *_about_limits(case, suite, original, others))
    return Verdict(
        status,
        reasons,
        tuple(expansion for each in (outcome, *outcomes) for expansion in each.expansions),
        _values(original, outcome, outcomes),
    )


# --- what is asked -------------------------------------------------------------------------------------------------


def questions(case: Check, suite: Suite, task: str) -> list[Question]:
    """The input, then its variants; of a variant only what `perturb.expect` compares is asked."""
    text = _text(case)
    labelled, answers = _wants_label(case, suite, task), _answers(case, task)
    found = [Question(INPUT, text, labelled, answers)]
    if case.perturb is not None and _compares_variants(case, suite, task):
        kind = case.perturb.expect
        labelled = labelled and (kind == "same_label" or (kind == "same_verdict" and _label(case) is not None))
        answers = 0 if kind == "same_label" else answers
        made = variants(text, case.perturb, suite.language, case.id)
        found += [Question(variant.kind, variant.text, labelled, answers) for variant in made]
    return found


def _compares_variants(case: Check, suite: Suite, task: str) -> bool:
    """Whether there are variants, and a model of `task` gives what they are compared by."""
    if case.perturb is None:
        return False
    given = {"same_label": _wants_label(case, suite, task), "same_answer": bool(_answers(case, task)), "same_verdict": True}
    return given[case.perturb.expect]


def _wants_label(case: Check, suite: Suite, task: str) -> bool:
    wanted = _label(case) is not None or (case.perturb is not None and case.perturb.expect == "same_label")
    return wanted and (task == CLASSIFICATION or bool(case.question or suite.question))


def _answers(case: Check, task: str) -> int:
    """How many answers are wanted of one text."""
    wanted = bool(asserted(case.expect)) or (case.perturb is not None and case.perturb.expect == "same_answer")
    if not wanted or task == CLASSIFICATION:
        return 0
    return case.sampling.n if case.sampling else 1


def _text(case: Check) -> str:
    return case.input if isinstance(case.input, str) else case.input[-1].content


def _label(case: Check) -> str | None:
    return case.expect.label if case.expect else None


def _ask(case: Check, suite: Suite, text: str, number: int) -> Ask:
    """The `number`-th answer to `text`; a sampled one under a seed made of the case's own content."""
    prompt: str | tuple[tuple[str, str], ...] = text
    if not isinstance(case.input, str):
        turns = [(message.role, message.content) for message in case.input]
        prompt = (*turns[:-1], (str(turns[-1][0]), text))
    tokens = case.max_new_tokens or suite.max_new_tokens
    if case.sampling is None:
        return Ask(prompt, tokens)
    seed = seed_of("sample", case.id, json.dumps(prompt), case.sampling.seed, number)
    return Ask(prompt, tokens, case.sampling.temperature, case.sampling.top_p, seed)


def _answered(asked: Sequence[Question], responses: Sequence[Response]) -> Iterator[Answered]:
    given = iter(responses)
    for question in asked:
        scores = next(given) if question.labelled else None
        answers = [next(given) for _ in range(question.answers)]
        yield Answered(
            question,
            scores if isinstance(scores, Scores) else None,
            tuple(answer for answer in answers if isinstance(answer, Answer)),
        )


# --- what became of it ---------------------------------------------------------------------------------------------


def _judge_input(case: Check, suite: Suite, given: Answered) -> Outcome:
    """What holds of the input itself: a pass where nothing is asserted of it but that its variants are answered alike."""
    kind, text = given.question.kind, given.question.text
    found: list[Judged] = []
    expansions: list[Expansion] = []
    passed = 0
    if given.scores is not None:
        found.append(_judge_label(_label(case), given.scores))
        expansions.append(Expansion(text, shown(given.scores, _label(case)), found[0].status, kind, reasons=found[0].reasons))
    if given.answers:
        expect = case.expect if asserted(case.expect) else None
        each = [judge_answer(answer, expect, suite.language) if expect else Judged(Status.PASS) for answer in given.answers]
        found.append(together(each, case.sampling) if case.sampling else each[0])
        passed = sum(judged.status is Status.PASS for judged in each)
        expansions += [
            Expansion(text, answer.text, judged.status, kind, answer.truncated, judged.reasons)
            for answer, judged in zip(given.answers, each, strict=True)
        ]
    reasons = tuple(reason for judged in found for reason in judged.reasons)
    return Outcome(worst(judged.status for judged in found), reasons, tuple(expansions), passed)


def _judge_label(expected: str | None, scores: Scores) -> Judged:
    if expected is None or scores.label == expected:
        return Judged(Status.PASS)
    return Judged(Status.FAIL, (Reason("assertions.label", {"got": scores.label, "expected": expected}),))


def _judge_variant(case: Check, suite: Suite, original: Answered, given: Answered) -> Outcome:
    """A variant against the input's answer, or against what the case expects (same_verdict)."""
    if case.perturb is not None and case.perturb.expect == "same_verdict":
        return _judge_input(case, suite, given)
    if given.scores is not None and original.scores is not None:
        judged, response, truncated = compare_labels(original.scores, given.scores), shown(given.scores), False
    else:
        answer = given.answers[0]
        judged = compare_answers(original.answers[0], answer, case.expect or Expect())
        response, truncated = answer.text, answer.truncated
    question = given.question
    expansion = Expansion(question.text, response, judged.status, question.kind, truncated, judged.reasons)
    return Outcome(judged.status, judged.reasons, (expansion,))


# --- what is said of it --------------------------------------------------------------------------------------------


def _about_variants(case: Check, outcomes: Sequence[Outcome]) -> Iterator[Reason]:
    """How many variants were answered otherwise, by kind; and which kinds had nothing to change."""
    if case.perturb is None:
        return
    if not outcomes:
        yield Reason("assertions.no_variants")
        return
    wrong = [outcome.expansions[0].kind for outcome in outcomes if outcome.status is not Status.PASS]
    if wrong:
        kinds = ", ".join(dict.fromkeys(wrong))
        yield Reason("assertions.variants_differ", {"count": len(wrong), "n": len(outcomes), "kinds": kinds})
    made = {outcome.expansions[0].kind for outcome in outcomes}
    idle = [kind for kind in case.perturb.kinds if kind not in made]
    if idle:
        yield Reason("assertions.untouched", {"kinds": ", ".join(idle)})


def _about_limits(case: Check, suite: Suite, original: Answered, others: Sequence[Answered]) -> Iterator[Reason]:
    """What was not judged: beyond the tokens that were allowed, or because the model cannot be asked for it."""
    if any(answer.truncated for each in (original, *others) for answer in each.answers):
        yield Reason("assertions.truncated", {"tokens": case.max_new_tokens or suite.max_new_tokens})
    compared = case.perturb.expect if case.perturb else None
    if (asserted(case.expect) or compared == "same_answer") and not original.answers:
        yield Reason("assertions.text_not_judged")
    if (_label(case) is not None or compared == "same_label") and original.scores is None:
        yield Reason("assertions.label_not_judged")


def _values(given: Answered, outcome: Outcome, outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    values = {}
    if len(given.answers) > 1:
        values["samples_share"] = outcome.passed / len(given.answers)
    if outcomes:
        values["variants_share"] = sum(each.status is Status.PASS for each in outcomes) / len(outcomes)
    return values
