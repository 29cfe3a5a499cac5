"""What a paired comparison of two models found out, in modest words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Finding = Literal["better", "worse", "no_difference", "too_few"]
"""no_difference: none was found at this n. too_few: so few rows changed that no outcome could have told (below six flips)."""

FLIPS_TO_TELL = 6
"""Six one-way flips have p = 2/2^6 = 0.031 in the exact test; with five, 0.063, nothing can reach 0.05."""


@dataclass(frozen=True)
class Difference:
    """after - before over the same rows.

    low, high: 95% interval of the difference. p: two-sided. test: its name, such as "mcnemar_exact". fixed, broke: rows that
    became right and wrong, where rows are right or wrong. n: rows (documents, cases) that were compared.
    """

    difference: float
    n: int
    test: str
    finding: Finding
    p: float | None = None
    low: float | None = None
    high: float | None = None
    fixed: int | None = None
    broke: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields that are known, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}
