"""An audit counted, compared and tested, by category and over all.

- Before and after are compared on the cases that count for both models, an error as not passed: fixed, broke, exact McNemar.
- What cases measure has a mean with its interval, and before and after a paired comparison.
- Groups are compared by the observations of a category (:mod:`afinar.metrics.gaps`).
- p values of the categories are corrected together (Holm), and those of the gaps between groups together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from afinar.audit.counting import COUNTED, Counts, Side, measured
from afinar.audit.runner import Audit, Outcome
from afinar.audit.schema import Category
from afinar.audit.verdicts import Observation, Verdict
from afinar.metrics.corrections import holm
from afinar.metrics.difference import Difference
from afinar.metrics.gaps import GroupGap, group_gaps
from afinar.metrics.paired import LEVEL, compare_flips, compare_means

LOWER_IS_BETTER = "bits_per_byte"
"""The number that a passage measures, of which less is better."""


@dataclass(frozen=True)
class CategorySummary:
    """One category of an audit.

    comparison: of the cases that passed; measured_comparison: of the bits per byte of passages. Their findings are those after
    the correction over categories, by `p_holm`.
    """

    name: str
    category: Category
    model: Side
    baseline: Side | None = None
    comparison: Difference | None = None
    measured_comparison: Difference | None = None
    p_holm: Mapping[str, float] = field(default_factory=dict)
    leaked: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what there is not is left out."""
        known = {"about": self.category.about, "measures": self.category.measures, "beside": self.category.beside}
        sides = {"model": self.model, "baseline": self.baseline}
        tests = {"comparison": self.comparison, "measured_comparison": self.measured_comparison}
        return {
            **{name: value for name, value in known.items() if value is not None},
            "leaked": self.leaked,
            **{name: side.as_dict() for name, side in sides.items() if side is not None},
            **{
                name: test.as_dict() | ({"p_holm": self.p_holm[name]} if name in self.p_holm else {})
                for name, test in tests.items()
                if test is not None
            },
        }


