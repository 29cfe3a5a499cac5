"""`afinar generate RUN|MODEL "prompt"`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from afinar.cli.compare import open_pair, show_answers
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.errors import ConfigError

if TYPE_CHECKING:
    from afinar.run import Session


def generate(
    model: str,
    prompt: str | None = None,
    /,
    *,
    max_new_tokens: int = 128,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    compare: bool = False,
    context: Context,
) -> dict[str, Any]:
    """Continue `prompt`, by default what is piped in. Returns `{"prompt", "text"}`, with `compare` also `"base_text"`."""
    asked = _piped() if prompt is None else prompt
    if not asked.strip():
        raise ConfigError("cli.empty_prompt")
    check_sampling(max_new_tokens, temperature, top_p)
    session = open_writer(model, context)
    options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
    if compare:
        answers = open_pair(session, context).generate(asked, **options)
        show_answers(answers, context)
        return {"prompt": asked, "text": answers.adapted, "base_text": answers.base}
    text = session.generate(asked, **options)  # type: ignore[arg-type]
    context.say(text)
    return {"prompt": asked, "text": text}


def _piped() -> str:
    return "" if sys.stdin.isatty() else sys.stdin.read().strip()


def open_writer(model: str, context: Context) -> Session:
    """The session of a run or model that writes text. Raises ConfigError for a classifier."""
    quieten()
    from afinar import run as pipeline

    session = pipeline.load(model, offline=context.offline)
    if session.task != "causal":
        raise ConfigError("cli.not_generative", model=model)
    return session


def check_sampling(max_new_tokens: int, temperature: float, top_p: float) -> None:
    """Raises ConfigError for values that no sampling has, before a model is loaded."""
    if max_new_tokens < 1:
        raise ConfigError("core.range", field="--max-new-tokens", got=max_new_tokens, allowed=">= 1")
    if not 0 <= temperature < float("inf"):
        raise ConfigError("core.range", field="--temperature", got=temperature, allowed=">= 0")
    if not 0 < top_p <= 1:
        raise ConfigError("core.range", field="--top-p", got=top_p, allowed="0 < p <= 1")
