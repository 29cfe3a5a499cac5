"""Can the auditor be trusted? Models that fail by a known amount, and models that do not, through the real runner.

What an alarm, a power and a coverage are, and where their promised values come from: tests/audit/planted.py. The quick tests
take as many simulations as seconds allow and fail where the outcome would be a one-in-a-thousand accident; the slow ones take
1,000 and fail where it is further off than promised.
"""

from __future__ import annotations

from dataclasses import asdict

import pytest
from scipy import stats

from afinar.audit.gates import GateStatus, gates
from afinar.audit.runner import run_suite
from afinar.audit.schema import Suite
from afinar.audit.verdicts import Status
from afinar.metrics.paired import mcnemar
from tests.audit.planted import (
    FEMININE,
    TWO,
    AccentBlind,
    Collapsed,
    Experiment,
    Leaning,
    Swearing,
    accents,
    audit,
    experiments,
    insults,
    names,
    of,
    power_of_flips,
    power_of_shift,
    uniform,
)

EXPERIMENTS = experiments()
QUICK = {
    "two equal groups, 24 cases": 60,
    "stereotypes, 40 pairs without leaning": 100,
    "forbidden word, 20% before and after": 60,
    "passages, equally good models": 100,
    "score shifted by 0.06": 25,
    "stereotypes preferred": 60,
    "forbidden word, never before, 15% after": 40,
    "accents, none broken before, 20% after": 25,
    "passages worse by 0.05 bits per byte": 60,
    "gap of two groups, 0.04": 40,
    "share that passes, 80%": 60,
    "bits per byte, 0.05 worse": 60,
}
"""Simulations of the quick suite."""
ACCIDENT = 0.001


def named(experiment: Experiment) -> str:
    return f"{experiment.kind}: {experiment.name}"


# --- how often ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if each.name in QUICK], ids=named)
def test_finds_as_often_as_the_statistics_promise(experiment: Experiment):
    simulations = QUICK[experiment.name]
    found = round(experiment.share(simulations) * simulations)
    side = "greater" if experiment.kind == "alarm" else "two-sided"
    assert stats.binomtest(found, simulations, experiment.promised, alternative=side).pvalue > ACCIDENT


def test_the_quick_ones_are_all_there_and_could_fail():
    assert set(QUICK) <= {each.name for each in EXPERIMENTS}
    for each in EXPERIMENTS:
        if each.name in QUICK and each.kind != "alarm":  # finding nothing, or everything, would not do
            blind = stats.binomtest(0, QUICK[each.name], each.promised).pvalue
            assert blind < ACCIDENT


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if each.kind == "alarm"], ids=named)
def test_unbiased_models_raise_an_alarm_in_at_most_five_percent(experiment: Experiment):
    assert experiment.share(1_000) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if each.kind == "power"], ids=named)
def test_planted_effects_are_found_with_the_promised_power(experiment: Experiment):
    assert experiment.share(1_000) == pytest.approx(experiment.promised, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [each for each in EXPERIMENTS if each.kind == "coverage"], ids=named)
def test_intervals_cover_the_truth(experiment: Experiment):
    most = 1.0 if "three groups" in experiment.name else experiment.promised + 0.02  # several pairs: at least 95%
    assert experiment.promised - 0.02 <= experiment.share(1_000) <= most


# --- the promises themselves ------------------------------------------------------------------------------------------


def test_promised_powers_are_those_of_the_tests():
    # from tables: n = 34 differences find half a standard deviation with a power of 0.807 (Cohen 1988, table 2.3.5: 0.80)
    assert power_of_shift(34, 0.5, 1.0) == pytest.approx(0.807, abs=0.002)
    assert power_of_shift(20, 0.0, 1.0) == pytest.approx(0.05)
    # all that changes, changes to the worse: found where six or more do
    assert power_of_flips(60, 0.0, 0.15) == pytest.approx(stats.binom.sf(5, 60, 0.15))
    # by counting tables of fixed and broke
    n, p_fixed, p_broke = 20, 0.1 * 0.6, 0.9 * 0.4
    tables = [(fixed, broke, n - fixed - broke) for fixed in range(n + 1) for broke in range(n + 1 - fixed)]
    worse = [table for table in tables if table[1] > table[0] and sum(table[:2]) >= 6 and mcnemar(*table[:2]) <= 0.05]
    expected = stats.multinomial.pmf(worse, n, [p_fixed, p_broke, 1 - p_fixed - p_broke]).sum()
    assert power_of_flips(n, 0.1, 0.4) == pytest.approx(expected)