@dataclass(frozen=True)
class Summary:
    """All that an audit says. `comparison` is over all cases, one test by itself, and not corrected."""

    audit: Audit
    model: Side
    baseline: Side | None
    comparison: Difference | None
    categories: tuple[CategorySummary, ...]

    def category(self, name: str | None) -> CategorySummary | None:
        """The summary of a category that has cases in this audit."""
        return next((each for each in self.categories if each.name == name), None)

    @property
    def leaked(self) -> int:
        """Cases with a text that the training data have."""
        return sum(each.leaked for each in self.categories)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `overall` beside `categories`, and what the models say to everything."""
        overall = {"model": self.model.as_dict(), "leaked": self.leaked}
        if self.baseline is not None:
            overall["baseline"] = self.baseline.as_dict()
        if self.comparison is not None:
            overall["comparison"] = self.comparison.as_dict()
        same = {"model": self.audit.monotony, "baseline": self.audit.baseline_monotony}
        return {
            "overall": overall,
            "categories": {each.name: each.as_dict() for each in self.categories},
            "leaks_checked": self.audit.leaks_checked,
            "monotony": {side: [asdict(each) for each in found] for side, found in same.items() if found},
        }


def summarise(audit: Audit, *, seed: int = 0) -> Summary:
    """The summary of an audit. seed: of the resampling behind intervals and permutation tests."""
    outcomes: dict[str, list[Outcome]] = {}
    for outcome in audit.outcomes:
        outcomes.setdefault(outcome.case.category, []).append(outcome)
    gaps = _gaps([(outcome, outcome.verdict) for outcome in audit.outcomes], seed)
    before = _gaps([(outcome, outcome.baseline) for outcome in audit.outcomes if outcome.baseline], seed)
    made = [
        _category(name, category, outcomes[name], gaps.get(name, ()), before.get(name, ()), seed)
        for name, category in audit.suite.categories.items()
        if name in outcomes
    ]
    own, other = _verdicts(audit.outcomes)
    return Summary(
        audit,
        Side(Counts.of(own)),
        None if audit.baseline is None else Side(Counts.of(other)),
        _flips(audit.outcomes),
        tuple(_corrected(made)),
    )


def _category(
    name: str,
    category: Category,
    outcomes: Sequence[Outcome],
    gaps: tuple[GroupGap, ...],
    before: tuple[GroupGap, ...],
    seed: int,
) -> CategorySummary:
    own, other = _verdicts(outcomes)
    return CategorySummary(
        name,
        category,
        Side(Counts.of(own), measured(own, seed), gaps),
        Side(Counts.of(other), measured(other, seed), before) if other else None,
        _flips(outcomes),
        _means(outcomes, seed),
        leaked=sum(outcome.leak is not None for outcome in outcomes),
    )


def _verdicts(outcomes: Sequence[Outcome]) -> tuple[list[Verdict], list[Verdict]]:
    """Those of the model and those of the baseline, where there is one."""
    return [each.verdict for each in outcomes], [each.baseline for each in outcomes if each.baseline is not None]


# --- before and after ----------------------------------------------------------------------------------------------


def _flips(outcomes: Sequence[Outcome]) -> Difference | None:
    pairs = [
        (outcome.baseline.status == "pass", outcome.verdict.status == "pass")
        for outcome in outcomes
        if outcome.baseline is not None and outcome.baseline.status in COUNTED and outcome.verdict.status in COUNTED
    ]
    return compare_flips([before for before, _ in pairs], [after for _, after in pairs]) if pairs else None


def _means(outcomes: Sequence[Outcome], seed: int) -> Difference | None:
    """Bits per byte of the passages that both models were measured on, each passage counting alike."""
    pairs = [
        (outcome.baseline.values[LOWER_IS_BETTER], outcome.verdict.values[LOWER_IS_BETTER])
        for outcome in outcomes
        if type(outcome.case).__name__ == "Passage"
        and outcome.baseline is not None
        and all(math.isfinite(each.values.get(LOWER_IS_BETTER, math.nan)) for each in (outcome.baseline, outcome.verdict))
    ]
    if not pairs:
        return None
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    return compare_means(before, after, higher_is_better=False, seed=seed)


def _corrected(categories: Sequence[CategorySummary]) -> list[CategorySummary]:
    """The categories with their findings after Holm's correction; tests that could not tell are no part of the family."""
    tests = {
        (each.name, name): test
        for each in categories
        for name, test in (("comparison", each.comparison), ("measured_comparison", each.measured_comparison))
        if test is not None and test.p is not None and test.finding != "too_few"
    }
    adjusted = holm({key: test.p or 0.0 for key, test in tests.items()})
    made = []
    for each in categories:
        own = {name: p for (category, name), p in adjusted.items() if category == each.name}
        found = {name: _finding(tests[each.name, name], p) for name, p in own.items()}
        made.append(
            replace(
                each,
                comparison=found.get("comparison", each.comparison),
                measured_comparison=found.get("measured_comparison", each.measured_comparison),
                p_holm=own,
            )
        )
    return made


def _finding(test: Difference, p_holm: float) -> Difference:
    return test if p_holm <= LEVEL else replace(test, finding="no_difference")


# --- groups --------------------------------------------------------------------------------------------------------


def _gaps(verdicts: Sequence[tuple[Outcome, Verdict | None]], seed: int) -> dict[str, tuple[GroupGap, ...]]:
    """The gaps of each category, all corrected together: a category's attribute is a family member of its own."""
    observations: list[Observation] = []
    names: dict[str, tuple[str, str]] = {}
    for outcome, verdict in verdicts:
        for one in verdict.observations if verdict is not None else ():
            key = f"{outcome.case.category}\n{one.attribute}"
            names[key] = (outcome.case.category, one.attribute)
            observations.append(replace(one, attribute=key))
    found: dict[str, tuple[GroupGap, ...]] = {}
    for gap in group_gaps(observations, seed=seed):
        category, attribute = names[gap.attribute]
        found[category] = (*found.get(category, ()), replace(gap, attribute=attribute))
    return found
