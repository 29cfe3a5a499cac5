"""Perplexity, bits per byte and token accuracy, from summed token losses.

For supervised tokens i = 1..N with negative log-likelihoods l_i (in nats) over B bytes of UTF-8 text::

    loss          = sum(l_i) / N
    perplexity    = exp(loss)                   exponentiated once: a mean of exponentials is another number
    bits_per_byte = sum(l_i) / (ln 2 * B)       does not depend on the tokenizer, so models compare by it

Token losses are summed, never averaged batch by batch: batches hold different numbers of tokens, and a mean of their means
depends on how the rows were batched. Source: Jelinek et al. 1977 (perplexity); Gao et al. 2020, arXiv:2101.00027, section
3.1 (bits per byte).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afinar.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def perplexity(loss: float) -> float:
    """exp of a mean token loss in nats; infinite where that is beyond a float (a loss above about 709)."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


@dataclass(slots=True)
class TokenTotals:
    """Running sums over supervised tokens: enough for every token metric, in four numbers, without any logits.

    `loss_sum` is in nats and float64; `count` and `correct` are tokens; `n_bytes` the UTF-8 bytes those tokens stand for.
    """

    loss_sum: float = 0.0
    count: int = 0
    correct: int = 0
    n_bytes: int = 0

    def add(self, token_losses: Tensor, token_correct: Tensor, n_bytes: int = 0) -> None:
        """Count one batch: `token_losses` (N,) in nats and `token_correct` (N,) bool, in any order, on any device."""
        # Summed in float64 on the host: float32 loses digits over millions of tokens, and MPS has no float64.
        self.loss_sum += token_losses.detach().cpu().double().sum().item()
        self.count += token_losses.numel()
        self.correct += int(token_correct.sum().item())
        self.n_bytes += n_bytes

    def merge(self, other: TokenTotals) -> None:
        """Count what `other` has counted, for instance on another process."""
        self.loss_sum += other.loss_sum
        self.count += other.count
        self.correct += other.correct
        self.n_bytes += other.n_bytes

    def result(self) -> dict[str, float]:
        """The metrics: `loss`, `perplexity`, `token_accuracy`, and `bits_per_byte` where bytes were counted.

        Raises DataError if no token was counted: a mean over nothing is no number.
        """
        if self.count == 0:
            raise DataError("evaluation.no_tokens")
        loss = self.loss_sum / self.count
        result = {"loss": loss, "perplexity": perplexity(loss), "token_accuracy": self.correct / self.count}
        if self.n_bytes:
            result["bits_per_byte"] = self.loss_sum / (math.log(2) * self.n_bytes)
        return result
