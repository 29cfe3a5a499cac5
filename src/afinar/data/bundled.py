"""The data sets that ship with the package: `afinar/sentimento` (reviews with a label) and `afinar/instrucoes`
(instruction and answer). Written for this project, in Brazilian Portuguese, under CC BY 4.0.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from afinar.errors import DataError

PREFIX = "afinar/"
NAMES = ("sentimento", "instrucoes")
SPLITS = ("train", "valid")


def is_bundled(source: str) -> bool:
    """Whether `source` has the form of a bundled set's name; a local folder of the same name is reached as ./afinar/..."""
    return source.startswith(PREFIX)


def path(source: str, split: str) -> Path:
    """The file of `split` ("train" or "valid") of a bundled set. Raises DataError for another set or split."""
    name = source.removeprefix(PREFIX)
    if name not in NAMES:
        nearest = (get_close_matches(name, NAMES, n=1, cutoff=0.3) or NAMES[:1])[0]
        names = ", ".join(PREFIX + known for known in NAMES)
        raise DataError("data.bundled", path=source, names=names, nearest=PREFIX + nearest)
    if split not in SPLITS:
        raise DataError("data.no_split", path=source, split=split, found=", ".join(SPLITS))
    return Path(__file__).parent / "bundled" / name / f"{split}.jsonl"
