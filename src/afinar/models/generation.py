"""Continuing many prompts: what each row gets depends on the row and the settings, not on its batch or its process.

Prompts are padded on the left, so that every row's last token is a real one, and only what follows the prompt is kept.
Rows of like length share a batch. Sampling draws from a stream of each row's own, told by its place.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedTokenizerBase

from afinar.errors import DataError
from afinar.models import decoder
from afinar.models.causal import causal_core
from afinar.models.decoding import Generation
from afinar.models.modes import evaluating, model_device
from afinar.models.prompts import FILLER, Prompt, in_step, left_padded, prompt_batches
from afinar.models.sampling import SeededSampling, Unpadded, generator
from afinar.models.search import Search, end_tokens, padding_id, search

__all__ = [
    "Continuation",
    "Generation",
    "answer_text",
    "before_end",
    "end_tokens",
    "generate_tokens",
    "last_position",
    "only",
    "room_after",
]

OnBatch = Callable[[int, int], None]
"""Called after each batch with the prompts done so far and the prompts in all."""


class Continuation(NamedTuple):
    """What follows a prompt: token ids up to and without what ends it, and whether the limit of length cut it off.

    A prompt that leaves no room at all has no tokens and is `truncated`.
    """

    tokens: list[int]
    truncated: bool


def generate_tokens(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    settings: Generation,
    *,
    places: Sequence[int] | None = None,
    batch_size: int = 8,
    synced: bool = False,
    on_batch: OnBatch | None = None,
) -> list[Continuation]:
    """The continuation of each prompt (token ids), in the prompts' order.

    places: the rows' numbers in the whole data set, from which sampling is seeded; None: 0, 1, 2, ...
    synced: every process calls this together and runs as many batches of as many steps, as a sharded model needs (FSDP);
    processes that have fewer prompts run dummies.
    Raises ConfigError for settings that contradict the model's, DataError for an empty prompt.
    """
    rules = search(model, tokenizer, settings)
    positions = last_position(model)
    places = range(len(prompts)) if places is None else places
    asked = [
        Prompt(row, place, [int(token) for token in prompt], room_after(prompt, rules, positions))
        for row, (prompt, place) in enumerate(zip(prompts, places, strict=True))
    ]
    found = [Continuation([], truncated=True) for _ in prompts]
    batches = prompt_batches(asked, rules, positions, 1 if _one_at_a_time(rules) else batch_size, _alike(model))
    synced = synced and torch.distributed.is_available() and torch.distributed.is_initialized()
    if synced:
        batches = in_step(batches, positions)
    done = sum(prompt.room < 1 for prompt in asked)
    fill = padding_id(tokenizer, settings)
    for batch in batches:
        tokens = _run(model, tokenizer, batch, rules, fill, synced=synced)
        for prompt, continued in zip(batch, tokens, strict=True):
            if prompt.row != FILLER:
                found[prompt.row] = _cut(continued, prompt.room, rules.ends)
                done += 1
        if on_batch is not None:
            on_batch(done, len(prompts))
    return found


def room_after(prompt: Sequence[int], rules: Search, positions: int | None) -> int:
    """The tokens that may follow `prompt`: positions beyond the model's last one are untrained, or do not exist.

    positions: see :func:`last_position`. The result is below 1 where nothing may follow. Raises DataError for an empty prompt.
    """
    if len(prompt) == 0:
        raise DataError("evaluation.empty_prompt")
    limits = [] if rules.max_new_tokens is None else [rules.max_new_tokens]
    limits += [limit - len(prompt) for limit in (rules.max_length, positions) if limit is not None]
    return min(limits)


def last_position(model: Any) -> int | None:
    """How many tokens the model can read at most, less the virtual ones that come before them; None: no limit."""
    positions = decoder.last_position(model, causal_core(model).config)
    return None if positions is None else positions - sum(each.num_virtual_tokens for each in _prompt_learning(model))


def _prompt_learning(model: Any) -> list[Any]:
    """The configs of PEFT's prompt methods around `model`; without PEFT imported, nothing can be wrapped by it."""
    if "peft" not in sys.modules:
        return []
    from peft import PeftModel

    wrapped = [module.active_peft_config for module in model.modules() if isinstance(module, PeftModel)]
    return [config for config in wrapped if config.is_prompt_learning]


def _alike(model: Any) -> bool:
    """Whether only prompts of one length may share a batch.

    Prompt tuning and P-tuning of PEFT put their virtual tokens before the padding and drop the positions that would make up
    for it. Prefix tuning has them in the cache, and pads well.
    """
    return any(config.peft_type != "PREFIX_TUNING" for config in _prompt_learning(model))


def _one_at_a_time(rules: Search) -> bool:
    """Beam search that samples draws from the global random state, so each row gets a state of its own."""
    return rules.sampling and rules.beams > 1


def _run(
    model: Any, tokenizer: PreTrainedTokenizerBase, batch: list[Prompt], rules: Search, fill: int, *, synced: bool
) -> list[list[int]]:
    device = model_device(model)
    ids_BT, mask_BT = left_padded([prompt.tokens for prompt in batch], fill, device)
    config = copy.deepcopy(rules.config)
    config.max_new_tokens = batch[0].room
    options: dict[str, Any] = {"synced_gpus": True} if synced else {}
    if config.stop_strings:
        options["tokenizer"] = tokenizer
    with evaluating(model), only(model, config), _seeded(rules, batch, device):
        output = model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            generation_config=config,
            logits_processor=_processors(batch, rules, device),
            **options,
        )
    return output[:, ids_BT.shape[1] :].tolist()


def _processors(batch: list[Prompt], rules: Search, device: torch.device) -> LogitsProcessorList:
    longest = max(len(prompt.tokens) for prompt in batch)
    history = [rules.history(prompt.tokens, device) for prompt in batch]
    made = LogitsProcessorList()
    if any(history):
        made.append(Unpadded(history, [longest - len(prompt.tokens) for prompt in batch]))
    if rules.sampling and rules.beams == 1:
        made.append(SeededSampling(rules.warpers(), rules.seed, [prompt.place for prompt in batch]))
    return made


@contextmanager
def _seeded(rules: Search, batch: list[Prompt], device: torch.device) -> Iterator[None]:
    """For beam search that samples, the global random state of the batch's one row; it comes back afterwards."""
    if not _one_at_a_time(rules):
        yield
        return
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(generator(rules.seed, batch[0].place).initial_seed())
        yield


@contextmanager
def only(model: Any, config: GenerationConfig) -> Iterator[None]:
    """Let `config` alone count: generate() fills what it leaves open from the model's own generation_config."""
    core: Any = causal_core(model)
    own = core.generation_config
    core.generation_config = config
    try:
        yield
    finally:
        core.generation_config = own


def _cut(tokens: list[int], room: int, ends: Sequence[int]) -> Continuation:
    """What comes before the first end, within `room`."""
    own = before_end(tokens[:room], ends)
    return Continuation(own, truncated=len(own) == room)


def before_end(tokens: Sequence[int], ends: Collection[int]) -> list[int]:
    """The tokens up to and without the first that is an end."""
    end = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    return list(tokens[:end])


def answer_text(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]) -> str:
    """An answer's tokens as text: special tokens left out, blanks as they are."""
    text = tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)  # a list only for a batch
    return text
