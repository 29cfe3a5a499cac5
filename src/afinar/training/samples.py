"""Generated answers for people: the file `predictions.jsonl`, and a table of the first few.

A line of the file::

    {"step": 9, "set": "eval", "row": 0, "prompt": "Quanto é 2 + 2?", "prediction": "4", "reference": "4", "truncated": false}
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from unicodedata import category

from rich.console import Console
from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.training.predictions import Answer, Answered

SHOWN = 300
"""Characters of a text in the table; of a prompt the last ones, since that is what is asked."""


def write_predictions(path: Path, answered: Answered, *, step: int, name: str, training: bool) -> None:
    """Put the answers of the set `name` at `step` into the file at `path`, in place of those it has of the same evaluation.

    training: whether this evaluation is part of a training; then what the file has of later steps comes from a run that was
    resumed from before them, and goes too. The file is written anew and put in place at once, so it is never half written.
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else []  # a text may hold other line separators
    kept = [line for line in lines if line and not _replaced(line, step, name, training)]
    whole = path.with_name(path.name + ".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole.open("wb") as file:
        file.writelines(line + b"\n" for line in [*kept, *(_line(answer, step, name) for answer in answered.answers)])
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)


def samples_table(answered: Answered, count: int, *, step: int, name: str) -> Table:
    """The first `count` answers beside their references."""
    shown = answered.answers[:count]
    title = messages.text("training.samples_title", name=name, step=step, n=len(shown), total=len(answered.answers))
    table = Table(title=Text(title), show_lines=True, expand=True)
    for column in ("sample_prompt", "sample_prediction", "sample_reference"):
        table.add_column(messages.text(f"training.{column}"), overflow="fold")
    for answer in shown:
        table.add_row(_last(answer.prompt), _first(answer.text, cut=answer.truncated), _first(answer.reference or ""))
    return table


def show_samples(answered: Answered, count: int, *, step: int, name: str) -> None:
    """Print the table of the first `count` answers on standard error; nothing where there are none."""
    if count > 0 and answered.answers:
        Console(stderr=True).print(samples_table(answered, count, step=step, name=name))


def _first(text: str, *, cut: bool = False) -> Text:
    return _shown(text[:SHOWN] + ("…" if cut or len(text) > SHOWN else ""))


def _last(text: str) -> Text:
    return _shown(("…" if len(text) > SHOWN else "") + text[-SHOWN:])


def _shown(text: str) -> Text:
    """As it stands: brackets are no markup, and escape codes that a model may write do not reach the terminal."""
    return Text("".join("\N{REPLACEMENT CHARACTER}" if category(c) == "Cc" and c not in "\n\t" else c for c in text))


def _line(answer: Answer, step: int, name: str) -> bytes:
    entry = {
        "step": step,
        "set": name,
        "row": answer.place,
        "prompt": answer.prompt,
        "prediction": answer.text,
        "reference": answer.reference,
        "truncated": answer.truncated,
    }
    return json.dumps(entry, ensure_ascii=False).encode()


def _replaced(line: bytes, step: int, name: str, training: bool) -> bool:
    """Whether the answer of `line` is of the same evaluation, or of one that this training has yet to come to."""
    try:
        entry = json.loads(line)
        then, of = int(entry["step"]), entry["set"]
    except (ValueError, TypeError, KeyError):
        return False  # nothing of ours: it stays
    return (then == step and of == name) or (training and then > step)
