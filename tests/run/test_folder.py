"""The run folder: what tells one set of rows from another."""

from __future__ import annotations

import numpy as np
import pytest

from afinar.data.examples import Example, Examples
from afinar.run.folder import fingerprint


def _rows(ids: list[int], labels: list[int], weights: list[float] | None = None) -> Examples:
    weighed = None if weights is None else np.array(weights, dtype=np.float32)
    row = Example(np.array(ids, dtype=np.int32), np.array(labels, dtype=np.int32), 0, 0, "rows", 1, weights=weighed)
    return Examples([row], format="text", task="causal")


@pytest.mark.parametrize(
    "other",
    [_rows([7, 8], [7, 9]), _rows([7, 9], [7, 8]), _rows([7, 8], [7, 8], [1.0, 2.0]), _rows([7, 8], [7, 8], [1.0, 1.0])],
    ids=["labels", "tokens", "weights", "weights of one"],
)
def test_a_fingerprint_tells_what_is_learned_and_how_much_of_it(other: Examples) -> None:
    assert fingerprint(_rows([7, 8], [7, 8])) == fingerprint(_rows([7, 8], [7, 8]))
    assert fingerprint(other) != fingerprint(_rows([7, 8], [7, 8]))
    assert fingerprint(_rows([7, 8], [7, 8], [1.0, 2.0])) != fingerprint(_rows([7, 8], [7, 8], [2.0, 1.0]))
