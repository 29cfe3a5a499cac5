"""The model card of a run (README.md): what was trained, on what, what it measures, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afinar import messages
from afinar.config import RunConfig
from afinar.metrics.wording import finding, with_interval
from afinar.run.folder import CARD
from afinar.training.figures import label

SHOWN = (
    "accuracy", "f1", "f1_macro", "mcc", "ece", "perplexity", "bits_per_byte", "token_accuracy", "loss",
    "bleu", "chrf", "rougeL", "token_f1", "exact_match",
)  # fmt: skip


def write_card(folder: Path, config: RunConfig, results: Mapping[str, Any], export: str) -> None:
    """Write README.md with the Hugging Face model-card header, in the language in force."""
    training = results["training"]
    text = messages.text(
        "run.card",
        base=config.model.name,
        task=results["task"],
        method=config.method.name,
        data=config.data.train or "-",
        table=_table(results),
        n=messages.number(results["n"], 0),
        seed=results["seed"],
        steps=messages.number(training["optimizer_steps"], 0),
        tokens=messages.number(training["tokens"], 0),
        trainable=messages.number(training["trainable_parameters"], 0),
        total=messages.number(training["total_parameters"], 0),
        folder=folder.as_posix(),
        versions=", ".join(f"{name} {number}" for name, number in results["versions"].items()),
    )
    library = "peft" if config.method.name == "lora" else "transformers"
    header = f"---\nbase_model: {config.model.name}\nlibrary_name: {library}\ntags: [afinar, {config.method.name}]\n---\n\n"
    (folder / CARD).write_text(header + text + "\n", encoding="utf-8")
    (folder / export / CARD).write_text(header + text + "\n", encoding="utf-8")


def _table(results: Mapping[str, Any]) -> str:
    """Metrics before and after, with their intervals and what the paired comparison found."""
    base, adapted, compared = results["base"], results["adapted"], results["comparison"]
    rows = [
        f"| {label(name)} | {with_interval(name, base)} | {with_interval(name, adapted)} | "
        f"{finding(compared[name]) if name in compared else ''} |"
        for name in SHOWN
        if name in adapted
    ]
    head = messages.text("run.card_columns")
    return "\n".join([head, "| --- | ---: | ---: | --- |", *rows])
