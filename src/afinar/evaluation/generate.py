"""Continuing prompts: many at once, or one as a stream of text.

Prompts are padded on the left, so that every row's last token is a real one, and only what follows the prompt is decoded.
A batch gives what its rows would give alone. `temperature=0` is greedy search and nothing else: the penalties and samplers
that a model's generation_config.json may hold are left out, so that two models are compared under the same rules.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from afinar.data.chat import stop_token_ids
from afinar.errors import ConfigError, DataError
from afinar.evaluation.batches import OnBatch, eval_mode, evaluating, model_device
from afinar.evaluation.sampling import SeededSampling
from afinar.models.causal import causal_core

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
    _check(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed, batch_size=batch_size)
    ends = end_tokens(model, tokenizer)
    room = [_room(model, prompt, max_new_tokens) for prompt in prompts]
    texts = [""] * len(prompts)
    done = 0
    for rows in _batches(prompts, room, batch_size):
        ids_BT, mask_BT = _left_padded([prompts[row] for row in rows], tokenizer, model_device(model))
        noise = _noise(temperature, top_p, seed, rows)
        config = _generation_config(tokenizer, ends, room[rows[0]])
        with evaluating(model), _only(model, config):
            output = model.generate(input_ids=ids_BT, attention_mask=mask_BT, generation_config=config, logits_processor=noise)
        for row, tokens in zip(rows, output[:, ids_BT.shape[1] :].tolist(), strict=True):
            texts[row] = _decode(tokenizer, tokens, ends)
        done += len(rows)
        if on_batch is not None:
            on_batch(done, len(prompts))
    return texts


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
    _check(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed)
    config = _generation_config(tokenizer, end_tokens(model, tokenizer), _room(model, prompt, max_new_tokens))
    return _stream(model, tokenizer, prompt, config, _noise(temperature, top_p, seed, [0]))


def _stream(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], config: GenerationConfig, noise: LogitsProcessorList
) -> Iterator[str]:
    ids_BT, mask_BT = _left_padded([prompt], tokenizer, model_device(model))
    tokens, closed = _Tokens(), threading.Event()

    def run() -> None:
        try:
            with torch.no_grad():  # gradient mode belongs to a thread: the reader's stays as it is
                model.generate(
                    input_ids=ids_BT,
                    attention_mask=mask_BT,
                    generation_config=config,
                    logits_processor=noise,
                    stopping_criteria=StoppingCriteriaList([_Closed(closed)]),
                    streamer=tokens,
                )
        except BaseException as error:  # noqa: BLE001 - raised again where the pieces are read
            tokens.queue.put(error)

    with eval_mode(model), _only(model, config):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield from _pieces(tokens, tokenizer, config.eos_token_id)
        finally:
            closed.set()
            thread.join()


def end_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end an answer: the tokenizer's EOS, what its chat template ends a turn with, and what the model's
    generation_config names.
    """
    core: Any = causal_core(model)
    named = core.generation_config.eos_token_id
    several = named if isinstance(named, list) else [] if named is None else [named]
    return sorted({*stop_token_ids(tokenizer), *several})


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


def _pieces(source: _Tokens, tokenizer: PreTrainedTokenizerBase, ends: list[int]) -> Iterator[str]:
    """Text as it becomes certain: a piece waits while its last character lacks bytes that the next token may bring."""
    tokens: list[int] = []
    given = ""
    while True:
        item = source.queue.get()
        if isinstance(item, BaseException):
            raise item
        if item is not None:
            tokens.append(item)
        text = _decode(tokenizer, tokens, ends)
        certain = item is None or not text.endswith(UNFINISHED)
        if certain and text.startswith(given) and len(text) > len(given):
            yield text[len(given) :]
            given = text
        if item is None:
            return


def _check(**values: float) -> None:
    allowed = {
        "max_new_tokens": (values["max_new_tokens"] >= 1, ">= 1"),
        "temperature": (values["temperature"] >= 0, ">= 0"),
        "top_p": (0 < values["top_p"] <= 1, "0 < x <= 1"),
        "seed": (values["seed"] >= 0, ">= 0"),
        "batch_size": (values.get("batch_size", 1) >= 1, ">= 1"),
    }
    for name, (fine, text) in allowed.items():
        if not fine:
            raise ConfigError("core.range", field=name, got=values[name], allowed=text)


def _room(model: Any, prompt: Sequence[int], max_new_tokens: int) -> int:
    """The tokens that may follow: positions beyond the model's last one are untrained, or do not exist."""
    if len(prompt) == 0:
        raise DataError("evaluation.empty_prompt")
    config = causal_core(model).config.get_text_config()
    positions = getattr(config, "max_position_embeddings", None)  # ALiBi and recurrent models have no last position
    if positions is None:
        return max_new_tokens
    if len(prompt) >= positions:
        raise DataError("evaluation.long_prompt", tokens=len(prompt), positions=positions)
    return min(max_new_tokens, positions - len(prompt))


def _batches(prompts: Sequence[Sequence[int]], room: list[int], batch_size: int) -> Iterator[list[int]]:
    """Prompts of like length together; those with less room for an answer by themselves, so that no row cuts another."""
    rows = sorted(range(len(prompts)), key=lambda row: (room[row], len(prompts[row])))
    start = 0
    while start < len(rows):
        batch = [row for row in rows[start : start + batch_size] if room[row] == room[rows[start]]]
        yield batch
        start += len(batch)


def _left_padded(
    prompts: Sequence[Sequence[int]], tokenizer: PreTrainedTokenizerBase, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask (B, T) of prompts, each ending in the last column."""
    length = max(len(prompt) for prompt in prompts)
    fill = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    ids = [[fill] * (length - len(prompt)) + [int(token) for token in prompt] for prompt in prompts]
    mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _generation_config(tokenizer: PreTrainedTokenizerBase, ends: list[int], max_new_tokens: int) -> GenerationConfig:
    """Greedy search; sampling is greedy too, over perturbed logits (see :mod:`afinar.evaluation.sampling`)."""
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, use_cache=True, eos_token_id=ends, pad_token_id=pad
    )


@contextmanager
def _only(model: Any, config: GenerationConfig) -> Iterator[None]:
    """Let `config` alone count: generate() fills what it leaves open from the model's own generation_config."""
    core: Any = causal_core(model)
    own = core.generation_config
    core.generation_config = config
    try:
        yield
    finally:
        core.generation_config = own


def _noise(temperature: float, top_p: float, seed: int, rows: Sequence[int]) -> LogitsProcessorList:
    return LogitsProcessorList([SeededSampling(temperature, top_p, seed, rows)] if temperature > 0 else [])


def _decode(tokenizer: PreTrainedTokenizerBase, tokens: list[int], ends: list[int]) -> str:
    end = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    text = tokenizer.decode(tokens[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)  # a list only for a batch
    return text
