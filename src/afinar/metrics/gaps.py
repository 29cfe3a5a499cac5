"""How far groups lie apart when nothing but the group differs, and whether that is more than chance.

Observations of one block are the same text over groups g = 1..G. For each pair of groups, over the blocks b that have both::

    gap(g, h) = mean over b of (value(b, g) - value(b, h))

A case (a template) may make many blocks, which depend on each other; cases do not. So the case is the unit: its blocks'
differences are added up, intervals draw cases, and the permutation test swaps the groups of a whole case.

- Where words only stand for their groups, as names do, and there are at least six sets of them, words are units as well: a
  model that finds one name odd in every case says nothing of its group. The wider interval and the larger p count.
- The largest gap of several pairs is large by chance alone. The interval takes that into account: all pairs that could be the
  largest are covered at once, by the bootstrap distribution of their largest |t*|. With two groups it covers 95%, with more at
  least that.
- p: if the group did not matter, any assignment of the group names within a case would have been as likely. p is the share of
  assignments whose largest gap is at least the one seen.

Groups are told apart by position, never by name: renaming changes no bit. Source: Efron & Tibshirani 1993, section 12.5
(studentised bootstrap); Romano & Wolf 2005, Econometrica 73(4) (largest t over several tests); Pitman 1937 (permutation);
Clark 1973, Journal of Verbal Learning and Verbal Behavior 12(4) (words are a sample, too).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from afinar.metrics.corrections import holm
from afinar.metrics.difference import FLIPS_TO_TELL
from afinar.metrics.paired import LEVEL
from afinar.metrics.resampling import CELLS, Floats, ratio, studentised


class Observed(Protocol):
    """A group's score in one comparable setting."""

    @property
    def attribute(self) -> str:
        """What the groups are groups of."""

    @property
    def group(self) -> str:
        """The group."""

    @property
    def case(self) -> str:
        """The unit that is resampled."""

    @property
    def block(self) -> str:
        """Observations of one block differ in nothing but the group."""

    @property
    def value(self) -> float:
        """The score."""

    @property
    def words(self) -> str:
        """Which words stand for the groups, the same in every case that uses them; empty where they are the groups."""


@dataclass(frozen=True)
class GroupGap:
    """The largest gap between two groups of an attribute.

    means: each group's mean over the blocks that compare it with another. groups: the two furthest apart, the higher first.
    gap: their difference over the blocks that have both, >= 0. low, high: 95% interval of the largest gap. p: of the
    permutation test; p_holm: corrected for the other attributes of the same call. n: cases. n_words: the sets of words that
    stand for the groups, where there were enough of them (six) to be a unit of their own.
    """

    attribute: str
    means: dict[str, float]
    groups: tuple[str, str]
    gap: float
    low: float
    high: float
    p: float
    p_holm: float
    n: int
    n_words: int | None
    finding: Literal["differs", "no_difference", "too_few"]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "groups": list(self.groups)}


def group_gaps(observations: Iterable[Observed], *, resamples: int = 2000, seed: int = 0) -> list[GroupGap]:
    """The largest gap of each attribute, in the order in which they occur, corrected for their number by Holm.

    `differs` where the corrected p <= 0.05 and the interval leaves out zero; below six cases no outcome counts: `too_few`.
    Several values of a group in a block are averaged. Attributes without a block of two groups are left out.
    """
    attributes: dict[str, list[Observed]] = {}
    for one in observations:
        attributes.setdefault(one.attribute, []).append(one)
    found = [gap for name, ones in attributes.items() if (gap := _gap(name, ones, resamples, seed)) is not None]
    adjusted = holm({gap.attribute: gap.p for gap in found if gap.n >= FLIPS_TO_TELL})
    return [_named(gap, adjusted.get(gap.attribute, 1.0)) for gap in found]


def _named(gap: GroupGap, p_holm: float) -> GroupGap:
    if gap.n < FLIPS_TO_TELL:
        return replace(gap, p_holm=p_holm, finding="too_few")
    return replace(gap, p_holm=p_holm, finding="differs" if p_holm <= LEVEL and gap.low > 0 else "no_difference")


