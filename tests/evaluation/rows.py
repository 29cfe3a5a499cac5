"""Small data sets of random tokens, made without files."""

from __future__ import annotations

import numpy as np

from afinar.data.examples import IGNORED, Example, Examples

LABELS = ("bom", "mau", "neutro")


def causal_rows(n: int = 7, seed: int = 0) -> Examples:
    """Rows of 2 to 20 tokens; none of them (running text, the first token labelled too) to all but one are a prompt."""
    generator = np.random.default_rng(seed)
    examples = []
    for line in range(1, n + 1):
        ids = generator.integers(6, 262, size=generator.integers(2, 21)).astype(np.int32)
        prompt = int(generator.integers(0, len(ids))) if line > 1 else 0
        labels = np.where(np.arange(len(ids)) < prompt, IGNORED, ids).astype(np.int32)
        examples.append(Example(ids, labels, prompt, n_bytes=len(ids) - max(prompt, 1), path="rows.jsonl", line=line))
    return Examples(examples, format="prompt_completion", task="causal")


def class_rows(n: int = 11, seed: int = 0) -> Examples:
    """Rows of 1 to 12 tokens with one of three labels."""
    generator = np.random.default_rng(seed)
    examples = []
    for line in range(1, n + 1):
        ids = generator.integers(6, 262, size=generator.integers(1, 13)).astype(np.int32)
        examples.append(Example(ids, int(generator.integers(3)), 0, 0, path="rows.csv", line=line))
    return Examples(examples, format="classification", task="classification", label_names=LABELS)
