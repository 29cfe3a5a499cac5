"""Whether a variant of an input is answered as the input was."""

from __future__ import annotations

from afinar.audit.assertions.closeness import normalised
from afinar.audit.assertions.judging import Judged
from afinar.audit.probes import Answer, Scores
from afinar.audit.schema import Expect
from afinar.audit.verdicts import Reason, Status


def compare_labels(original: Scores, other: Scores) -> Judged:
    """Pass where the likeliest label is the same."""
    if other.label == original.label:
        return Judged(Status.PASS)
    return Judged(Status.FAIL, (Reason("assertions.other_label", {"got": other.label, "expected": original.label}),))


def compare_answers(original: Answer, other: Answer, expect: Expect) -> Judged:
    """Pass where the texts are equal, compared as `expect` says (letter case, accents) and but for blanks.

    Two answers cut off at the limit are equal as far as they go, and pass; where one is the start of the other and was cut
    off, more tokens could have made them equal or not. An empty answer has nothing to keep.
    """
    before, after = normalised(original.text, expect), normalised(other.text, expect)
    if not before:
        return Judged(Status.INCONCLUSIVE, (Reason("assertions.empty_compared"),))
    if before == after:
        return Judged(Status.PASS)
    is_start = (original.truncated and after.startswith(before)) or (other.truncated and before.startswith(after))
    if is_start:
        return Judged(Status.INCONCLUSIVE, (Reason("assertions.same_so_far"),))
    return Judged(Status.FAIL, (Reason("assertions.other_answer"),))
