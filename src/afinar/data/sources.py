"""Where rows come from: files, folders of them, bundled sets, hub data sets, and rows given in Python.

    for row in read("resenhas/train.jsonl"):
        row.values, row.path, row.line

Reading streams; whatever is wrong with a source is a :class:`~afinar.errors.DataError` with its path and line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from afinar.data import bundled, hub
from afinar.data.json_files import read_json
from afinar.data.parquet_files import read_parquet
from afinar.data.rows import Row, python_row
from afinar.data.splits import NAMES, choose_files, split_of
from afinar.data.text_files import read_csv, read_jsonl, read_txt
from afinar.errors import DataError

__all__ = ["Row", "has_split", "read"]

READERS: dict[str, Callable[[str], Iterator[Row]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".txt": read_txt,
}
NOT_DATA = ("readme", "license", "licence", "licenca", "licença")  # texts that lie beside data


def read(source: Any, *, split: str = "train", offline: bool = False) -> Iterator[Row]:
    """The rows of `source`, streamed.

    Args:
        source: A file (.jsonl, .ndjson, .json, .csv, .tsv, .parquet, .txt), a folder of files of one kind, a bundled set
            (afinar/sentimento, afinar/instrucoes), a hub name (`owner/name`, also `owner/name:config` and
            `owner/name@split`), a `datasets` object, an iterable of dicts, or torch's Dataset of them.
        split: "train", "valid" or "test"; which part to read where a source has several. A single file has one.
        offline: Never use the network; hub data sets come from the local cache or not at all.

    Raises:
        DataError: The source does not exist, is empty, or is broken; `path` and `line` say where.
    """
    if isinstance(source, str | os.PathLike):
        return _named(os.fspath(source), split, offline)
    if hub.is_datasets_object(source):
        return _not_empty(hub.dataset_rows(source, split), "<Dataset>")
    numbered = isinstance(source, Sized) and hasattr(source, "__getitem__")
    if (isinstance(source, Iterable) or numbered) and not isinstance(source, bytes | Mapping):
        return _not_empty(_python_rows(source), f"<{type(source).__name__}>")
    raise DataError("data.source", got=type(source).__name__)


def has_split(source: Any, split: str, *, offline: bool = False) -> bool:
    """Whether `source` has a part of its own for `split`: a bundled set, a folder or a data set with named splits."""
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if bundled.is_bundled(name):
            return split in bundled.SPLITS
        if os.path.isdir(name):
            return any(split_of(file.relative_to(name)) == split for file in _files(Path(name)))
        if os.path.exists(name) or not _tries_hub(name):
            return False
        source = hub.load(name, offline=offline)
    return hub.is_datasets_object(source) and isinstance(source, Mapping) and any(name in source for name in NAMES[split])


def _named(source: str, split: str, offline: bool) -> Iterator[Row]:
    if bundled.is_bundled(source):
        return _file_rows(str(bundled.path(source, split)))
    if os.path.isdir(source):
        return _folder_rows(source, split)
    if os.path.exists(source):
        return _file_rows(source)
    if _tries_hub(source):
        return _not_empty(hub.hub_rows(source, split, offline=offline), source)
    raise DataError("data.not_found", path=source)


def _tries_hub(source: str) -> bool:
    """Whether a name without a local file may be a hub data set; `train.jsonl` and `data/train.csv` are lost files."""
    return hub.is_hub_name(source) and os.path.splitext(source)[1].lower() not in READERS


def _file_rows(path: str) -> Iterator[Row]:
    reader = READERS.get(os.path.splitext(path)[1].lower())
    if reader is None:
        raise DataError("data.extension", path=path, allowed=", ".join(READERS))
    if not os.path.isfile(path):
        raise DataError("data.not_a_file", path=path)
    return _not_empty(reader(path), path)


def _folder_rows(folder: str, split: str) -> Iterator[Row]:
    """The rows of the folder's files, by sorted path; files of two kinds are refused, as one of them is likely no data."""
    files = _files(Path(folder))
    if not files:
        raise DataError("data.empty_folder", path=folder, allowed=", ".join(READERS))
    chosen = choose_files([file.relative_to(folder) for file in files], split, root=folder)
    if len({file.suffix.lower() for file in chosen}) > 1:
        raise DataError("data.mixed_folder", path=folder, names=", ".join(str(file) for file in chosen[:6]))
    for file in chosen:
        yield from _file_rows(os.path.join(folder, file))


def _files(folder: Path) -> list[Path]:
    """The data files below `folder`, sorted; hidden ones and READMEs are none."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(file for file in found if file.suffix.lower() in READERS and file.stem.casefold() not in NOT_DATA)


def _python_rows(source: Any) -> Iterator[Row]:
    path = f"<{type(source).__name__}>"
    for number, values in enumerate(each(source), start=1):
        yield python_row(values, path, number)


def each(source: Any) -> Iterator[Any]:
    """The items of an iterable, or of a data set that has a length and numbers but no iterator (torch's Dataset)."""
    if hub.is_datasets_object(source):
        return hub.in_order(source)
    return iter(source) if isinstance(source, Iterable) else (source[number] for number in range(len(source)))


def _not_empty(rows: Iterator[Row], path: str) -> Iterator[Row]:
    """`rows`, with an error where there are none."""
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise DataError("data.empty", path=path)
