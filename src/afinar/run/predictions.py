"""What became of each row, for a look at the rows behind a figure: JSON lines, one for each row and model.

{"model": "adapted", "path": "valid.jsonl", "line": 3, "label": "negativo", "prediction": "positivo", "probability": 0.61, ...}
{"model": "adapted", "path": "valid.jsonl", "line": 3, "nats": 41.2, "tokens": 17, "bytes": 68, "perplexity": 11.3}
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from afinar.errors import RefusedError
from afinar.metrics.perplexity import perplexity
from afinar.metrics.token_rows import TokenRows
from afinar.run.folder import write_lines
from afinar.run.measure import Measured


def check_place(path: str | Path, source: str) -> Path:
    """The file that predictions go to, its folder made, before any model is loaded.

    Raises RefusedError for a folder, and for a file that holds the rows themselves; OSError where nothing can be written.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        raise RefusedError("evaluating.predictions_folder", path=str(path))
    if place.exists() and _holds(Path(source), place):
        raise RefusedError("evaluating.predictions_over_data", path=str(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=place.parent):  # a folder that cannot be written into shows now and not after hours
        return place


def _holds(source: Path, place: Path) -> bool:
    """Whether `place` is the source of the rows or a file in it."""
    return source.exists() and place.resolve().is_relative_to(source.resolve())


def write_predictions(place: Path, measured: Mapping[str, Measured]) -> None:
    """Write the rows of each model; the file appears when all are written, in place of an older one."""
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        write_lines(part, [{"model": side, **row} for side, found in measured.items() for row in _rows(found)])
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def _rows(measured: Measured) -> Iterator[dict[str, Any]]:
    """A classifier's predictions; else the sums of each row, with its answer where one was written."""
    if measured.tokens is None:
        yield from measured.predictions
        return
    answers = measured.predictions or [{}] * len(measured.tokens.places)
    for sums, answer in zip(_sums(measured.tokens), answers, strict=True):
        yield {**sums, **answer}


def _sums(rows: TokenRows) -> Iterator[dict[str, Any]]:
    for index, (path, line) in enumerate(rows.places):
        nats, tokens, n_bytes = float(rows.losses[index]), int(rows.tokens[index]), int(rows.n_bytes[index])
        found = {"path": path, "line": line, "nats": nats, "tokens": tokens, "bytes": n_bytes}
        yield {**found, "perplexity": perplexity(nats / tokens)} if tokens else found
