"""Figures of a training as short texts for a person. No torch here, because the command line reads this too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afinar import messages

METRICS = (
    "accuracy",
    "f1",
    "f1_macro",
    "mcc",
    "precision",
    "recall",
    "precision_macro",
    "recall_macro",
    "ece",
    "brier",
    "overconfidence",
    "aurc",
    "perplexity",
    "bits_per_byte",
    "byte_perplexity",
    "token_accuracy",
    "loss",
    "bleu",
    "chrf",
    "rouge1",
    "rouge2",
    "rougeL",
    "token_f1",
    "exact_match",
)
"""Metrics that have a name for a person, in the order in which they are shown."""
_SETTINGS = ("learning_rate", "grad_norm", "epoch")
_NAMED = sorted((*METRICS, *_SETTINGS), key=len, reverse=True)
_TIMES = ("runtime", "samples_per_second", "steps_per_second", "tokens_per_second")
_LEFT_OUT = {"total_flos", "step", "train_loss", *(f"train_{name}" for name in _TIMES)}
_EVALUATED = "eval_"


def progress_facts(
    loss: float | None, tokens_per_second: float | None, memory_bytes: int | None, seconds_left: float | None
) -> list[str]:
    """The facts that are known, as short texts: `loss 2.314`, `1,250 tokens/s`, `0.9 GB`, `2 min 05 s left`."""
    facts = []
    if loss is not None:
        facts.append(messages.text("core.progress_loss", value=messages.number(loss, 3)))
    if tokens_per_second is not None:
        facts.append(messages.text("core.progress_speed", value=messages.number(tokens_per_second, 0)))
    if memory_bytes is not None:
        facts.append(messages.text("core.progress_memory", value=messages.number(memory_bytes / 1e9, 1)))
    if seconds_left is not None:
        facts.append(messages.text("core.progress_left", value=duration(seconds_left)))
    return facts


def duration(seconds: float) -> str:
    """`8 s`, `2 min 05 s`, `1 h 02 min`: the same in both languages."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def log_facts(logs: Mapping[str, Any]) -> list[str]:
    """What a trainer logged as `name value` texts, without its timings: `loss 2.314`, `learning rate 4.9e-04`.

    The metrics of an evaluation (`eval_...`) are named without the prefix, and those of one set among several after it.
    """
    evaluated = is_evaluation(logs)
    shown = {name: value for name, value in logs.items() if name not in _LEFT_OUT and not name.endswith(_TIMES)}
    return [
        f"{label(name.removeprefix(_EVALUATED))} {figure(value)}"
        for name, value in shown.items()
        if not (evaluated and name == "epoch")
    ]


def is_evaluation(logs: Mapping[str, Any]) -> bool:
    """Whether `logs` are the metrics of an evaluation."""
    return any(name.startswith(_EVALUATED) for name in logs)


def label(name: str) -> str:
    """A metric's name for a person: `bits_per_byte` → `bits per byte`, `news_loss` → `news: loss`."""
    if name in _NAMED:
        return messages.text(f"core.metric_{name}")
    for metric in _NAMED:
        if name.endswith(f"_{metric}"):
            return f"{name.removesuffix(f'_{metric}')}: {messages.text(f'core.metric_{metric}')}"
    return name.replace("_", " ")


def figure(value: Any) -> str:
    """A value with as many digits as a person reads: `12,345`, `2.314`, `4.9e-05`; anything but a number as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    size = abs(value)
    if isinstance(value, int) or size >= 1000:
        return messages.number(value, 0)
    if 0 < size < 0.1:
        return messages.decimal(f"{value:.3g}")
    return messages.number(value, 3 if size < 10 else 2 if size < 100 else 1)
