"""A model in memory under audit: texts continued, labels scored, likelihoods measured, in batches.

    subject = ModelSubject(model, tokenizer, task="causal", name="afinar-mini", running_text=True)
    subject.respond([Ask("O gato", max_new_tokens=8)])        # [Answer(text=" dorme ...", truncated=True)]

**A label's score.** A classifier's are its probabilities, under the suite's names. A causal model is asked the suite's
question, and with L_k the log-likelihood of label k after it, in nats, summed over the label's tokens::

    score(k) = exp(L_k) / sum over j of exp(L_j)

so scores depend on how likely a label's words are anywhere; they are for comparing texts, not labels. Source: Brown et al.
2020, arXiv:2005.14165, section 2.4 (there also normalised by length for some tasks; not here).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from afinar.audit.labels import label_columns, named_scores
from afinar.audit.probes import Answer, Ask, Failure, Likelihood, LogLikelihood, Probe, Response, Score, Scores
from afinar.data.chat import encode_classified, encode_prompt
from afinar.data.collate import Collator
from afinar.errors import AfinarError, DataError
from afinar.evaluation.classify import class_logits
from afinar.evaluation.likelihood import EncodedPair, PairEncoder, score_pairs
from afinar.models.decoding import Generation
from afinar.models.generation import answer_text, generate_tokens, last_position

OnProgress = Callable[[int, int], None]


class _Kept(NamedTuple):
    """A probe that can be put to the model, its number in the request, and how it is encoded."""

    row: int
    probe: Any
    encoded: Any


class ModelSubject:
    """A model with its tokenizer, as it is now: adapter on or off.

    task: causal | classification. label_names: a classifier's. max_length: the most tokens of a text that is classified.
    running_text: whether a text prompt is continued as it stands, or asked through the chat template where there is one.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        task: str,
        name: str,
        label_names: Sequence[str] = (),
        max_length: int = 512,
        running_text: bool = False,
        batch_size: int = 8,
        batch_tokens: int = 4096,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.task = task
        self.name = name
        self.label_names = tuple(label_names)
        self.max_length = max_length
        self.running_text = running_text
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens

    def respond(self, probes: Sequence[Probe], on_progress: OnProgress | None = None) -> list[Response]:
        """A response for each probe, in their order; what cannot be answered is a Failure, not an exception."""
        found: dict[int, Response] = {}
        progress = _Progress(len(probes), on_progress)
        for kind, answer in self._ways().items():
            rows = [(row, probe) for row, probe in enumerate(probes) if isinstance(probe, kind)]
            if rows:
                found |= answer(rows, progress)
                progress.add(len(rows))
        return [found[row] for row in range(len(probes))]

    def _ways(self) -> dict[type, Callable[[list[tuple[int, Any]], _Progress], dict[int, Response]]]:
        if self.task == "classification":
            return {Score: self._classify, Ask: self._refuse, Likelihood: self._refuse}
        return {Ask: self._continue, Score: self._score_labels, Likelihood: self._measure}

    def _refuse(self, rows: list[tuple[int, Any]], progress: _Progress) -> dict[int, Response]:
        return {row: Failure("audit.only_labels", {}) for row, _ in rows}

    # --- text ------------------------------------------------------------------------------------------------------

    def _continue(self, rows: list[tuple[int, Ask]], progress: _Progress) -> dict[int, Response]:
        kept, found = _encoded(rows, self._prompt)
        for settings, group in _grouped(kept):
            before = len(found)
            continued = generate_tokens(
                self.model,
                self.tokenizer,
                [item.encoded for item in group],
                settings,
                places=[item.probe.seed for item in group],
                batch_size=self.batch_size,
                on_batch=lambda done, total, before=before: progress.at(before + done),  # type: ignore[misc]
            )
            for item, continuation in zip(group, continued, strict=True):
                found[item.row] = Answer(answer_text(self.tokenizer, continuation.tokens), continuation.truncated)
        return found

    def _prompt(self, ask: Ask) -> list[int]:
        """Tokens, as a session encodes them. Raises DataError where they leave no room for an answer."""
        if isinstance(ask.prompt, str):
            ids = encode_prompt(self.tokenizer, ask.prompt, chat=False if self.running_text else None)
        else:
            ids = encode_prompt(self.tokenizer, [{"role": role, "content": content} for role, content in ask.prompt])
        if not ids:
            raise DataError("evaluation.empty_prompt")
        positions = last_position(self.model)
        if positions is not None and len(ids) >= positions:
            raise DataError("evaluation.long_prompt", tokens=len(ids), positions=positions)
        return ids

    # --- labels ----------------------------------------------------------------------------------------------------

    def _classify(self, rows: list[tuple[int, Score]], progress: _Progress) -> dict[int, Response]:
        kept, found = _encoded(rows, self._classified)
        if not kept:
            return found
        logits_NC = class_logits(
            self.model,
            [{"input_ids": item.encoded[0]} for item in kept],
            Collator(int(self.tokenizer.pad_token_id)),
            batch_tokens=self.batch_tokens,
            on_batch=lambda done, total: progress.at(done),
        )
        for item, probabilities in zip(kept, logits_NC.double().softmax(-1).tolist(), strict=True):
            found[item.row] = _scores(named_scores(probabilities, item.encoded[1], self.label_names))
        return found

    def _classified(self, score: Score) -> tuple[list[int], dict[str, list[int]]]:
        columns = label_columns(score.labels, self.label_names)
        # One token more than may be, so that a text which would be cut shows itself.
        ids = encode_classified(self.tokenizer, score.text, self.max_length + 1)
        if len(ids) > self.max_length:
            raise DataError("audit.long_text", limit=self.max_length)
        return ids, columns

    def _score_labels(self, rows: list[tuple[int, Score]], progress: _Progress) -> dict[int, Response]:
        kept, found = _encoded(rows, self._questioned)
        likely = iter(self._likelihoods([pair for item in kept for pair in item.encoded], len(kept), progress))
        for item in kept:
            nats = [next(likely).nats for _ in item.encoded]
            shares = torch.tensor(nats, dtype=torch.float64).softmax(0).tolist()
            found[item.row] = _scores({name: share for (name, _), share in zip(item.probe.labels, shares, strict=True)})
        return found

    def _questioned(self, score: Score) -> list[EncodedPair]:
        """The labels after the question about the text. Raises DataError without a question, or where the text is too long."""
        if score.question is None:
            raise DataError("audit.no_question")
        context = score.question.replace("{input}", score.text)
        blank = "" if context[-1:].isspace() else " "
        return [self._pair(context, blank + name) for name, _ in score.labels]

    # --- likelihoods -----------------------------------------------------------------------------------------------

    def _measure(self, rows: list[tuple[int, Likelihood]], progress: _Progress) -> dict[int, Response]:
        kept, found = _encoded(rows, lambda probe: self._pair(probe.context, probe.text))
        measured = self._likelihoods([item.encoded for item in kept], len(kept), progress)
        for item, likely in zip(kept, measured, strict=True):
            finite = math.isfinite(likely.nats)
            known = LogLikelihood(likely.nats, likely.tokens, likely.n_bytes)
            found[item.row] = known if finite else Failure("audit.not_finite", {})
        return found

    def _pair(self, context: str, text: str) -> EncodedPair:
        """Raises DataError where the context would be cut: a shorter question is another question."""
        pair = PairEncoder(self.tokenizer, positions=last_position(self.model)).encode(context, text)
        if pair.context_cut:
            read = len(pair.ids)
            raise DataError("evaluation.long_prompt", tokens=read + pair.context_cut, positions=read)
        return pair

    def _likelihoods(self, pairs: list[EncodedPair], probes: int, progress: _Progress) -> list[Any]:
        if not pairs:
            return []
        return score_pairs(
            self.model,
            self.tokenizer,
            pairs,
            batch_tokens=self.batch_tokens,
            on_batch=lambda done, total: progress.at(probes * done // total),  # a probe may have several texts
        )


class _Progress:
    """Counts the probes answered, over the ways in which they are."""

    def __init__(self, total: int, listener: OnProgress | None) -> None:
        self.total = total
        self.listener = listener
        self.before = 0

    def at(self, done: int) -> None:
        """`done` probes of those that are being answered."""
        if self.listener is not None:
            self.listener(self.before + done, self.total)

    def add(self, count: int) -> None:
        """`count` more have been answered."""
        self.before += count
        self.at(0)


def _encoded(rows: list[tuple[int, Any]], encode: Callable[[Any], Any]) -> tuple[list[_Kept], dict[int, Response]]:
    """What can be asked, and Failures for what cannot: each probe's fault is its own."""
    kept: list[_Kept] = []
    failed: dict[int, Response] = {}
    for row, probe in rows:
        try:
            kept.append(_Kept(row, probe, encode(probe)))
        except AfinarError as error:
            failed[row] = Failure(error.key, error.values)
    return kept, failed


def _grouped(kept: Sequence[_Kept]) -> Iterator[tuple[Generation, list[_Kept]]]:
    """Questions that are answered under the same settings, together."""
    groups: dict[tuple[int, float, float], list[_Kept]] = {}
    for item in kept:
        groups.setdefault((item.probe.max_new_tokens, item.probe.temperature, item.probe.top_p), []).append(item)
    for (limit, temperature, top_p), group in groups.items():
        settings = Generation(
            max_new_tokens=limit, do_sample=temperature > 0, temperature=temperature, top_k=0, top_p=top_p, inherit=False
        )
        yield settings, group


def _scores(probabilities: Mapping[str, float]) -> Response:
    if all(math.isfinite(value) for value in probabilities.values()):
        return Scores(dict(probabilities))
    return Failure("audit.not_finite", {})
