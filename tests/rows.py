"""Rows of random tokens for trainers: ragged, with prompts, every length different."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tiny import VOCAB


def causal_rows(count: int = 21, seed: int = 0) -> list[dict[str, Any]]:
    """`count` rows of 6 to 30 tokens whose first third is a prompt."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        length = int(generator.integers(6, 30))
        ids = generator.integers(6, VOCAB, length).astype(np.int32)
        labels = ids.copy()
        labels[: length // 3] = -100
        rows.append({"input_ids": ids, "labels": labels})
    return rows


def class_rows(count: int = 21, classes: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """`count` rows of 4 to 20 tokens with a class each, which the first token gives away."""
    generator = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        ids = generator.integers(6, VOCAB, int(generator.integers(4, 20))).astype(np.int32)
        ids[0] = 6 + index % classes
        rows.append({"input_ids": ids, "labels": index % classes})
    return rows
