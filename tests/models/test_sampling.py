from __future__ import annotations

import torch
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from afinar.models.sampling import SeededSampling

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
