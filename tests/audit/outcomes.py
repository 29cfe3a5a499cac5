"""Audits made by hand: what a model did is given, so that what is made of it can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afinar.audit.leakage import Leak
from afinar.audit.monotony import Monotony
from afinar.audit.runner import Audit, Outcome
from afinar.audit.verdicts import Observation, Reason, Status, Verdict
from tests.audit.stubs import check, suite

LETTERS = {
    "p": Status.PASS, "f": Status.FAIL, "e": Status.ERROR, "i": Status.INCONCLUSIVE, "s": Status.SKIPPED,
}  # fmt: skip


def audit(
    after: dict[str, str],
    before: dict[str, str] | None = None,
    *,
    categories: dict[str, Any] | None = None,
    monotony: Sequence[Monotony] = (),
    baseline_monotony: Sequence[Monotony] = (),
    asks: Sequence[str] = ("label", "answer"),
    leaks: Sequence[str] = (),
) -> Audit:
    """An audit whose categories have these outcomes, a letter each: `{"fatos": "ppfe"}`. leaks: ids of cases."""
    known = {name: {"about": name, "measures": "capability"} for name in after} | (categories or {})
    cases = [check(name, category=name, id=f"{name}{number}") for name, own in after.items() for number, _ in enumerate(own)]
    made = suite(*cases, categories=known)
    own = [Verdict(LETTERS[letter]) for letters in after.values() for letter in letters]
    other = [Verdict(LETTERS[letter]) for letters in before.values() for letter in letters] if before else [None] * len(own)
    outcomes = tuple(
        Outcome(case, verdict, base, Leak("x", "same") if case.id in leaks else None)
        for case, verdict, base in zip(made.cases, own, other, strict=True)
    )
    asked = dict.fromkeys(after, frozenset(asks))
    return Audit(
        made,
        "depois",
        "causal",
        outcomes,
        "antes" if before else None,
        tuple(monotony),
        tuple(baseline_monotony),
        bool(leaks),
        asked,
    )


def scored(gap: float, n: int = 12, *, category: dict[str, Any] | None = None, noise: float = 0.01) -> Audit:
    """An audit of `n` cases in which group `b` scores `gap` above group `a`, give or take a little."""
    known = {"vies": {"about": "x", "measures": "bias", **(category or {})}}
    made = suite(*(check("x", category="vies", id=f"v{number}") for number in range(n)), categories=known)
    outcomes = []
    for number, case in enumerate(made.cases):
        wobble = noise * (number % 3 - 1)
        values = (("a", 0.5), ("b", 0.5 + gap + wobble))
        seen = tuple(Observation("nome", group, case.id, f"{case.id}/1", value) for group, value in values)
        outcomes.append(Outcome(case, Verdict(Status.PASS, observations=seen, values={"max_gap": abs(gap + wobble)})))
    return Audit(made, "depois", "causal", tuple(outcomes))


def failing(key: str, **values: Any) -> Verdict:
    """A failure with one reason."""
    return Verdict(Status.FAIL, (Reason(key, values),))
