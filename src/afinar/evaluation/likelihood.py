"""How likely a text is after another: the numbers that multiple choice, likelihood pairs and labels by likelihood rest on.

    log p(text | context) = sum_i ln p(t_i | context, t_1 ... t_{i-1})          in nats, over the tokens t of the text

Context and text are tokenised together, as they stand side by side; of those tokens, the ones after as many as the context
has by itself are scored. So a text should begin where a word begins: one that continues the context's last word is measured by
what is left of it. Blanks at the end of the context count as the text's, since most vocabularies write a word with the blank
before it. After an empty context the text follows the tokenizer's BOS, or EOS where it has none.

Equal to `loglikelihood` of lm-evaluation-harness (Gao et al. 2021, doi:10.5281/zenodo.5371628), but for tokenizers that put
EOS behind each text: there the harness would drop as many of the text's first tokens, and here that EOS is left out. Its cache
(`logits_cache`, on by default in 0.4.13) scores wrongly where one text is cut at two places; without it the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from afinar.data.tokens import eos_id, surroundings
from afinar.errors import DataError
from afinar.evaluation.batches import OnBatch
from afinar.evaluation.scoring import Scored, score_tokens
from afinar.models.generation import last_position
from afinar.models.search import padding_id


@dataclass(frozen=True, slots=True)
class Likely:
    """The log-likelihood of one text after its context.

    nats: summed over `tokens` tokens, <= 0. n_bytes: the UTF-8 bytes they stand for, blanks taken from the context's end
    included. greedy: whether each token was the model's most likely one. context_cut: tokens left out at the start of a
    context too long for the model, 0 as a rule.
    """

    nats: float
    tokens: int
    n_bytes: int
    greedy: bool
    context_cut: int = 0


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A context and a text as tokens: all of them, how many of the last are the text's, and what that stands for."""

    ids: list[int]
    count: int
    n_bytes: int
    context_cut: int = 0


def log_likelihoods(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[tuple[str, str]],
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> list[Likely]:
    """The log-likelihood of each (context, text), in their order, with the adapter on or off as it is.

    Raises ModelError where `model` is no causal language model; DataError for a text without a token of its own, or one
    longer than the model's positions. To learn which of many texts is at fault, encode them one by one
    (:meth:`PairEncoder.encode`) and score what could be encoded (:func:`score_pairs`).
    """
    encoder = PairEncoder(tokenizer, positions=last_position(model))
    encoded = [encoder.encode(context, text) for context, text in pairs]
    return score_pairs(model, tokenizer, encoded, batch_tokens=batch_tokens, on_batch=on_batch)


def score_pairs(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[EncodedPair],
    *,
    batch_tokens: int = 4096,
    on_batch: OnBatch | None = None,
) -> list[Likely]:
    """The log-likelihood of each encoded pair, in their order."""
    rows = [Scored(pair.ids, pair.count) for pair in pairs]
    scores = score_tokens(model, rows, padding_id=padding_id(tokenizer), batch_tokens=batch_tokens, on_batch=on_batch)
    return [
        Likely(score.nats, score.tokens, pair.n_bytes, score.correct == score.tokens, pair.context_cut)
        for pair, score in zip(pairs, scores, strict=True)
    ]


class PairEncoder:
    """Turns (context, text) into tokens for one tokenizer.

    positions: the most tokens that the model reads; longer contexts lose tokens at their start. None: no limit.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, positions: int | None = None) -> None:
        self.tokenizer = tokenizer
        self.positions = positions
        self.suffix = len(surroundings(tokenizer)[1])
        known = [token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None]
        self.start = str(tokenizer.decode(known[:1])) if known else None

    def encode(self, context: str, text: str) -> EncodedPair:
        """The pair as tokens.

        Raises DataError("evaluation.nothing_to_score") where the text has no token of its own,
        DataError("evaluation.long_text") where it has more than the model has positions.
        """
        kept = context.rstrip()
        scored = context[len(kept) :] + text
        ids, count = self._after(kept, scored) if kept else self._alone(scored)
        if count < 1:
            raise DataError("evaluation.nothing_to_score", text=text)
        if self.positions is not None and count > self.positions:
            raise DataError("evaluation.long_text", tokens=count, positions=self.positions)
        cut = 0 if self.positions is None else max(0, len(ids) - (self.positions + 1))
        return EncodedPair(ids[cut:], count, len(scored.encode("utf-8")), cut)

    def _after(self, context: str, text: str) -> tuple[list[int], int]:
        asked = self._framed(context)
        if not asked:  # the tokenizer drops all that the context is made of
            return self._alone(text)
        # The model reads the context as it would be asked, also where the text would have joined its last token.
        rest = self._framed(context + text)[len(asked) :]
        return asked + rest, len(rest)

    def _alone(self, text: str) -> tuple[list[int], int]:
        ids = self._bare(text)
        start = start_id(self.tokenizer)
        # A text that is written with its BOS is not given a second one.
        ids = ids if ids and ids[0] == start else [start, *ids]
        return ids, len(ids) - 1

    def _framed(self, text: str) -> list[int]:
        """With the BOS that the tokenizer puts before a text, unless the text is written with it, and without its EOS."""
        if self.start is not None and text.startswith(self.start):
            return self._bare(text)
        ids = list(self.tokenizer(text, verbose=False)["input_ids"])
        return ids[: len(ids) - self.suffix]

    def _bare(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def start_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that stands before a text's first one: BOS, or EOS where there is none.

    Raises DataError where the tokenizer has neither.
    """
    return eos_id(tokenizer) if tokenizer.bos_token_id is None else int(tokenizer.bos_token_id)