def _gap(attribute: str, ones: list[Observed], resamples: int, seed: int) -> GroupGap | None:
    groups = list(dict.fromkeys(one.group for one in ones))
    blocks = _blocks(ones, groups)
    if len(blocks.table) == 0:
        return None
    by_unit = [_by_unit(blocks.table, unit) for unit in blocks.units]
    sums, counts = by_unit[0]
    pairs = np.array([pair for pair in combinations(range(len(groups)), 2) if counts[:, pair[0], pair[1]].any()])
    gaps = ratio(sums[:, pairs[:, 0], pairs[:, 1]], counts[:, pairs[:, 0], pairs[:, 1]])[0]
    largest = int(np.argmax(np.abs(gaps)))
    first, second = pairs[largest] if gaps[largest] >= 0 else pairs[largest][::-1]
    seen = float(abs(gaps[largest]))
    ends = [_interval(*unit, pairs, resamples, seed) for unit in by_unit]
    return GroupGap(
        attribute=attribute,
        means={group: float(mean) for group, mean in zip(groups, _means(blocks.table), strict=True) if np.isfinite(mean)},
        groups=(groups[first], groups[second]),
        gap=seen,
        low=min(low for low, _ in ends),
        high=max(high for _, high in ends),
        p=max(_permuted(*unit, pairs, seen, resamples, seed) for unit in by_unit),
        p_holm=1.0,
        n=len(sums),
        n_words=len(by_unit[1][0]) if len(by_unit) > 1 else None,
        finding="no_difference",
    )


@dataclass(frozen=True)
class _Blocks:
    """table (blocks, groups): values, NaN where one lacks. units: each block's case, and its words where they count."""

    table: Floats
    units: tuple[NDArray[np.intp], ...]


def _blocks(ones: list[Observed], groups: list[str]) -> _Blocks:
    """The blocks with at least two groups."""
    rows: dict[tuple[str, str, str], int] = {}
    column = {group: index for index, group in enumerate(groups)}
    row = np.array([rows.setdefault((one.case, one.block, one.words), len(rows)) for one in ones])
    place = row, np.array([column[one.group] for one in ones])
    totals, times = np.zeros((len(rows), len(groups))), np.zeros((len(rows), len(groups)))
    np.add.at(totals, place, [one.value for one in ones])
    np.add.at(times, place, 1)
    with np.errstate(invalid="ignore"):
        table = totals / times
    kept = (times > 0).sum(axis=1) > 1
    chosen = [key for key, keep in zip(rows, kept, strict=True) if keep]
    words = dict.fromkeys(words for _, _, words in chosen)
    units = [_codes([case for case, _, _ in chosen])]
    if "" not in words and len(words) >= FLIPS_TO_TELL:
        units.append(_codes([words for _, _, words in chosen]))
    return _Blocks(table[kept], tuple(units))


def _means(table: Floats) -> Floats:
    """Each group's mean (groups,); NaN for one without a value."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)


def _codes(names: list[str]) -> NDArray[np.intp]:
    """Each name's number, in the order in which they first occur: names themselves decide nothing."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.intp)


def _by_unit(table: Floats, unit: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """For each unit and pair of groups the summed differences and the number of blocks, both (units, G, G)."""
    apart = table[:, :, None] - table[:, None, :]
    shape = (int(unit.max()) + 1, *apart.shape[1:])
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, unit, np.nan_to_num(apart))
    np.add.at(counts, unit, ~np.isnan(apart))
    return sums, counts


def _interval(sums: Floats, counts: Floats, pairs: NDArray[np.intp], resamples: int, seed: int) -> tuple[float, float]:
    """Interval (low, high) of the largest |gap| over pairs.

    A tenth of the 5% goes into leaving out pairs that are surely not the largest, so that one group that lies far from all
    others does not pay for every pair. The rest covers the remaining pairs at once: at least 95%, more where several tie.
    """
    if len(sums) < 2:
        return 0.0, float("inf")
    x, w = sums[:, pairs[:, 0], pairs[:, 1]], counts[:, pairs[:, 0], pairs[:, 1]]
    gaps, errors = ratio(x, w)
    t = np.abs(studentised(x, w, resamples, seed))
    size, level, near = np.abs(gaps), LEVEL, np.ones(len(pairs), dtype=bool)
    if len(pairs) > 1:
        wide = np.quantile(t.max(axis=1), 1 - LEVEL / 10) * errors
        level, near = 0.9 * LEVEL, size + wide >= np.max(size - wide)
    reach = np.quantile(t[:, near].max(axis=1), 1 - level) * errors[near]
    return float(max(0.0, np.max(size[near] - reach))), float(np.max(size[near] + reach))


def _permuted(sums: Floats, counts: Floats, pairs: NDArray[np.intp], seen: float, resamples: int, seed: int) -> float:
    """p of the largest |gap|, by random assignments of groups within units; the one seen is counted in."""
    generator = np.random.default_rng(seed)
    units, groups = sums.shape[:2]
    step, reached = max(1, CELLS // (units * max(groups, len(pairs)))), 0
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        order = np.argsort(generator.random((size, units, groups)), axis=2)
        first, second = order[:, :, pairs[:, 0]], order[:, :, pairs[:, 1]]
        index = np.arange(units)[None, :, None]
        total, times = sums[index, first, second].sum(axis=1), counts[index, first, second].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            largest = np.nanmax(np.abs(total / times), axis=1, initial=0.0)
        reached += int(np.sum(largest >= seen * (1 - 1e-9)))
    return (1 + reached) / (1 + resamples)
