"""The run folder: its name, its lock, its checkpoints, and the small files that the pipeline writes.

runs/<date>_<n>/  config.yaml  env.json  metrics.jsonl  results.json  predictions.jsonl  README.md
                  checkpoint-N/   adapter/ or model/
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from afinar.data.examples import Examples
from afinar.errors import RefusedError

CONFIG, ENV, METRICS, RESULTS = "config.yaml", "env.json", "metrics.jsonl", "results.json"
PREDICTIONS, CARD, LOCK = "predictions.jsonl", "README.md", ".lock"
EXPORTS = ("adapter", "model")
PACKAGES = ("afinar", "torch", "transformers", "tokenizers", "datasets", "accelerate", "safetensors", "numpy")


def new_folder(output: str | Path) -> Path:
    """Make `output/<date>_<n>` with the first free n; safe against another run that starts at the same moment."""
    parent = Path(output)
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / f"{date.today().isoformat()}_{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def newest_unfinished(output: str | Path) -> Path | None:
    """The newest run under `output` that has a config and no results."""
    parent = Path(output)
    runs = [path.parent for path in parent.glob(f"*/{CONFIG}") if not (path.parent / RESULTS).exists()]
    return max(runs, key=lambda run: ((run / CONFIG).stat().st_mtime_ns, run.name), default=None)


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole: `trainer_state.json` is written last and must be readable."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    whole = [path for path in found if _is_json(path / "trainer_state.json")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def export_folder(run: Path) -> Path | None:
    """Where a finished run keeps what it trained: `adapter/` or `model/`."""
    return next((run / name for name in EXPORTS if (run / name).is_dir()), None)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep `folder` to this process. Raises RefusedError where another one is training in it."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RefusedError("run.folder_in_use", path=str(folder)) from error
    try:
        yield
    finally:
        lock.release()
        (folder / LOCK).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people: indented, accents as they are; whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source folder that is not installed
            continue
    return found


def fingerprint(examples: Examples) -> str:
    """SHA-256 over tokens, labels and weights of `examples`, in their order: whether a resumed run sees the same data."""
    digest = hashlib.sha256()
    for example in examples.examples:
        digest.update(np.asarray(example.input_ids, dtype="<i4").tobytes())
        digest.update(np.asarray(example.labels, dtype="<i4").tobytes() + b"|")
        if example.weights is not None:
            digest.update(np.asarray(example.weights, dtype="<f4").tobytes() + b"w")
    return digest.hexdigest()


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
