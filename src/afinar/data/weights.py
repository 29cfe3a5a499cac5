"""The `weight` column: how much a row counts beside the others, in every format."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from afinar.data.rows import Row

COLUMN = "weight"


def row_weight(row: Row) -> float | None:
    """The weight of a row, 0 or more; None where it has no such column. Files whose values are all text may write it so.

    Raises:
        DataError: A weight that is missing, no number, negative, or not finite.
    """
    if COLUMN not in row.values:
        return None
    value = row.values[COLUMN]
    if value is None:
        raise row.place.error("data.none", column=COLUMN)
    if isinstance(value, np.generic):  # rows given in Python
        value = value.item()
    try:
        weight = float(value) if isinstance(value, str | Real) and not isinstance(value, bool) else math.nan
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise row.place.error("data.weight", column=COLUMN, got=value)
    return weight
