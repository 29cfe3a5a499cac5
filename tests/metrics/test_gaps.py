"""Gaps between groups: what is measured, what names may not change, and how often equal groups raise an alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from afinar.metrics.gaps import GroupGap, group_gaps


@dataclass(frozen=True)
class Seen:
    group: str
    case: str
    block: str
    value: float
    attribute: str = "gênero"
    words: str = ""


def world(
    effects: dict[str, float],
    *,
    cases: int = 30,
    blocks: int = 2,
    seed: int = 0,
    by_case: float = 0.1,
    by_word: float = 0.0,
    words: int = 0,
    noise: Callable[[np.random.Generator], float] = lambda generator: generator.normal(0, 0.1),
) -> list[Seen]:
    """Scores by group and block: what the case adds, and to each group, the word, noise, and the group's effect."""
    generator = np.random.default_rng(seed)
    odd = generator.normal(0, by_word, size=(max(words, 1), len(effects)))
    seen = []
    for case in range(cases):
        level, own = generator.normal(), generator.normal(0, by_case, size=len(effects))
        for block in range(blocks):
            word = block % words if words else 0
            for column, (group, effect) in enumerate(effects.items()):
                value = level + own[column] + odd[word, column] + noise(generator) + effect
                seen.append(Seen(group, f"c{case}", f"c{case}/{block}", value, words=f"nomes/{word}" if words else ""))
    return seen


def only(seen: list[Seen], **more: int) -> GroupGap:
    (gap,) = group_gaps(seen, **more)
    return gap


# --- what is measured ----------------------------------------------------------------------------------------------


def test_the_largest_gap_is_that_of_the_furthest_means():
    gap = only(world({"a": 0.0, "b": 0.5, "c": 0.2}))
    by_group = {g: np.mean([one.value for one in world({"a": 0.0, "b": 0.5, "c": 0.2}) if one.group == g]) for g in "abc"}
    assert gap.means == pytest.approx(by_group)
    assert gap.groups == ("b", "a")
    assert gap.gap == pytest.approx(by_group["b"] - by_group["a"])
    assert gap.low < gap.gap < gap.high
    assert (gap.n, gap.n_words, gap.finding) == (30, None, "differs")
    assert gap.as_dict()["groups"] == ["b", "a"]