def test_noise_is_uniform_and_independent_of_like_keys():
    drawn = [uniform(seed, f"texto {text}") for seed in range(60) for text in range(60)]
    assert stats.kstest(drawn, "uniform").pvalue > 0.01
    sums = [sum(drawn[60 * seed : 60 * seed + 60]) for seed in range(60)]
    assert stats.tstd(sums) == pytest.approx((60 / 12) ** 0.5, rel=0.3)


# --- a classifier that leans ------------------------------------------------------------------------------------------


def test_a_shift_by_a_known_amount_is_measured_to_the_digit():
    gap = audit(names(), Leaning(of(4), {"masculino": 0.07}, noise=0.0)).categories[0].model.gaps[0]
    assert (gap.gap, gap.low, gap.high) == pytest.approx((0.07, 0.07, 0.07))
    assert (gap.groups, gap.finding, gap.n) == (("masculino", "feminino"), "differs", 24)


def renamed(suite: Suite) -> Suite:
    """The suite with other names for groups, attribute and lexicon."""
    text = suite.model_dump_json(exclude_none=True, exclude_defaults=True)
    for old, new in (("feminino", "zz"), ("masculino", "aa"), ("atributo 0", "outra coisa"), ("pessoas 0", "gente")):
        text = text.replace(old, new)
    return Suite.model_validate_json(text)


def test_renaming_groups_changes_nothing():
    model = Leaning(of(4), {"masculino": 0.03}, seed=5)
    before, after = (audit(one, model).categories[0].model.gaps[0] for one in (names(), renamed(names())))
    assert after.means == {"zz": before.means["feminino"], "aa": before.means["masculino"]}
    unnamed = [{**asdict(gap), "attribute": "", "means": {}, "groups": ()} for gap in (before, after)]
    assert unnamed[0] == unnamed[1]


def test_a_group_under_a_second_name_has_no_gap():
    suite = names(("feminino", "feminino de novo"))
    gap = audit(suite, Leaning({"feminino": FEMININE}, noise=0.3)).categories[0].model.gaps[0]
    assert (gap.gap, gap.low, gap.high, gap.p, gap.finding) == (0.0, 0.0, 0.0, 1.0, "no_difference")


def test_a_lean_that_was_there_before_is_measured_for_both_models():
    models = Leaning(of(4), name="after"), Leaning(of(4), {"masculino": 0.2}, name="before")
    found = audit(names(), *models).categories[0]
    assert found.baseline is not None
    assert found.baseline.gaps[0].finding == "differs"
    assert found.model.gaps[0].gap < found.baseline.gaps[0].gap


# --- a generator that swears, a classifier that needs accents -----------------------------------------------------------


def test_a_word_in_every_answer_fails_every_case_and_the_gate():
    summary = audit(insults(), Swearing(1.0), Swearing(0.0, name="before"))
    found = summary.categories[0]
    assert (found.model.counts.failed, found.baseline and found.baseline.counts.passed) == (60, 60)
    assert found.comparison is not None
    assert (found.comparison.fixed, found.comparison.broke, found.comparison.finding) == (0, 60, "worse")
    assert {gate.rule: gate.status for gate in gates(summary)} == {
        "at_least": GateStatus.FAILED,
        "no_worse": GateStatus.FAILED,
    }


def test_broken_accents_show_in_robustness_and_nowhere_else():
    summary = audit(accents(), AccentBlind(1.0), AccentBlind(0.0, name="before"))
    robust, plain = summary.category("acentos"), summary.category("sem mudança")
    assert robust is not None
    assert plain is not None
    assert (robust.model.counts.failed, plain.model.counts.passed) == (40, 40)
    assert robust.comparison is not None
    assert plain.comparison is not None
    assert (robust.comparison.finding, plain.comparison.finding) == ("worse", "too_few")
    outcome = run_suite(accents(), AccentBlind(1.0)).outcomes[0]
    shown = {each.kind: each.status for each in outcome.verdict.expansions}
    assert shown == {"input": Status.PASS, "accents": Status.FAIL}


# --- a model that collapsed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["positivo", "negativo"])
def test_one_label_for_everything_treats_groups_alike_and_is_told_so(label: str):
    gap = audit(names(TWO), Collapsed(label)).categories[0].model.gaps[0]
    assert (gap.gap, gap.finding) == (0.0, "no_difference")
    summary = audit(accents(), Collapsed(label))
    plain = summary.category("sem mudança")
    assert plain is not None
    assert plain.model.counts.share == 0.5
    (same,) = summary.audit.monotony
    assert (same.what, same.value, same.count, same.n) == ("label", label, 80, 80)


def test_one_answer_for_everything_passes_no_gate():
    summary = audit(insults(), Collapsed(task="causal"))
    (same,) = summary.audit.monotony
    assert (same.what, same.value) == ("answer", "não.")
    assert GateStatus.PASSED not in {gate.status for gate in gates(summary)}
