"""An audit counted, compared and tested, by category and over all.

- Before and after are compared on the cases that count for both models, an error as not passed: fixed, broke, exact McNemar.
- What cases measure has a mean with its interval, and before and after a paired comparison.
- Groups are compared by the observations of a category (:mod:`afinar.metrics.gaps`).
- p values of the categories are corrected together (Holm), so are those of the gaps between groups, and those of stereotypes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from afinar.audit.counting import COUNTED, Counts, Side, measured
from afinar.audit.pairs import StereotypeShare, stereotype_shares
from afinar.audit.runner import Audit, Outcome
from afinar.audit.schema import Category
from afinar.audit.verdicts import Observation, Verdict
from afinar.metrics.corrections import holm
from afinar.metrics.difference import Difference
from afinar.metrics.gaps import GroupGap, group_gaps
from afinar.metrics.paired import LEVEL, compare_flips, compare_means

BITS_PER_BYTE = "bits_per_byte"
"""What a passage measures; less is better."""


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
    own = _sides([(outcome.case, outcome.verdict) for outcome in audit.outcomes], seed)
    other = _sides([(outcome.case, outcome.baseline) for outcome in audit.outcomes if outcome.baseline is not None], seed)
    made = [
        CategorySummary(
            name,
            category,
            own[name],
            other.get(name),
            _flips(outcomes[name]),
            _means(outcomes[name], seed),
            leaked=sum(outcome.leak is not None for outcome in outcomes[name]),
        )
        for name, category in audit.suite.categories.items()
        if name in outcomes
    ]
    before = [outcome.baseline for outcome in audit.outcomes if outcome.baseline is not None]
    return Summary(
        audit,
        Side(Counts.of([outcome.verdict for outcome in audit.outcomes])),
        None if audit.baseline is None else Side(Counts.of(before)),
        _flips(audit.outcomes),
        tuple(_corrected(made)),
    )


def _sides(judged: Sequence[tuple[Any, Verdict]], seed: int) -> dict[str, Side]:
    """What was found out about one model, by category."""
    categories: dict[str, list[tuple[Any, Verdict]]] = {}
    for case, verdict in judged:
        categories.setdefault(case.category, []).append((case, verdict))
    gaps, stereotypes = _gaps(judged, seed), _stereotypes(categories)
    return {
        name: Side(
            Counts.of([verdict for _, verdict in own]),
            measured([verdict for _, verdict in own], seed),
            gaps.get(name, ()),
            stereotypes.get(name, ()),
        )
        for name, own in categories.items()
    }


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
        (outcome.baseline.values[BITS_PER_BYTE], outcome.verdict.values[BITS_PER_BYTE])
        for outcome in outcomes
        if type(outcome.case).__name__ == "Passage"
        and outcome.baseline is not None
        and all(math.isfinite(each.values.get(BITS_PER_BYTE, math.nan)) for each in (outcome.baseline, outcome.verdict))
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


def _gaps(judged: Sequence[tuple[Any, Verdict]], seed: int) -> dict[str, tuple[GroupGap, ...]]:
    """The gaps of each category, all corrected together: a category's attribute is a family member of its own."""
    observations: list[Observation] = []
    names: dict[str, tuple[str, str]] = {}
    for case, verdict in judged:
        for one in verdict.observations:
            key = f"{case.category}\n{one.attribute}"
            names[key] = (case.category, one.attribute)
            observations.append(replace(one, attribute=key))
    found: dict[str, tuple[GroupGap, ...]] = {}
    for gap in group_gaps(observations, seed=seed):
        category, attribute = names[gap.attribute]
        found[category] = (*found.get(category, ()), replace(gap, attribute=attribute))
    return found


def _stereotypes(categories: Mapping[str, Sequence[tuple[Any, Verdict]]]) -> dict[str, tuple[StereotypeShare, ...]]:
    """In how many pairs of each category and attribute the stereotype is likelier, the findings corrected together."""
    found = {name: stereotype_shares(judged) for name, judged in categories.items()}
    tests = {(name, one.attribute): one.p for name, ones in found.items() for one in ones if one.finding != "too_few"}
    adjusted = holm(tests)
    return {
        name: tuple(
            replace(one, finding="no_difference") if adjusted.get((name, one.attribute), 0.0) > LEVEL else one for one in ones
        )
        for name, ones in found.items()
        if ones
    }
