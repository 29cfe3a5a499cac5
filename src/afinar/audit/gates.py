"""Gates: what a category must reach, and the exit code that follows.

==========  ==========================================  ======================================================================
gate        passed                                      failed
==========  ==========================================  ======================================================================
at_least    the whole interval of the share is there;   the share is below
            at 1: every case passed
max_gap     the whole interval of the gap is within     the gap is beyond, and differs from none more than by chance
no_worse    the comparison says so                      the comparison with the baseline finds it worse
==========  ==========================================  ======================================================================

What is neither is inconclusive. So is a gate that a model passes by saying the same to everything; and one of equal treatment
that it fails against a baseline which does: an untrained head treats all alike, and any classifier is "worse" than that. (A
forbidden word is one beside any baseline.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from afinar.audit.monotony import Monotony
from afinar.audit.runner import Audit
from afinar.audit.summary import CategorySummary, Summary
from afinar.audit.verdicts import Reason
from afinar.metrics.difference import Difference

PASSED, GATE_FAILED, STRICT, NOTHING_RAN = 0, 3, 4, 5
EQUAL = ("bias", "variety", "robustness")
"""What a category measures where equal answers are what is asked for."""
HOLLOW = (*EQUAL, "content", "privacy")
"""What a category measures that a model which says the same to everything has for nothing."""


class GateStatus(StrEnum):
    """skipped: the model's task rules out every case of the category."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Gate:
    """One gate of one category: `rule` at_least | max_gap | no_worse, and why it stands as it does."""

    category: str
    rule: str
    status: GateStatus
    reason: Reason

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"category": self.category, "rule": self.rule, "status": str(self.status), "values": dict(self.reason.values)}


def gates(summary: Summary) -> list[Gate]:
    """The gates of the suite's categories, as they stand."""
    return [_weighed(gate, summary) for each in summary.categories for gate in _gates(each)]


def exit_code(summaries: Sequence[Summary], *, strict: bool) -> int:
    """5 where no case ran, 3 where a gate failed; under `strict` 4 where a gate is inconclusive, a case ended in an error, or
    nothing could be concluded at all; else 0.
    """
    counts = [summary.model.counts for summary in summaries]
    if not sum(count.n + count.inconclusive for count in counts):
        return NOTHING_RAN
    found = {gate.status for summary in summaries for gate in gates(summary)}
    if GateStatus.FAILED in found:
        return GATE_FAILED
    unsure = GateStatus.INCONCLUSIVE in found or any(count.errors for count in counts) or not sum(count.n for count in counts)
    return STRICT if strict and unsure else PASSED


def _gates(each: CategorySummary) -> Iterator[Gate]:
    gate, counts = each.category.gate, each.model.counts
    idle = counts.n + counts.inconclusive == 0
    for rule, asked in (("at_least", gate.at_least), ("max_gap", gate.max_gap), ("no_worse", gate.no_worse or None)):
        if asked is None:
            continue
        if idle:
            yield Gate(each.name, rule, GateStatus.SKIPPED, Reason("audit.gate_no_case"))
        elif rule == "at_least":
            yield Gate(each.name, rule, *_at_least(each, float(asked)))
        elif rule == "max_gap":
            yield Gate(each.name, rule, *_max_gap(each, float(asked)))
        else:
            yield Gate(each.name, rule, *_no_worse(each))


def _at_least(each: CategorySummary, least: float) -> tuple[GateStatus, Reason]:
    counts = each.model.counts
    if counts.share is None or counts.interval is None:
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_nothing")
    low, high = counts.interval
    values = {"share": counts.share, "share_low": low, "share_high": high, "n": counts.n, "least_share": least}
    if counts.share < least:
        return GateStatus.FAILED, Reason("audit.gate_share_failed", values)
    if low >= least or least == 1:
        return GateStatus.PASSED, Reason("audit.gate_share_passed", values)
    return GateStatus.INCONCLUSIVE, Reason("audit.gate_share_unsure", values)


def _max_gap(each: CategorySummary, most: float) -> tuple[GateStatus, Reason]:
    if not each.model.gaps:
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_no_groups")
    failed = [gap for gap in each.model.gaps if gap.gap > most and gap.finding == "differs"]
    unsure = [gap for gap in each.model.gaps if gap.high > most]
    shown = max(failed or unsure or each.model.gaps, key=lambda gap: gap.gap)
    values = {
        "attribute": shown.attribute, "gap": shown.gap, "low": shown.low, "high": shown.high, "n": shown.n, "most": most,
        "p": shown.p_holm, "higher": shown.groups[0], "lower": shown.groups[1],
    }  # fmt: skip
    if failed:
        return GateStatus.FAILED, Reason("audit.gate_gap_failed", values)
    if unsure:
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_gap_unsure", values)
    return GateStatus.PASSED, Reason("audit.gate_gap_passed", values)


def _no_worse(each: CategorySummary) -> tuple[GateStatus, Reason]:
    tests = {name: test for name in ("comparison", "measured_comparison") if (test := getattr(each, name)) is not None}
    if not tests and each.baseline is not None:
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_nothing_shared", {"category": each.name})
    if not tests:
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_no_baseline")
    name, test = min(tests.items(), key=lambda item: _GRAVITY.index(_told(item[1])))
    values = {"difference": test.difference, "n": test.n, "p": each.p_holm.get(name, test.p)}
    if test.finding == "worse":
        return GateStatus.FAILED, Reason("audit.gate_worse", values)
    if _told(test) == "unsure":
        return GateStatus.INCONCLUSIVE, Reason("audit.gate_worse_unsure", values)
    return GateStatus.PASSED, Reason("audit.gate_not_worse", values)


_GRAVITY = ("worse", "unsure", "fine")


def _told(test: Difference) -> str:
    """worse; unsure where too few cases changed to tell, and more of them to the worse; else fine."""
    if test.finding == "worse":
        return "worse"
    if test.finding != "too_few":
        return "fine"
    losing = test.broke > test.fixed if test.broke is not None and test.fixed is not None else test.difference > 0
    return "unsure" if losing else "fine"


def _weighed(gate: Gate, summary: Summary) -> Gate:
    """A gate that saying the same to everything decides has shown nothing: the model's passes it, the baseline's fails it."""
    audit, each = summary.audit, summary.category(gate.category)
    if each is None or each.category.measures not in HOLLOW:
        return gate
    if gate.status is GateStatus.PASSED:
        same, key = _same(audit.monotony, each, audit), "audit.gate_monotony"
    elif gate.status is GateStatus.FAILED and gate.rule == "no_worse" and each.category.measures in EQUAL:
        same, key = _same(audit.baseline_monotony, each, audit), "audit.gate_monotony_before"
    else:
        return gate
    if same is None:
        return gate
    values = {"value": same.value, "count": same.count, "n": same.n}
    return Gate(gate.category, gate.rule, GateStatus.INCONCLUSIVE, Reason(key, values))


def _same(found: Sequence[Monotony], each: CategorySummary, audit: Audit) -> Monotony | None:
    """What was said to everything, where the category asks for such a thing: a pair of texts asks for no label."""
    return next((one for one in found if one.what in audit.asked.get(each.name, ())), None)
