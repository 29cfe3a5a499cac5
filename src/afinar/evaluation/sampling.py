"""Sampling whose result depends on the seed and the prompt's place alone, not on batches or on other random draws.

A token drawn from softmax(z / T) is the argmax of z / T + g with independent g = -log(e), e ~ Exp(1) (the Gumbel-max trick),
so a sampled continuation is a greedy search over perturbed logits, and every prompt can have a generator of its own.
Source: Gumbel 1954; Maddison, Tarlow & Minka 2014, arXiv:1411.0030, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, TopPLogitsWarper


class SeededSampling(LogitsProcessor):
    """Adds Gumbel noise to logits / temperature, inside the smallest set of tokens whose probability reaches `top_p`.

    temperature > 0; 0 < top_p <= 1; `rows` are the prompts' places in the whole request, one for each row of the batch.
    Source of top_p: Holtzman et al. 2019, arXiv:1904.09751, section 3.1.
    """

    def __init__(self, temperature: float, top_p: float, seed: int, rows: Sequence[int]) -> None:
        self.temperature = temperature
        self.nucleus = TopPLogitsWarper(top_p) if top_p < 1 else None
        self.generators = [_generator(seed, row) for row in rows]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Perturbed scores (B, V) for an argmax."""
        scores = scores.float() / self.temperature
        if self.nucleus is not None:
            scores = self.nucleus(input_ids, scores)
        # Drawn on the CPU, so that the same seed gives the same noise on every device.
        noise = torch.stack([torch.empty(scores.shape[1]).exponential_(generator=g) for g in self.generators])
        return scores - noise.log().to(scores.device)


def _generator(seed: int, row: int) -> torch.Generator:
    """Independent streams for each (seed, row); consecutive seeds of torch's generator would be correlated."""
    state = np.random.SeedSequence([seed, row]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
