"""The complete rules by which one model continues prompts: the settings, filled up from its own generation config.

What would make a row's answer depend on its batch is taken out of transformers' hands: penalties that read the padding, and
sampling from one global random state. Lengths are set batch by batch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, PreTrainedTokenizerBase
from transformers.generation.logits_process import (
    EncoderNoRepeatNGramLogitsProcessor,
    EncoderRepetitionPenaltyLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    MinLengthLogitsProcessor,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from afinar.data.chat import stop_token_ids
from afinar.errors import ConfigError
from afinar.models.causal import causal_core
from afinar.models.decoding import Generation

DEFAULT_NEW_TOKENS = 64
"""Tokens of an answer where neither the settings nor the model's generation config say how long it may be."""

# Applied here, so the config that generate() sees holds transformers' defaults, which switch them off without sampling.
WARPERS: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "min_p": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "top_h": None,
}
HISTORY: dict[str, Any] = {
    "encoder_repetition_penalty": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "min_length": 0,
    "min_new_tokens": None,
}
# One answer for each prompt, as token ids, and no other model or downloaded search to help.
PLAIN: dict[str, Any] = {
    "num_return_sequences": 1,
    "return_dict_in_generate": False,
    "output_scores": False,
    "output_logits": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "max_length": None,
    "max_time": None,
    "prompt_lookup_num_tokens": None,
    "penalty_alpha": None,
    "dola_layers": None,
    "constraints": None,
    "force_words_ids": None,
    "num_beam_groups": 1,
}


@dataclass(frozen=True)
class Search:
    """How one model continues prompts; nothing in it is left to the model's own generation config.

    config: what generate() is given, but for the length. ends: the tokens that end an answer. max_new_tokens, max_length:
    limits of the answer, and of prompt and answer together; either may be None. sampling: whether tokens are drawn.
    chosen: the values of WARPERS and HISTORY.
    """

    config: GenerationConfig
    ends: tuple[int, ...]
    max_new_tokens: int | None
    max_length: int | None
    sampling: bool
    seed: int
    chosen: dict[str, Any]

    @property
    def beams(self) -> int:
        """Beams of the search; 1 is greedy (or plain sampling)."""
        return self.config.num_beams or 1

    @property
    def length_matters(self) -> bool:
        """Whether the limit of length changes what comes before it, so that a longer answer cannot be cut to it."""
        shaped = (self.config.forced_eos_token_id, self.config.exponential_decay_length_penalty)
        return self.beams > 1 or shaped != (None, None)

    def warpers(self) -> list[LogitsProcessor]:
        """What changes the probabilities before a token is drawn, in transformers' order."""
        values = self.chosen
        made: list[LogitsProcessor] = []
        if values["temperature"] != 1.0:
            made.append(TemperatureLogitsWarper(float(values["temperature"])))
        if values["top_h"] is not None:
            from transformers.generation.logits_process import TopHLogitsWarper

            made.append(TopHLogitsWarper(values["top_h"]))
        if values["top_k"]:
            made.append(TopKLogitsWarper(values["top_k"]))
        if values["top_p"] < 1:
            made.append(TopPLogitsWarper(float(values["top_p"])))
        if values["min_p"]:
            made.append(MinPLogitsWarper(float(values["min_p"])))
        if values["typical_p"] < 1:
            made.append(TypicalLogitsWarper(float(values["typical_p"])))
        if values["epsilon_cutoff"]:
            made.append(EpsilonLogitsWarper(float(values["epsilon_cutoff"])))
        if values["eta_cutoff"]:
            made.append(EtaLogitsWarper(float(values["eta_cutoff"])))
        return made

    def history(self, prompt: Sequence[int], device: torch.device) -> list[LogitsProcessor]:
        """What judges a token by those before it, for one prompt, in transformers' order."""
        values = self.chosen
        ids: Any = torch.tensor([list(prompt)], device=device)  # LongTensor, by an annotation that no tensor meets
        made: list[LogitsProcessor] = []
        if values["encoder_repetition_penalty"] != 1.0:
            made.append(EncoderRepetitionPenaltyLogitsProcessor(float(values["encoder_repetition_penalty"]), ids))
        if values["repetition_penalty"] != 1.0:
            made.append(RepetitionPenaltyLogitsProcessor(float(values["repetition_penalty"])))
        if values["no_repeat_ngram_size"]:
            made.append(NoRepeatNGramLogitsProcessor(values["no_repeat_ngram_size"]))
        if values["encoder_no_repeat_ngram_size"]:
            made.append(EncoderNoRepeatNGramLogitsProcessor(values["encoder_no_repeat_ngram_size"], ids))
        least = max(values["min_length"], len(prompt) + (values["min_new_tokens"] or 0))
        if self.ends and least > len(prompt):
            made.append(MinLengthLogitsProcessor(least, list(self.ends), device=str(device)))
        return made


