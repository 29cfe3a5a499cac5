"""Continuing prompts: many at once, or one as a stream of text.

`temperature=0` is greedy search and nothing else: the penalties and samplers that a model's generation_config.json may hold
are left out, so that two models are compared under the same rules. The machinery is :mod:`afinar.models.generation`.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import LogitsProcessorList, PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from afinar.errors import ConfigError, DataError
from afinar.evaluation.batches import OnBatch
from afinar.models.decoding import Generation
from afinar.models.generation import answer_text, before_end, generate_tokens, last_position, only, room_after
from afinar.models.modes import eval_mode, model_device
from afinar.models.prompts import left_padded
from afinar.models.sampling import SeededSampling
from afinar.models.search import Search, end_tokens, padding_id, search

__all__ = ["end_tokens", "generate", "stream"]

UNFINISHED = "\N{REPLACEMENT CHARACTER}"


def generate(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_size: int = 8,
    on_batch: OnBatch | None = None,
) -> list[str]:
    """The continuation of each prompt (token ids), up to and without the EOS, in the prompts' order.

    temperature: 0 takes the most likely token; above 0, tokens are drawn from softmax(logits / temperature).
    top_p: draw only from the smallest set of tokens whose probability reaches it.
    Raises ConfigError for values outside their range, DataError for a prompt that is empty or leaves no room for an answer.
    """
    settings = _settings(max_new_tokens, temperature, top_p, seed)
    if batch_size < 1:
        raise ConfigError("core.range", field="batch_size", got=batch_size, allowed=">= 1")
    rules = search(model, tokenizer, settings)
    for prompt in prompts:
        _room(model, prompt, rules)
    found = generate_tokens(model, tokenizer, prompts, settings, batch_size=batch_size, on_batch=on_batch)
    return [answer_text(tokenizer, continuation.tokens) for continuation in found]


def stream(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompt: Sequence[int],
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """The continuation of one prompt, piece by piece; joined, the pieces are what :func:`generate` gives.

    The model runs in a thread while the caller prints; closing the iterator early stops it after the token at hand.
    Raises as :func:`generate` does, and hands on what the model raises.
    """
    settings = _settings(max_new_tokens, temperature, top_p, seed)
    rules = search(model, tokenizer, settings)
    return _stream(model, tokenizer, prompt, rules, _room(model, prompt, rules))


def _settings(max_new_tokens: int, temperature: float, top_p: float, seed: int) -> Generation:
    """These settings and nothing of the model's own."""
    return Generation(
        max_new_tokens=max_new_tokens,
        do_sample=temperature > 0,
        temperature=temperature,
        top_k=0,
        top_p=top_p,
        seed=seed,
        inherit=False,
    )


def _room(model: Any, prompt: Sequence[int], rules: Search) -> int:
    room = room_after(prompt, rules, last_position(model))
    if room < 1:
        raise DataError("evaluation.long_prompt", tokens=len(prompt), positions=len(prompt) + room)
    return room


def _stream(model: Any, tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], rules: Search, room: int) -> Iterator[str]:
    ids_BT, mask_BT = left_padded([prompt], padding_id(tokenizer), model_device(model))
    config = copy.deepcopy(rules.config)
    config.max_new_tokens = room
    noise = [SeededSampling(rules.warpers(), rules.seed, [0])] if rules.sampling else []
    tokens, closed = _Tokens(), threading.Event()

    def run() -> None:
        try:
            with torch.no_grad():  # gradient mode belongs to a thread: the reader's stays as it is
                model.generate(
                    input_ids=ids_BT,
                    attention_mask=mask_BT,
                    generation_config=config,
                    logits_processor=LogitsProcessorList(noise),
                    stopping_criteria=StoppingCriteriaList([_Closed(closed)]),
                    streamer=tokens,
                )
        except BaseException as error:  # noqa: BLE001 - raised again where the pieces are read
            tokens.queue.put(error)

    with eval_mode(model), only(model, config):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield from _pieces(tokens, tokenizer, rules.ends)
        finally:
            closed.set()
            thread.join()


class _Tokens(BaseStreamer):
    """Hands tokens from generate()'s thread to the reader; None marks the end, an exception takes its place."""

    def __init__(self) -> None:
        self.queue: queue.Queue[int | BaseException | None] = queue.Queue()
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self.prompt_seen:  # generate() puts the prompt first
            self.queue.put(int(value.flatten()[0]))
        self.prompt_seen = True

    def end(self) -> None:
        self.queue.put(None)


class _Closed(StoppingCriteria):
    """Stops when nobody reads any more."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.event.is_set(), dtype=torch.bool, device=input_ids.device)


def _pieces(source: _Tokens, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> Iterator[str]:
    """Text as it becomes certain: a piece waits while its last character lacks bytes that the next token may bring."""
    tokens: list[int] = []
    given = ""
    while True:
        item = source.queue.get()
        if isinstance(item, BaseException):
            raise item
        if item is not None:
            tokens.append(item)
        text = answer_text(tokenizer, before_end(tokens, ends))
        certain = item is None or not text.endswith(UNFINISHED)
        if certain and text.startswith(given) and len(text) > len(given):
            yield text[len(given) :]
            given = text
        if item is None:
            return
