from __future__ import annotations

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopPLogitsWarper
from transformers.generation.logits_process import (
    MinLengthLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from afinar.models.sampling import SeededSampling, Unpadded

SCORES = torch.tensor([0.0, 1.0, 2.0, -1.0])


def draws(temperature: float, top_p: float, n: int = 4000) -> torch.Tensor:
    """Shares of each token over n independent rows."""
    warpers = [TemperatureLogitsWarper(temperature), TopPLogitsWarper(top_p)]
    sampler = SeededSampling(warpers, seed=0, rows=range(n))
    tokens = sampler(torch.zeros(n, 1, dtype=torch.long), SCORES.repeat(n, 1)).argmax(1)
    return torch.bincount(tokens, minlength=4) / n


def test_tokens_are_drawn_from_the_softmax_at_the_temperature():
    for temperature in (0.5, 1.0, 3.0):
        expected = (SCORES / temperature).softmax(0)
        deviation = (expected * (1 - expected) / 4000).sqrt()
        assert ((draws(temperature, 1.0) - expected).abs() < 4 * deviation).all()


def test_top_p_leaves_the_unlikely_tokens_out():
    # probabilities 0.087, 0.237, 0.644, 0.032: the two largest reach 0.8
    expected = torch.tensor([0.0, *SCORES[1:3].softmax(0), 0.0])
    deviation = (expected * (1 - expected) / 4000).sqrt()
    assert ((draws(1.0, 0.8) - expected).abs() <= 4 * deviation).all()


def test_a_row_draws_the_same_whatever_its_batch():
    ids = torch.zeros(3, 1, dtype=torch.long)
    together = SeededSampling([], 7, [4, 5, 6])
    apart = SeededSampling([], 7, [5])
    for _ in range(3):  # the streams go on alike, token after token
        assert torch.equal(together(ids, SCORES.repeat(3, 1))[1], apart(ids[:1], SCORES[None])[0])


def test_seeds_and_rows_draw_differently_and_nothing_else_is_touched():
    state = torch.get_rng_state()
    ids = torch.zeros(1, 1, dtype=torch.long)
    noises = [SeededSampling([], seed, [row])(ids, SCORES[None]) for seed in (0, 1) for row in (0, 1)]
    assert len({tuple(noise.flatten().tolist()) for noise in noises}) == 4
    assert torch.equal(torch.get_rng_state(), state)


class TestUnpadded:
    """Rows of different lengths, filled up on the left with a token that penalties would punish: EOS."""

    EOS = 2
    PROMPTS = ([5, 6, 5], [7], [8, 9, 8, 9, 8])

    def padded(self, more: int = 0) -> tuple[torch.Tensor, list[int]]:
        """Token ids (3, 5 + more), and each row's padding."""
        padding = [5 - len(prompt) for prompt in self.PROMPTS]
        rows = [[self.EOS] * n + prompt + [10] * more for n, prompt in zip(padding, self.PROMPTS, strict=True)]
        return torch.tensor(rows), padding

    @pytest.mark.parametrize(
        "processor",
        [
            RepetitionPenaltyLogitsProcessor(2.0),
            NoRepeatNGramLogitsProcessor(1),
            MinLengthLogitsProcessor(4, EOS),
        ],
        ids=["repetition", "n-grams", "length"],
    )
    def test_each_row_is_judged_as_alone(self, processor):
        ids, padding = self.padded()
        scores = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
        together = Unpadded([[processor]] * 3, padding)(ids, scores)
        alone = [processor(torch.tensor([prompt]), scores[row][None]) for row, prompt in enumerate(self.PROMPTS)]
        assert torch.equal(together, torch.cat(alone))
        assert not torch.equal(together, processor(ids, scores))  # the padding would have counted

    def test_rows_have_processors_of_their_own_in_order(self):
        ids, padding = self.padded(more=2)
        scores = torch.zeros(3, 12)
        rows = [[], [TemperatureLogitsWarper(0.5)], [NoRepeatNGramLogitsProcessor(1), RepetitionPenaltyLogitsProcessor(2.0)]]
        found = Unpadded(rows, padding)(ids, scores + 3)
        assert (found[0] == 3).all()
        assert (found[1] == 6).all()
        assert found[2].isinf().nonzero().flatten().tolist() == [8, 9, 10]

    def test_beams_of_a_prompt_stand_one_after_the_other(self):
        ids, padding = self.padded()
        processor = NoRepeatNGramLogitsProcessor(1)
        found = Unpadded([[processor]] * 3, padding)(ids.repeat_interleave(2, 0), torch.zeros(6, 12))
        banned = [row.isinf().nonzero().flatten().tolist() for row in found]
        assert banned == [[5, 6], [5, 6], [7], [7], [8, 9], [8, 9]]