def search(model: Any, tokenizer: PreTrainedTokenizerBase, settings: Generation) -> Search:
    """The rules of `settings` for `model`.

    Raises ConfigError for a setting of sampling where neither the settings nor the model's generation config sample.
    """
    core: Any = causal_core(model)
    own = core.generation_config if settings.inherit else GenerationConfig()
    config, given = copy.deepcopy(own), settings.given
    for name, value in given.items():
        setattr(config, name, value)
    sampling = bool(config.do_sample) and config.temperature != 0
    if not sampling and settings.do_sample is None and settings.temperature != 0:
        _check_without_sampling(settings)
    max_new_tokens, max_length = _limits(settings, own)
    _one_lower_limit(settings, config)
    chosen = {name: _or(getattr(config, name, None), default) for name, default in (WARPERS | HISTORY).items()}
    ends = _ends(model, tokenizer, given.get("eos_token_id"))
    beam_sampling = sampling and (config.num_beams or 1) > 1
    config.do_sample = beam_sampling  # drawing from one distribution is done by SeededSampling
    for name, value in (PLAIN | HISTORY | ({} if beam_sampling else WARPERS)).items():
        setattr(config, name, value)
    config.use_cache = settings.use_cache is not False  # a config may have it off for training only
    config.eos_token_id = list(ends) or None
    config.pad_token_id = ends[0] if ends else padding_id(tokenizer, settings)  # so that what follows an answer is an end
    return Search(config, ends, max_new_tokens, max_length, sampling, settings.seed, chosen)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def padding_id(tokenizer: PreTrainedTokenizerBase, settings: Generation | None = None) -> int:
    """The token that fills up rows: never attended to, so it may be EOS, or any token where there is none."""
    if settings is not None and settings.pad_token_id is not None:
        return settings.pad_token_id
    known = [token for token in (tokenizer.pad_token_id, tokenizer.eos_token_id) if token is not None]
    return int(known[0]) if known else 0


def end_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end an answer: the tokenizer's EOS, what its chat template ends a turn with, and what the model's
    generation_config names.
    """
    return list(_ends(model, tokenizer, None))


def _ends(model: Any, tokenizer: PreTrainedTokenizerBase, given: int | Sequence[int] | None) -> tuple[int, ...]:
    if given is not None:
        return tuple(sorted({given} if isinstance(given, int) else set(given)))
    core: Any = causal_core(model)
    named = core.generation_config.eos_token_id
    several = named if isinstance(named, list) else [] if named is None else [named]
    return tuple(sorted({*stop_token_ids(tokenizer), *several}))


def _limits(settings: Generation, own: GenerationConfig) -> tuple[int | None, int | None]:
    """The settings' own limits, else the model's; of these max_new_tokens counts, as in transformers."""
    if settings.max_new_tokens is not None or settings.max_length is not None:
        return settings.max_new_tokens, settings.max_length
    if own.max_new_tokens is not None:
        return own.max_new_tokens, None
    if own.max_length is not None and own.max_length != GenerationConfig().max_length:
        return None, own.max_length
    return DEFAULT_NEW_TOKENS, None


def _one_lower_limit(settings: Generation, config: GenerationConfig) -> None:
    """Let one given lower limit count, and not the model's other one."""
    if settings.min_new_tokens is not None and settings.min_length is None:
        config.min_length = 0
    if settings.min_length is not None and settings.min_new_tokens is None:
        config.min_new_tokens = None


def _check_without_sampling(settings: Generation) -> None:
    for name in ("temperature", "top_k", "top_p", "min_p", "typical_p"):
        value = getattr(settings, name)
        neutral = (None, WARPERS[name], 0) if name in ("top_k", "min_p") else (None, WARPERS[name])
        if value not in neutral:
            raise ConfigError("models.not_sampling", field=name, got=value)
