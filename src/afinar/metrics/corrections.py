"""p values of several tests read together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Holm's step-down adjusted p values, in the order given.

    With p sorted upwards, p(1) <= ... <= p(m)::

        adjusted(i) = max over j <= i of min(1, (m - j + 1) p(j))

    If those with adjusted p <= 0.05 are called differences, the chance of calling any wrongly stays at most 5%, however the
    tests depend on each other. A test that could not be made does not belong in the family: leave it out.

    Raises ValueError for a p outside [0, 1].
    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    for key, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p={p} for {key!r}; expected a number in [0, 1].")
    adjusted: dict[K, float] = {}
    worst = 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[key]))
        adjusted[key] = worst
    return {key: adjusted[key] for key in p_values}
