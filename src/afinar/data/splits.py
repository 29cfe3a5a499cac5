"""Which files or parts of a source are for training and which are held out, told by their names.

A folder or a hub data set often holds several splits (train.jsonl beside valid.jsonl, train-00000-of-00002.parquet beside
validation-00000-of-00001.parquet, train/ beside test/). Reading all of them as training data would train on the held-out rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from afinar.errors import DataError

NAMES = {
    "train": ("train", "training", "treino"),
    "valid": ("valid", "validation", "val", "dev", "validacao", "validação"),
    "test": ("test", "teste"),
}


def split_of(path: PurePath) -> str | None:
    """The split that a file's name begins with, or that its folder is called; None where neither names one."""
    for name in (re.split(r"[-_.]", path.name)[0], path.parent.name):
        for split, names in NAMES.items():
            if name.casefold() in names:
                return split
    return None


def pick_split(available: Sequence[str], wanted: str, *, path: str) -> str:
    """The name among `available` that stands for `wanted`. Held-out rows (`valid`) are taken from a test split where
    that is the only one held out. Raises DataError where nothing fits.
    """
    for kind in ("valid", "test") if wanted == "valid" else (wanted,):
        for name in (wanted, *NAMES.get(kind, ())):
            if name in available:
                return name
    raise DataError("data.no_split", path=path, split=wanted, found=", ".join(available))


def choose_files(files: Sequence[PurePath], wanted: str, *, root: str) -> list[PurePath]:
    """The files of the split `wanted`. Where no name tells held-out files apart, all of them are every split's; where one
    does, files that name no split are training data.
    """
    kinds = {file: split_of(file) or "train" for file in files}
    found = sorted(set(kinds.values()))
    if found == ["train"]:
        return list(files)
    kind = pick_split(found, wanted, path=root)
    return [file for file in files if kinds[file] == kind]
