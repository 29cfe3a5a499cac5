"""Directional expectations: a change of the input must move a label's probability up, down, or hardly at all.

    change = P(label | changed) - P(label | input)

Source: Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", section 2.2 (directional
expectation tests). A probability that has no room left to move as far as is asked, and does not move the other way, makes the
case inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

from afinar.audit.asking import Number, failed, label_probe, shown
from afinar.audit.probes import Probe, Response, Scores
from afinar.audit.schema import Contrast, Shift, Suite
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict

LEAST_ROOM = 1e-6
"""A probability this close to its bound cannot be seen to move further."""
TOLERANCE = 1e-12


def applies(case: Contrast, suite: Suite, task: str) -> bool:
    """To both tasks: a causal model is asked for the label by the suite's question."""
    return True


def probes(case: Contrast, suite: Suite, task: str) -> list[Probe]:
    """The labels of the input, then of the changed one."""
    return [label_probe(text, case, suite, task) for text in (case.input, case.changed)]


def judge(
    case: Contrast, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None
) -> Verdict:
    """Pass where the label's probability moved as expected; `change` is by how much it did."""
    texts = [("input", case.input), ("changed", case.changed)]
    error = failed(responses, texts)
    if error is not None:
        return error
    label = case.expect.label
    before, after = (one.probabilities[label] for one in responses if isinstance(one, Scores))
    status = _status(case.expect, before, after)
    reasons = () if status is Status.PASS else (_reason(case.expect, status, before, after),)
    expansions = (
        Expansion(case.input, shown(responses[0], label), status, "input"),
        Expansion(case.changed, shown(responses[1], label), status, "changed", reasons=reasons),
    )
    return Verdict(status, reasons, expansions, {"change": after - before})


def _status(shift: Shift, before: float, after: float) -> Status:
    change = after - before
    if shift.change == "same":
        return Status.PASS if abs(change) <= shift.by + TOLERANCE else Status.FAIL
    moved, room = (change, 1 - before) if shift.change == "higher" else (-change, before)
    if moved > 0 and moved >= shift.by - TOLERANCE:
        return Status.PASS
    if moved < -LEAST_ROOM:
        return Status.FAIL  # the wrong way, for which there was room
    return Status.INCONCLUSIVE if room < max(shift.by, LEAST_ROOM) else Status.FAIL


def _reason(shift: Shift, status: Status, before: float, after: float) -> Reason:
    values = {"label": shift.label, "before": Number(before), "after": Number(after), "by": Number(shift.by)}
    if status is Status.INCONCLUSIVE:
        return Reason("kinds.no_room", values)
    return Reason(f"kinds.not_{shift.change}" if shift.by == 0 else f"kinds.not_{shift.change}_by", values)
