"""Readers of line-based files: JSON Lines, CSV and plain text. Each streams, and knows the line of every row.

Files are UTF-8. A UTF-8 byte order mark at the start (spreadsheets write one) is skipped; any other encoding, and NUL
bytes, are errors with their line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from afinar.data.json_values import parse_object
from afinar.data.rows import Row
from afinar.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
LARGEST_CELL = 2**31 - 1  # characters; the csv module's own limit of 131,072 cuts off ordinary documents

_quoted = re.compile(r'"[^"]*"')


def decode(raw: bytes, path: str, line: int) -> str:
    """The UTF-8 text of `raw`, whose first byte stands in `line`. Raises DataError for other bytes and for NUL."""
    if b"\0" in raw:
        raise DataError("data.nul", path=path, line=line + raw.count(b"\n", 0, raw.index(b"\0")))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = line + raw.count(b"\n", 0, error.start)
        raise DataError("data.encoding", path=path, line=bad, byte=f"0x{raw[error.start]:02x}") from None


def lines(path: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line, line ends kept. Only a line feed (with or without carriage return) ends a line."""
    try:
        with open(path, "rb") as stream:
            for number, raw in enumerate(stream, start=1):
                yield number, decode(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, path, number)
    except OSError as error:
        raise DataError("data.unreadable", path=path, reason=error.strerror or str(error)) from error


def read_bytes(path: str) -> bytes:
    """The whole file without a UTF-8 byte order mark."""
    try:
        return Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DataError("data.unreadable", path=path, reason=error.strerror or str(error)) from error


def read_jsonl(path: str) -> Iterator[Row]:
    """One JSON object a line; blank lines are skipped."""
    for number, text in lines(path):
        if text.strip():
            yield Row(parse_object(text, path, number), path, number)


def read_txt(path: str) -> Iterator[Row]:
    """Paragraphs where the file separates them by blank lines, else one row a line; each becomes the column `text`.

    The lines of a paragraph stay as they are, so that verses and hard-wrapped prose keep their breaks.
    """
    paragraphs = _has_paragraphs(path)
    gathered: list[str] = []
    first = 0
    for number, text in chain(lines(path), [(0, "")]):  # the last, empty line closes the last paragraph
        if text.strip():
            first = first if gathered else number
            gathered.append(text.rstrip("\r\n"))
        if gathered and (not paragraphs or not text.strip()):
            yield Row({"text": "\n".join(gathered)}, path, first)
            gathered = []


def _has_paragraphs(path: str) -> bool:
    """Whether a blank line stands between two lines of text."""
    seen_text = seen_gap = False
    for _, text in lines(path):
        if text.strip() and seen_gap:
            return True
        seen_text = seen_text or bool(text.strip())
        seen_gap = seen_text and not text.strip()
    return False


def read_csv(path: str) -> Iterator[Row]:
    """A header, then records of as many cells; the delimiter (comma, semicolon, tab, bar) is read off the header.

    All values are strings. A quoted cell may hold delimiters and line breaks; `line` is where its record begins.
    """
    numbered = lines(path)
    first = next(((number, text) for number, text in numbered if text.strip()), None)
    if first is None:
        return
    skipped = first[0] - 1
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_CELL))
    reader = csv.reader(chain([first[1]], (text for _, text in numbered)), delimiter=_delimiter(first[1]), strict=True)
    header = _header(next(_records(reader, path, skipped))[1], path, first[0])
    for line, cells in _records(reader, path, skipped):
        if len(cells) != len(header):
            raise DataError("data.csv_ragged", path=path, line=line, got=len(cells), expected=len(header))
        yield Row(dict(zip(header, cells, strict=True)), path, line)


def _records(reader: Any, path: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Line of the beginning and cells of each record that is not blank; `skipped` lines were left out before."""
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError("data.csv", path=path, line=line, reason=str(error)) from None
        if cells:
            yield line, cells


def _delimiter(header: str) -> str:
    """The delimiter that stands most often outside quotation marks in the header; a comma where none does."""
    return max(DELIMITERS, key=_quoted.sub("", header).count)


def _header(cells: list[str], path: str, line: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DataError("data.csv_header", path=path, line=line, column=name)
    return names
