"""Logits processors whose result depends on a row alone, not on its batch: seeded sampling, and penalties without padding.

A token drawn from softmax(z / T) is the argmax of z / T + g with independent g = -log(e), e ~ Exp(1) (the Gumbel-max trick),
so a sampled continuation is a greedy search over perturbed logits, and every prompt can have a generator of its own.
Source: Gumbel 1954; Maddison, Tarlow & Minka 2014, arXiv:1411.0030, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor


class SeededSampling(LogitsProcessor):
    """Adds Gumbel noise to the scores, after the warpers that leave tokens out or change the temperature.

    An argmax over the result is a draw from the softmax of what the warpers give. `rows` are the prompts' places in the whole
    request, one for each row of the batch; each (seed, place) has a stream of its own.
    """

    def __init__(self, warpers: Sequence[LogitsProcessor], seed: int, rows: Sequence[int]) -> None:
        self.warpers = warpers
        self.generators = [generator(seed, row) for row in rows]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Perturbed scores (B, V) for an argmax."""
        scores = scores.float()
        for warper in self.warpers:
            scores = warper(input_ids, scores)
        # Drawn on the CPU, so that the same seed gives the same noise on every device.
        noise = torch.stack([torch.empty(scores.shape[1]).exponential_(generator=g) for g in self.generators])
        return scores - noise.log().to(scores.device)


class Unpadded(LogitsProcessor):
    """Shows each row's processors that row's tokens without the padding on their left.

    Processors that read what came before (penalties, n-grams, least lengths) would count the padding: where it is EOS, for
    instance, a repetition penalty would punish the end of the answer in a batch and not alone.
    processors: for each row, in the order in which they apply. padding: for each row, the tokens to leave out.
    """

    def __init__(self, processors: Sequence[Sequence[LogitsProcessor]], padding: Sequence[int]) -> None:
        self.processors = processors
        self.padding = padding

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (B, V); under beam search (B * beams, V), a prompt's beams one after the other."""
        beams = len(scores) // len(self.padding)
        rows = []
        for prompt, (processors, padding) in enumerate(zip(self.processors, self.padding, strict=True)):
            own = slice(prompt * beams, (prompt + 1) * beams)
            ids, part = input_ids[own, padding:], scores[own]
            for processor in processors:
                part = processor(ids, part)
            rows.append(part)
        return torch.cat(rows)


def generator(seed: int, row: int) -> torch.Generator:
    """Independent streams for each (seed, row); consecutive seeds of torch's generator would be correlated."""
    state = np.random.SeedSequence([seed, row]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
