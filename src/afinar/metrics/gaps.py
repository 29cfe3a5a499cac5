"""How far groups lie apart when nothing but the group differs, and whether that is more than chance.

Observations of one block are the same text over groups g = 1..G. For each pair of groups, over the blocks b that have both::

    gap(g, h) = mean over b of (value(b, g) - value(b, h))

A case (a template) may make many blocks, which depend on each other; cases do not. So the case is the unit: its blocks'
differences are added up, intervals draw cases, and the permutation test swaps the groups of a whole case.

- Where many words stand for each group, as names do, words are units as well, compared place by place: a model that finds one
  name odd in every case says nothing of its group. The wider interval and the larger p count. Fewer than ten words are taken
  for the groups themselves, and what is found holds of these words.
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

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from afinar.metrics.corrections import holm
from afinar.metrics.difference import FLIPS_TO_TELL
from afinar.metrics.paired import LEVEL
from afinar.metrics.resampling import CELLS, Floats, ratio, reach, studentised

WORDS_TO_TELL = 10
"""At ten places two groups can be swapped in 2^10 ways, so that p can reach 0.002: enough after a correction, too."""


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
        """The place of the word that stands for the group, the same in every case that uses it; empty where unknown."""


@dataclass(frozen=True)
class GroupGap:
    """The largest gap between two groups of an attribute.

    means: each group's mean over the blocks that compare it with another. groups: the two furthest apart, the higher first.
    gap: their difference over the blocks that have both, >= 0. low, high: 95% interval of the largest gap. p: of the
    permutation test; p_holm: corrected for the other attributes of the same call. n: cases. n_words: places of words, where
    there were enough of them (:data:`WORDS_TO_TELL`) to be units of their own.
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
    by_case = _compare(ones, groups, [one.case for one in ones], [(one.case, one.block) for one in ones])
    if by_case is None:
        return None
    compared = [by_case]
    if all(one.words for one in ones):
        rows = [(one.case, one.block, one.words) for one in ones]
        by_words = _compare(ones, groups, [one.words for one in ones], rows)
        compared += [by_words] if by_words is not None and by_words.units >= WORDS_TO_TELL else []
    ends = [_interval(each, resamples, seed) for each in compared]
    return GroupGap(
        attribute=attribute,
        means={group: float(mean) for group, mean in zip(groups, by_case.means, strict=True) if np.isfinite(mean)},
        groups=(groups[by_case.furthest[0]], groups[by_case.furthest[1]]),
        gap=by_case.largest,
        low=min(low for low, _ in ends),
        high=max(high for _, high in ends),
        p=max(_permuted(each, resamples, seed) for each in compared),
        p_holm=1.0,
        n=by_case.units,
        n_words=compared[1].units if len(compared) > 1 else None,
        finding="no_difference",
    )


@dataclass(frozen=True)
class _Compared:
    """Differences of groups, added up over the blocks of each unit (cases or words).

    sums, counts (units, G, G): of value(g) - value(h), and the blocks that have both. pairs (P, 2): g < h that share a block.
    gaps (P,): their mean differences. means (G,): NaN for a group that is compared with none.
    """

    sums: Floats
    counts: Floats
    pairs: NDArray[np.intp]
    gaps: Floats
    means: Floats

    @property
    def units(self) -> int:
        """Cases or words."""
        return len(self.sums)

    @property
    def largest(self) -> float:
        """The largest gap, >= 0."""
        return float(np.abs(self.gaps).max())

    @property
    def furthest(self) -> tuple[int, int]:
        """The groups that it lies between, the higher first; of equal ones the first."""
        place = int(np.argmax(np.abs(self.gaps)))
        one, other = self.pairs[place]
        return (int(one), int(other)) if self.gaps[place] >= 0 else (int(other), int(one))


def _compare(
    ones: list[Observed], groups: list[str], units: Sequence[Hashable], blocks: Sequence[Hashable]
) -> _Compared | None:
    """Observations, their units and blocks, one each; None where no block has two groups."""
    row, column = _codes(blocks), np.array([groups.index(one.group) for one in ones])
    totals, times = np.zeros((row.max() + 1, len(groups))), np.zeros((row.max() + 1, len(groups)))
    np.add.at(totals, (row, column), [one.value for one in ones])
    np.add.at(times, (row, column), 1)
    kept = (times > 0).sum(axis=1) > 1
    if not kept.any():
        return None
    with np.errstate(invalid="ignore"):
        table = (totals / times)[kept]
    _, first = np.unique(row, return_index=True)
    sums, counts = _add_up(table, _codes([units[place] for place in first[kept]]))
    pairs = np.array([pair for pair in combinations(range(len(groups)), 2) if counts[:, pair[0], pair[1]].any()])
    chosen = (slice(None), pairs[:, 0], pairs[:, 1])
    return _Compared(sums, counts, pairs, sums[chosen].sum(axis=0) / counts[chosen].sum(axis=0), _means(table))


def _means(table: Floats) -> Floats:
    """Each group's mean (groups,); NaN for one without a value."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)


def _codes(names: Sequence[Hashable]) -> NDArray[np.intp]:
    """Each name's number, in the order in which they first occur: names themselves decide nothing."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.intp)


def _add_up(table: Floats, unit: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Of values (blocks, G), NaN where one lacks, and each block's unit: `sums` and `counts` of :class:`_Compared`."""
    apart = table[:, :, None] - table[:, None, :]
    shape = (int(unit.max()) + 1, *apart.shape[1:])
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, unit, np.nan_to_num(apart))
    np.add.at(counts, unit, ~np.isnan(apart))
    return sums, counts


def _interval(compared: _Compared, resamples: int, seed: int) -> tuple[float, float]:
    """Interval (low, high) of the largest |gap|.

    A tenth of the 5% goes into leaving out pairs that are surely not the largest, so that one group that lies far from all
    others does not pay for every pair. The rest covers the remaining pairs at once: at least 95%, more where several tie.
    """
    if compared.units < 2:
        return 0.0, float("inf")
    first, second = compared.pairs.T
    x, w = compared.sums[:, first, second], compared.counts[:, first, second]
    errors, size = ratio(x, w)[1], np.abs(compared.gaps)
    t = np.abs(studentised(x, w, resamples, seed))
    level, near = LEVEL, np.ones(len(size), dtype=bool)
    if len(size) > 1:
        wide = np.quantile(t.max(axis=1), 1 - LEVEL / 10) * errors
        level, near = 0.9 * LEVEL, size + wide >= np.max(size - wide)
    half = reach(t[:, near].max(axis=1), compared.units, 1 - level) * errors[near]
    return float(max(0.0, np.max(size[near] - half))), float(np.max(size[near] + half))


def _permuted(compared: _Compared, resamples: int, seed: int) -> float:
    """p of the largest |gap|, by random assignments of groups within units; the one seen is counted in."""
    generator = np.random.default_rng(seed)
    units, groups = compared.sums.shape[:2]
    index = np.arange(units)[None, :, None]
    step, reached = max(1, CELLS // (units * max(groups, len(compared.pairs)))), 0
    for start in range(0, resamples, step):
        order = np.argsort(generator.random((min(step, resamples - start), units, groups)), axis=2)
        first, second = order[:, :, compared.pairs[:, 0]], order[:, :, compared.pairs[:, 1]]
        total = compared.sums[index, first, second].sum(axis=1)
        times = compared.counts[index, first, second].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            largest = np.nanmax(np.abs(total / times), axis=1, initial=0.0)
        reached += int(np.sum(largest >= compared.largest * (1 - 1e-9)))
    return (1 + reached) / (1 + resamples)
