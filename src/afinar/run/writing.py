"""A folder that is written whole or not at all: beside its place first, then renamed.

with whole_folder("merged", needed_bytes=9_000_000) as part:
    model.save_pretrained(part)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from afinar import messages
from afinar.errors import RefusedError, ResourceError

SPARE = 1.02  # the tokenizer, the card and the file system's own tables come on top of the weights


def check_free(directory: str | Path) -> Path:
    """The place of a new folder. Raises RefusedError where something lies there already; an empty folder may."""
    place = Path(directory).expanduser().absolute()
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise RefusedError("exporting.not_empty", path=str(directory))
    return place


def check_space(place: Path, needed_bytes: int) -> None:
    """Raise ResourceError where the disk of `place` has not `needed_bytes` left."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed_bytes * SPARE > free:
        raise ResourceError("exporting.no_space", path=str(place), needed=gigabytes(needed_bytes), free=gigabytes(free))


@contextmanager
def whole_folder(directory: str | Path, *, needed_bytes: int = 0) -> Iterator[Path]:
    """A folder to write into; it becomes `directory` if the block ends well, and is removed if it does not.

    Raises RefusedError for a `directory` that is not empty, ResourceError where `needed_bytes` are not free.
    """
    place = check_free(directory)
    check_space(place, needed_bytes)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        yield part
        check_free(place)
        if place.is_dir():
            place.rmdir()
        os.replace(part, place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def gigabytes(count: int) -> str:
    """Bytes for a person: `9.7 MB`, `14.5 GB`."""
    return f"{messages.number(count / 1e9, 1)} GB" if count >= 1e9 else f"{messages.number(count / 1e6, 1)} MB"
