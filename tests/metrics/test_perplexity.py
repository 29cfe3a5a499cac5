from __future__ import annotations

import math

import pytest
import torch

from afinar.errors import DataError
from afinar.metrics.perplexity import TokenTotals, perplexity

LOSSES = torch.tensor([0.5, 1.5, 4.0])
CORRECT = torch.tensor([True, True, False])


def test_result_averages_over_tokens_and_exponentiates_once():
    totals = TokenTotals()
    totals.add(LOSSES, CORRECT, n_bytes=12)
    assert totals.result() == pytest.approx(
        {"loss": 2.0, "perplexity": math.exp(2.0), "token_accuracy": 2 / 3, "bits_per_byte": 6.0 / math.log(2) / 12}
    )


def test_uneven_batches_weigh_by_their_tokens():
    whole, parts = TokenTotals(), TokenTotals()
    whole.add(LOSSES, CORRECT, 12)
    parts.add(LOSSES[:1], CORRECT[:1], 5)
    parts.add(LOSSES[1:], CORRECT[1:], 7)
    assert parts.result() == pytest.approx(whole.result())


def test_merge_counts_what_another_process_counted():
    first, second, whole = TokenTotals(), TokenTotals(), TokenTotals()
    first.add(LOSSES[:2], CORRECT[:2], 3)
    second.add(LOSSES[2:], CORRECT[2:], 4)
    whole.add(LOSSES, CORRECT, 7)
    first.merge(second)
    assert first == whole


def test_sums_keep_digits_that_float32_would_lose():
    totals = TokenTotals()
    for _ in range(3):
        totals.add(torch.full((100_000,), 0.1), torch.zeros(100_000, dtype=torch.bool))
    assert totals.loss_sum == pytest.approx(300_000 * float(torch.tensor(0.1)), rel=1e-12)


def test_bits_per_byte_is_left_out_where_no_bytes_were_counted():
    totals = TokenTotals()
    totals.add(LOSSES, CORRECT)
    assert set(totals.result()) == {"loss", "perplexity", "token_accuracy"}


def test_no_tokens_is_an_error_and_not_a_number():
    with pytest.raises(DataError) as caught:
        TokenTotals().result()
    assert caught.value.key == "evaluation.no_tokens"
    assert "no supervised token" in str(caught.value)


def test_perplexity_beyond_a_float_is_infinite():
    assert perplexity(710.0) == math.inf
    assert math.isnan(perplexity(math.nan))