def test_two_groups_are_tested_by_swapping_them_within_cases():
    seen = world({"a": 0.0, "b": 0.06}, cases=40, blocks=3)
    sums = {}
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        sums[first.case] = sums.get(first.case, 0.0) + second.value - first.value
    differences = np.array(list(sums.values()))
    expected = stats.permutation_test(
        (differences, np.zeros(len(differences))),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    gap = only(seen, resamples=10_000)
    assert gap.p == pytest.approx(expected.pvalue, abs=0.012)
    # and the interval is that of the mean over cases, near Student's
    half = stats.t.ppf(0.975, 39) * differences.std(ddof=1) / 3 / np.sqrt(40)
    assert (gap.high - gap.gap) == pytest.approx(half, rel=0.1)


def test_blocks_are_paired_so_that_cases_may_differ_at_will():
    seen = world({"a": 0.0, "b": 0.02}, by_case=0.0, noise=lambda generator: generator.normal(0, 0.005))
    assert only(seen).finding == "differs"  # though cases spread by 1 around it


def test_a_group_that_a_block_lacks_is_compared_where_it_occurs():
    seen = [one for one in world({"a": 0.0, "b": 0.4, "c": 0.1}) if not (one.group == "c" and one.block.endswith("/1"))]
    alone = [Seen("a", "c99", "c99/0", 50.0)]
    gap = only(seen + alone)
    assert gap.groups == ("b", "a")
    assert gap.gap == only(seen).gap  # a block of one group compares nothing
    assert gap.means["a"] < 40


def test_values_of_a_group_within_a_block_are_averaged():
    seen = world({"a": 0.0, "b": 0.3})
    halves = [replace(one, value=one.value + change) for one in seen for change in (-0.2, 0.2)]
    assert only(halves).gap == pytest.approx(only(seen).gap)


def test_a_constant_shift_is_found_with_a_point_for_an_interval():
    gap = only([Seen(g, f"c{c}", f"c{c}", c / 10 + (0.25 if g == "b" else 0)) for c in range(12) for g in "ab"])
    assert (gap.gap, gap.low, gap.high) == pytest.approx((0.25, 0.25, 0.25))
    assert gap.finding == "differs"


def test_attributes_are_kept_apart_and_corrected_together():
    seen = world({"a": 0.0, "b": 0.07}, seed=0)
    alone = only(seen)
    others = [replace(one, attribute=f"outro {k}") for k in range(4) for one in world({"a": 0.0, "b": 0.0}, seed=50 + k)]
    gaps = group_gaps(seen + others)
    assert [gap.attribute for gap in gaps] == ["gênero", *(f"outro {k}" for k in range(4))]
    assert (gaps[0].p, gaps[0].low) == (alone.p, alone.low)
    assert gaps[0].p_holm >= gaps[0].p
    assert gaps[0].p_holm == pytest.approx(min(1, 5 * gaps[0].p))
    assert (alone.finding, gaps[0].finding) == ("differs", "no_difference")


def test_five_cases_are_too_few_whatever_they_show():
    assert only(world({"a": 0.0, "b": 9.0}, cases=5)).finding == "too_few"
    assert only(world({"a": 0.0, "b": 9.0}, cases=6)).finding == "differs"
    one = only(world({"a": 0.0, "b": 9.0}, cases=1))
    assert (one.low, one.high, one.finding) == (0.0, float("inf"), "too_few")


def test_nothing_to_compare():
    assert group_gaps([]) == []
    assert group_gaps([Seen("a", "c", "c", 1.0), Seen("b", "c", "d", 2.0)]) == []


# --- words that stand for groups -----------------------------------------------------------------------------------


def test_one_odd_name_in_every_case_does_not_make_a_gap_of_its_group():
    seen = world({"a": 0.0, "b": 0.0}, words=10, blocks=10, cases=40, by_case=0.02)
    odd = [replace(one, value=one.value + 0.6) if one.group == "b" and one.words == "nomes/3" else one for one in seen]
    gap = only(odd)
    assert gap.n_words == 10
    assert gap.finding == "no_difference"
    assert only([replace(one, words="") for one in odd]).finding == "differs"  # taken for a fact about the group


def test_a_shift_of_all_names_is_found():
    gap = only(world({"a": 0.0, "b": 0.2}, words=10, blocks=10, by_word=0.05))
    assert gap.finding == "differs"


def test_few_words_are_the_groups_themselves():
    assert only(world({"a": 0.0, "b": 0.2}, words=9, blocks=9)).n_words is None


# --- what must not change anything ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [0, 10])
def test_renaming_changes_no_bit(words: int):
    seen = world({"zebra": 0.0, "b": 0.03, "a": 0.05, "m": 0.0}, words=words, blocks=10)
    names = {"zebra": "alfa", "b": "zulu", "a": "mike", "m": "bravo"}

    def renamed(one: Seen) -> Seen:
        new = {"group": names[one.group], "case": one.case[::-1] + "x", "block": one.block[::-1], "attribute": "raça"}
        return replace(one, **new, words=one.words[::-1])

    before, after = only(seen), only([renamed(one) for one in seen])
    assert after.means == {names[group]: mean for group, mean in before.means.items()}
    assert after.groups == tuple(names[group] for group in before.groups)
    for figure in ("gap", "low", "high", "p", "p_holm", "n", "n_words", "finding"):
        assert getattr(after, figure) == getattr(before, figure)


def test_a_group_under_a_second_name_has_no_gap():
    seen = world({"a": 0.3}, blocks=3)
    gap = only(seen + [replace(one, group="a outra vez") for one in seen])
    assert (gap.gap, gap.low, gap.high, gap.p, gap.finding) == (0.0, 0.0, 0.0, 1.0, "no_difference")


def test_a_group_doubled_beside_another_leaves_the_gap_as_it_is():
    seen = world({"a": 0.0, "b": 0.3})
    gap = only(seen + [replace(one, group="b outra vez") for one in seen if one.group == "b"])
    assert gap.gap == only(seen).gap
    assert gap.means["b"] == gap.means["b outra vez"]
    assert gap.finding == "differs"


def test_the_seed_repeats():
    seen = world({"a": 0.0, "b": 0.03})
    assert only(seen, seed=4) == only(seen, seed=4)
    assert only(seen, seed=4) != only(seen, seed=5)


# --- what is promised, simulated -------------------------------------------------------------------------------------

NOISES: dict[str, Callable[[np.random.Generator], float]] = {
    "normal": lambda generator: generator.normal(0, 0.1),
    "skewed": lambda generator: generator.exponential(0.1),
    "mostly nothing": lambda generator: generator.standard_t(3) * 0.1 * (generator.random() < 0.3),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("groups", [2, 4])
def test_equal_groups_rarely_raise_an_alarm(groups: int, noise: str):
    """A rate of 5% gives more than 12 alarms of 150 once in twenty times; more simulations in benchmarks/cpu/auditing.py."""
    effects = {f"g{k}": 0.0 for k in range(groups)}
    worlds = (world(effects, cases=20, seed=trial, noise=NOISES[noise]) for trial in range(150))
    alarms = sum(only(seen, resamples=400, seed=trial).finding == "differs" for trial, seen in enumerate(worlds))
    assert alarms <= 12


def test_the_interval_of_two_groups_covers_the_gap():
    """275 to 294 of 300 is what 95% gives with probability 0.98."""
    covered = 0
    for trial in range(300):
        gap = only(world({"a": 0.0, "b": 0.1}, cases=20, seed=trial), resamples=300, seed=trial)
        covered += gap.low <= 0.1 <= gap.high
    assert 275 <= covered <= 294


def test_a_larger_shift_is_found_more_often():
    found = []
    for effect in (0.0, 0.04, 0.08, 0.16):
        seen = (world({"a": 0.0, "b": effect}, cases=20, seed=trial) for trial in range(60))
        found.append(sum(only(one, resamples=300).finding == "differs" for one in seen))
    assert all(before < after for before, after in pairwise(found))
    assert found[-1] >= 57
