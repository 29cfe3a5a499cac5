"""Losses row by row: what intervals over documents and paired comparisons of two models are made from.

For row d with summed token losses L_d (nats), N_d scored tokens, of which C_d were the model's first choice, and B_d bytes::

    loss          = sum(L_d) / sum(N_d)                  perplexity      = exp(loss)
    bits_per_byte = sum(L_d) / (ln 2 * sum(B_d))         byte_perplexity = 2 ** bits_per_byte
    token_accuracy = sum(C_d) / sum(N_d)

Tokens of one row depend on each other, so rows are the units: intervals resample them, comparisons pair them. Between two
tokenizers a token is another piece of text, and only what is counted by bytes can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afinar.errors import ConfigError, DataError
from afinar.metrics.difference import Difference
from afinar.metrics.intervals import mean_interval
from afinar.metrics.paired import compare_means
from afinar.metrics.perplexity import TokenTotals, perplexity
from afinar.metrics.signatures import Signature


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Sums of one model over each of n rows (documents, or examples).

    losses (n,): nats, >= 0. tokens, correct, n_bytes (n,): scored tokens, those the model would have chosen, and the UTF-8
    bytes they stand for; bytes are 0 where they are not known. places: (path, line) of each row, where it is known.
    signature: how the sums were made.
    """

    losses: NDArray[np.float64]
    tokens: NDArray[np.int64]
    correct: NDArray[np.int64]
    n_bytes: NDArray[np.int64]
    places: tuple[tuple[str, int], ...] = ()
    signature: Signature | None = None

    def metrics(self, *, seed: int = 0) -> dict[str, Any]:
        """Loss, perplexity, token accuracy and, where bytes are known, bits per byte and byte perplexity.

        Each `metric` comes with its 95% interval `metric_low` / `metric_high` over rows, left out where only one row has
        tokens, which alone would seem certain, or where a loss is not finite. With them `n` (rows), `tokens` and `bytes`.
        Raises DataError if no token was scored.
        """
        totals = TokenTotals(
            float(self.losses.sum()), int(self.tokens.sum()), int(self.correct.sum()), int(self.n_bytes.sum())
        )
        found: dict[str, Any] = totals.result()
        if "bits_per_byte" in found:
            found["byte_perplexity"] = _power(found["bits_per_byte"])
        if np.count_nonzero(self.tokens) > 1 and np.isfinite(self.losses).all():
            found |= self._intervals(seed, bytes_known="bits_per_byte" in found)
        counts = {"n": len(self.tokens), "tokens": totals.count}
        return {**found, **counts, "bytes": totals.n_bytes} if totals.n_bytes else {**found, **counts}

    def _intervals(self, seed: int, *, bytes_known: bool) -> dict[str, float]:
        tokens = self.tokens.tolist()
        low, high = mean_interval(self.losses, weights=tokens, seed=seed)
        low = max(0.0, low)
        right = mean_interval(self.correct.tolist(), weights=tokens, seed=seed)
        found = {"loss_low": low, "loss_high": high, "perplexity_low": perplexity(low), "perplexity_high": perplexity(high)}
        found |= {"token_accuracy_low": max(0.0, right[0]), "token_accuracy_high": min(1.0, right[1])}
        if bytes_known:
            low, high = mean_interval(self.losses / math.log(2), weights=self.n_bytes.tolist(), seed=seed)
            low = max(0.0, low)
            found |= {"bits_per_byte_low": low, "bits_per_byte_high": high}
            found |= {"byte_perplexity_low": _power(low), "byte_perplexity_high": _power(high)}
        return found

    def take(self, rows: Sequence[int]) -> TokenRows:
        """The rows at these indices, in this order."""
        index = np.asarray(rows, dtype=np.intp)
        parts = {name: getattr(self, name)[index] for name in ("losses", "tokens", "correct", "n_bytes")}
        return replace(self, **parts, places=tuple(self.places[row] for row in rows) if self.places else ())


def compare_rows(before: TokenRows, after: TokenRows, *, seed: int = 0) -> dict[str, Difference]:
    """after - before over the same rows: loss, perplexity, token accuracy and bits per byte, each paired by row.

    Perplexity is tested by its loss; the interval of its difference is that of the loss's, taken at `before`'s perplexity P:
    P · (exp(d) - 1). With two tokenizers there is `bits_per_byte` alone. Empty where a loss is not finite.

    Raises:
        DataError("evaluation.other_rows"): The rows are not the same texts.
        ConfigError("evaluation.other_signature"): They are, but were measured in another way (window, stride, ...).
    """
    _check_rows(before, after)
    by_token = _same_tokens(before, after)
    if not (np.isfinite(before.losses).all() and np.isfinite(after.losses).all()):
        return {}
    found: dict[str, Difference] = {}
    if by_token and before.tokens.sum():
        found["loss"] = _of_losses(before, after, before.tokens, seed)
        found["perplexity"] = _of_perplexity(found["loss"], float(before.losses.sum() / before.tokens.sum()))
        found["token_accuracy"] = compare_means(
            before.correct.tolist(), after.correct.tolist(), weights=before.tokens.tolist(), seed=seed
        )
    if before.n_bytes.sum():
        found["bits_per_byte"] = _of_losses(before, after, before.n_bytes * math.log(2), seed)
    return {name: _bounded(difference) for name, difference in found.items()}


def _bounded(difference: Difference) -> Difference:
    """Without an interval where one row alone leaves it unbounded."""
    known = difference.low is not None and difference.high is not None
    bounded = known and math.isfinite(difference.low or 0.0) and math.isfinite(difference.high or 0.0)
    return difference if bounded else replace(difference, low=None, high=None)


def _of_losses(before: TokenRows, after: TokenRows, weights: NDArray[Any], seed: int) -> Difference:
    first, second = before.losses.tolist(), after.losses.tolist()
    return compare_means(first, second, weights=weights.tolist(), higher_is_better=False, seed=seed)


def _of_perplexity(loss: Difference, base_loss: float) -> Difference:
    def shift(change: float | None) -> float | None:
        return None if change is None else perplexity(base_loss + change) - perplexity(base_loss)

    return replace(loss, difference=shift(loss.difference) or 0.0, low=shift(loss.low), high=shift(loss.high))


def _same_tokens(before: TokenRows, after: TokenRows) -> bool:
    """Whether both scored the same tokens. Raises ConfigError where they did not for another reason than the tokenizer."""
    if before.signature is None or after.signature is None:
        return np.array_equal(before.tokens, after.tokens)
    differing = before.signature.differs_in(after.signature)
    if "tok" in differing:  # a window of tokens then holds another text anyway
        return False
    if differing:
        raise ConfigError("evaluation.other_signature", before=before.signature, after=after.signature)
    return True


def _check_rows(before: TokenRows, after: TokenRows) -> None:
    """Raises DataError unless both hold the same texts: as many, from the same places, of as many bytes each."""
    if len(before.tokens) != len(after.tokens):
        raise DataError("evaluation.other_count", before=len(before.tokens), after=len(after.tokens))
    wrong = np.flatnonzero(before.n_bytes != after.n_bytes)
    if len(wrong):
        row = int(wrong[0])
        path, line = before.places[row] if before.places else ("", row + 1)
        counts = {"before": int(before.n_bytes[row]), "after": int(after.n_bytes[row])}
        raise DataError("evaluation.other_rows", path=path or "-", line=line, **counts)


def _power(bits: float) -> float:
    """2 ** bits; infinite where that is beyond a float."""
    return perplexity(bits * math.log(2))
