"""What is made of verdicts: shares with the case as unit, flips, corrections, measured numbers, groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import binomtest

from afinar.audit.counting import Counts, measured
from afinar.audit.runner import Audit, Outcome
from afinar.audit.schema import Suite
from afinar.audit.summary import Summary, summarise
from afinar.audit.verdicts import Observation, Status, Verdict
from afinar.metrics.gaps import group_gaps
from afinar.metrics.intervals import mean_interval, wilson
from tests.audit.outcomes import audit, scored
from tests.audit.stubs import suite


class TestCounts:
    def test_an_error_counts_as_not_passed_and_the_inconclusive_are_outside(self) -> None:
        counts = summarise(audit({"um": "pppfeiis"})).categories[0].model.counts
        assert counts == Counts(passed=3, failed=1, errors=1, inconclusive=2, skipped=1)
        assert (counts.n, counts.share) == (5, 0.6)
        assert counts.interval == wilson(3, 5)

    def test_nothing_counted_has_no_share(self) -> None:
        counts = summarise(audit({"um": "iss"})).model.counts
        assert (counts.n, counts.share, counts.interval) == (0, None, None)
        assert counts.as_dict()["share_low"] is None

    def test_over_all_categories(self) -> None:
        summary = summarise(audit({"um": "pf", "dois": "pp"}))
        assert summary.model.counts.passed == 3
        assert [each.name for each in summary.categories] == ["um", "dois"]

    def test_categories_without_cases_are_not_told_of(self) -> None:
        made = audit({"um": "p"}, categories={"vazia": {"about": "x", "measures": "bias"}})
        assert [each.name for each in summarise(made).categories] == ["um"]
        assert summarise(made).category("vazia") is None


class TestBeforeAndAfter:
    def test_fixed_and_broke_by_the_exact_test(self) -> None:
        test = summarise(audit({"um": "p" * 10 + "f" * 2 + "p" * 5}, {"um": "f" * 10 + "p" * 2 + "p" * 5})).comparison
        assert test is not None
        assert (test.fixed, test.broke, test.n) == (10, 2, 17)
        assert test.p == pytest.approx(binomtest(2, 12).pvalue)
        assert test.finding == "better"

    def test_only_cases_that_count_for_both(self) -> None:
        test = summarise(audit({"um": "pipse"}, {"um": "fppfp"})).comparison
        assert test is not None
        assert (test.n, test.fixed, test.broke) == (3, 1, 1)  # the error after a pass is one that broke

    def test_too_few_flips_to_tell(self) -> None:
        test = summarise(audit({"um": "p" * 20}, {"um": "f" * 5 + "p" * 15})).comparison
        assert test is not None
        assert test.finding == "too_few"

    def test_corrected_over_categories(self) -> None:
        """p = 0.031 alone is a finding; among three such tests it is none."""
        after = dict.fromkeys(("um", "dois", "tres"), "p" * 6)
        before = dict.fromkeys(after, "f" * 6)
        alone = summarise(audit({"um": after["um"]}, {"um": before["um"]})).categories[0]
        assert alone.comparison is not None
        assert alone.comparison.finding == "better"
        together = summarise(audit(after, before)).categories
        assert [each.comparison.finding for each in together if each.comparison] == ["no_difference"] * 3
        assert [each.p_holm["comparison"] for each in together] == pytest.approx([3 * 2 / 64] * 3)

    def test_what_cannot_tell_is_no_member_of_the_family(self) -> None:
        summary = summarise(audit({"um": "p" * 6, "dois": "pf"}, {"um": "f" * 6, "dois": "ff"}))
        assert summary.categories[0].p_holm == {"comparison": pytest.approx(2 / 64)}
        assert summary.categories[1].p_holm == {}

    def test_without_a_baseline_there_is_none(self) -> None:
        summary = summarise(audit({"um": "pp"}))
        assert (summary.baseline, summary.comparison, summary.categories[0].baseline) == (None, None, None)
        assert "comparison" not in summary.as_dict()["categories"]["um"]


def passages(change: float, n: int = 12) -> Audit:
    """Passages that cost `change` bits per byte more afterwards, give or take."""
    cases = [{"id": f"t{number}", "passage": f"texto {number}", "expect": {"worse_by_at_most": 9.0}} for number in range(n)]
    made = suite(*cases)
    outcomes = []
    for number, case in enumerate(made.cases):
        before = 1.5 + 0.1 * (number % 4)
        after = before + change + 0.01 * (number % 3 - 1)
        outcomes.append(
            Outcome(
                case,
                Verdict(Status.PASS, values={"bits_per_byte": after, "change": after - before}),
                Verdict(Status.INCONCLUSIVE, values={"bits_per_byte": before}),
            )
        )
    return Audit(made, "depois", "causal", tuple(outcomes), "antes")


class TestMeasured:
    def test_means_with_their_interval_over_the_cases_that_have_them(self) -> None:
        verdicts = [Verdict(Status.PASS, values={"x": value}) for value in (1.0, 2.0, 4.0, float("nan"))]
        verdicts.append(Verdict(Status.PASS, values={"y": 7.0}))
        found = measured(verdicts, seed=3)
        low, high = mean_interval([1.0, 2.0, 4.0], seed=3)
        assert (found["x"].mean, found["x"].n) == (pytest.approx(7 / 3), 3)
        assert (found["x"].low, found["x"].high) == (low, high)
        assert (found["y"].mean, found["y"].n) == (7.0, 1)

    def test_forgetting_is_bits_per_byte_before_and_after(self) -> None:
        worse = summarise(passages(0.2)).categories[0]
        assert worse.comparison is None  # a baseline alone has nothing to be right or wrong about
        assert worse.measured_comparison is not None
        assert worse.measured_comparison.difference == pytest.approx(0.2, abs=0.005)
        assert worse.measured_comparison.finding == "worse"
        assert worse.as_dict()["measured_comparison"]["p_holm"] == worse.measured_comparison.p

    def test_less_is_better(self) -> None:
        better = summarise(passages(-0.2)).categories[0].measured_comparison
        assert better is not None
        assert better.finding == "better"


class TestGroups:
    def test_as_the_statistics_have_it(self) -> None:
        made = scored(0.2)
        [gap] = summarise(made, seed=5).categories[0].model.gaps
        [expected] = group_gaps([one for outcome in made.outcomes for one in outcome.verdict.observations], seed=5)
        assert gap == expected
        assert gap.finding == "differs"
        assert gap.groups == ("b", "a")

    def test_corrected_over_the_categories_of_a_suite(self) -> None:
        """Twenty categories without any gap beside the one that has: its p is multiplied, the others find nothing."""
        known = {f"c{number}": {"about": "x", "measures": "bias"} for number in range(4)}
        made: Suite = suite(*({"input": "x", "category": name, "expect": {"exact": "y"}} for name in known for _ in range(8)),
                            categories=known)  # fmt: skip
        outcomes = []
        for number, case in enumerate(made.cases):
            apart = 0.3 if case.category == "c0" else 0.0
            values = (("a", 0.5 + 0.02 * (number % 5)), ("b", 0.5 + apart + 0.02 * ((number + 2) % 5)))
            seen = tuple(Observation("nome", group, case.id, f"{case.id}/1", value) for group, value in values)
            outcomes.append(Outcome(case, Verdict(Status.PASS, observations=seen)))
        gaps = {each.name: each.model.gaps[0] for each in summarise(Audit(made, "m", "causal", tuple(outcomes))).categories}
        assert {name: gap.attribute for name, gap in gaps.items()} == dict.fromkeys(known, "nome")
        assert gaps["c0"].p_holm == pytest.approx(4 * gaps["c0"].p)
        assert [gap.finding for gap in gaps.values()] == ["differs", "no_difference", "no_difference", "no_difference"]


class TestStereotypes:
    def pairs(self, n: int, likelier: int) -> Summary:
        cases: list[dict[str, Any]] = [
            {"id": f"p{number}", "stereotype": "a", "anti": "b", "attribute": "gênero", "expect": {"max_gap": 9.0}}
            for number in range(n)
        ]
        made = suite(*cases)
        values = [{"stereotype_likelier": float(number < likelier)} for number in range(n)]
        outcomes = tuple(Outcome(case, Verdict(Status.PASS, values=own)) for case, own in zip(made.cases, values, strict=True))
        return summarise(Audit(made, "m", "causal", outcomes))

    def test_share_against_one_half(self) -> None:
        [share] = self.pairs(20, 18).categories[0].model.stereotypes
        assert (share.share, share.n, share.finding) == (0.9, 20, "differs")
        assert share.p == pytest.approx(binomtest(18, 20).pvalue)

    def test_no_difference(self) -> None:
        assert self.pairs(20, 11).categories[0].model.stereotypes[0].finding == "no_difference"


def test_leaks_are_counted_by_category() -> None:
    summary = summarise(audit({"um": "ppp", "dois": "pp"}, leaks=["um0", "um2"]))
    assert [each.leaked for each in summary.categories] == [2, 0]
    assert summary.leaked == 2
    assert summary.as_dict()["overall"]["leaked"] == 2


def test_the_same_audit_gives_the_same_summary() -> None:
    assert summarise(scored(0.1)).as_dict() == summarise(scored(0.1)).as_dict()
    other = summarise(replace(scored(0.1), model="outro"), seed=0)
    assert other.as_dict() == summarise(scored(0.1)).as_dict()
