"""The README.md of an export: what it is, how it was compared, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afinar import messages
from afinar.run.folder import CARD
from afinar.run.merging import Source

LIBRARIES = {"peft": "peft", "safetensors": "transformers", "gguf": "gguf"}


def write_card(part: Path, source: Source, made: Mapping[str, Any]) -> None:
    """Write README.md with the Hugging Face model-card header, in the language in force."""
    base = source.session.base_model.name
    text = messages.text(
        "exporting.card",
        base=base,
        method=source.technique,
        task=source.session.task,
        what=messages.text(f"exporting.what_{made['format']}", dtype=made["dtype"]),
        data=made["data"],
        report="\n".join(f"- {line}" for line in report_lines(made)),
        use=messages.text(f"exporting.use_{made['format']}"),
    )
    library = LIBRARIES[made["format"]]
    header = f"---\nbase_model: {base}\nlibrary_name: {library}\ntags: [afinar, {source.technique}]\n---\n\n"
    (part / CARD).write_text(header + text + "\n", encoding="utf-8")


def report_lines(made: Mapping[str, Any]) -> list[str]:
    """The comparison for a person: a verdict, then the figures, each on its line."""
    parity = made["parity"]
    said = {
        "largest": _small(parity["max_difference"]),
        "mean": _small(parity["mean_difference"]),
        "agreement": messages.number(100 * parity["top1_agreement"], 2),
    }
    lines = [messages.text(f"exporting.verdict_{parity['verdict']}"), messages.text("exporting.logits", **said)]
    for name in ("perplexity", "loss", "accuracy"):
        if name in parity:
            adapted, written = (messages.number(parity[name][side], 4) for side in ("adapted", "written"))
            metric = messages.text(f"core.metric_{name}")
            lines.append(messages.text("exporting.score", metric=metric, adapted=adapted, written=written))
    lines.append(
        messages.text(
            "exporting.measured",
            rows=messages.number(parity["rows"], 0),
            there=messages.number(made["rows_there"], 0),
            tokens=messages.number(parity["tokens"], 0),
            data=made["data"],
            reader=made["read_with"],
        )
    )
    if "onto" in made:
        lines.append(messages.text(f"exporting.onto_{made['onto']}", quantised=made["quantised"]))
    if "rows_tokenised_alike" in made:
        lines.append(messages.text("exporting.tokenised", share=messages.number(100 * made["rows_tokenised_alike"], 1)))
    if made["dtype"] != made["adapted_dtype"]:
        lines.append(messages.text("exporting.precisions", adapted=made["adapted_dtype"], written=made["dtype"]))
    return lines


def _small(value: float) -> str:
    """A difference: two digits that count, `0.0031`, `4.8e-06`."""
    return messages.decimal(f"{value:.2g}")
