"""`Generation`: how answers are generated, by the names of transformers' GenerationConfig."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from afinar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Settings of generation. What is None is as the model's own generation config has it, or, where `inherit` is false,
    left out.

    Lengths, in tokens: `max_new_tokens`, `max_length` (prompt and answer together; where both are given, both hold),
    `min_new_tokens`, `min_length` (likewise).
    Search: `num_beams` (1: greedy), `length_penalty`, `early_stopping`.
    Sampling: `do_sample`, `temperature` (0: greedy), `top_k` (0: all; where nobody says, transformers' 50), `top_p`, `min_p`,
    `typical_p`, and `seed`, from which each row has a stream of its own.
    Penalties: `repetition_penalty` (1: none), `no_repeat_ngram_size` (0: none), `bad_words_ids`, `suppress_tokens`.
    Ends: `eos_token_id` in place of the tokenizer's, the chat template's and the model's own; `stop_strings`.
    `pad_token_id` and `use_cache` change no answer.

    Raises ConfigError for a value of the wrong type or outside its range.
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int | None = None
    num_beams: int | None = None
    length_penalty: float | None = None
    early_stopping: bool | str | None = None
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    bad_words_ids: Sequence[Sequence[int]] | None = None
    suppress_tokens: Sequence[int] | None = None
    eos_token_id: int | Sequence[int] | None = None
    pad_token_id: int | None = None
    stop_strings: str | Sequence[str] | None = None
    use_cache: bool | None = None
    seed: int = 0
    inherit: bool = True

    def __post_init__(self) -> None:
        for name, (fits, allowed) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not fits(value):
                raise ConfigError("core.range", field=name, got=repr(value), allowed=allowed)

    @classmethod
    def of(cls, **gen_kwargs: Any) -> Generation:
        """The settings of a mapping such as `gen_kwargs`. Raises ConfigError naming the nearest for an unknown name."""
        known = [item.name for item in fields(cls) if item.name != "inherit"]
        for name in gen_kwargs:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                raise ConfigError(
                    "models.generation_setting", got=name, near=f" ({near[0]}?)" if near else "", allowed=", ".join(known)
                )
        return cls(**gen_kwargs)

    @property
    def given(self) -> dict[str, Any]:
        """The settings of GenerationConfig that are not None."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("seed", "inherit")}
        return {name: value for name, value in values.items() if value is not None}


def _integer(least: int) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least, f"an integer >= {least}"


def _number(fits: Callable[[float], bool], allowed: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and fits(value), allowed


def _flag() -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, bool), "true or false"


RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_new_tokens": _integer(1),
    "max_length": _integer(1),
    "min_new_tokens": _integer(0),
    "min_length": _integer(0),
    "num_beams": _integer(1),
    "length_penalty": _number(lambda value: abs(value) < float("inf"), "a finite number"),
    "early_stopping": (lambda value: isinstance(value, bool) or value == "never", "true, false or 'never'"),
    "do_sample": _flag(),
    "temperature": _number(lambda value: 0 <= value < float("inf"), ">= 0"),
    "top_k": _integer(0),
    "top_p": _number(lambda value: 0 < value <= 1, "0 < x <= 1"),
    "min_p": _number(lambda value: 0 <= value <= 1, "0 <= x <= 1"),
    "typical_p": _number(lambda value: 0 < value <= 1, "0 < x <= 1"),
    "repetition_penalty": _number(lambda value: 0 < value < float("inf"), "> 0"),
    "no_repeat_ngram_size": _integer(0),
    "pad_token_id": _integer(0),
    "use_cache": _flag(),
    "seed": _integer(0),
}
