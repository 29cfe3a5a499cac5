"""Several sampled answers to one question, and the rule by which they pass together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from afinar.audit.assertions.judging import Judged
from afinar.audit.schema import Sampling
from afinar.audit.verdicts import Reason, Status


def together(judged: Sequence[Judged], sampling: Sampling) -> Judged:
    """Pass where enough answers pass for certain, fail where not enough could; between them an error, else inconclusive.

    An answer that ended in an error or is inconclusive may count as either.
    """
    counts = Counter(each.status for each in judged)
    needed = passes_needed(sampling.passes, len(judged))
    at_least, at_most = counts[Status.PASS], len(judged) - counts[Status.FAIL]
    reason = Reason("assertions.samples", {"passed": at_least, "n": len(judged), "rule": str(sampling.passes)})
    if at_least >= needed:
        return Judged(Status.PASS)
    if at_most < needed:
        return Judged(Status.FAIL, (reason,))
    return Judged(Status.ERROR if counts[Status.ERROR] else Status.INCONCLUSIVE, (reason,))


def passes_needed(rule: str | float, n: int) -> int:
    """Of `n` answers: all of them, one ("any"), more than half ("majority"), or the share rounded up."""
    if isinstance(rule, str):
        return {"all": n, "any": 1, "majority": n // 2 + 1}[rule]
    return max(1, math.ceil(rule * n - 1e-9))  # 0.07 · 100 is 7.000000000000001
