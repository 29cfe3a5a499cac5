from __future__ import annotations

from pathlib import Path

import pytest

from afinar.data.sources import read
from tests.data.raising import raises


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def rows(path: str) -> list[tuple[dict, int]]:
    found = list(read(path))
    assert {row.path for row in found} == {path}
    return [(row.values, row.line) for row in found]


def test_jsonl_rows_know_their_line_past_blank_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "um"}\n\n  \n{"text": "dois\\u2028três"}\r\n{"text": "quatro"}')
    assert rows(path) == [({"text": "um"}, 1), ({"text": "dois\u2028três"}, 4), ({"text": "quatro"}, 5)]


def test_reading_streams(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "um"}\nbroken')
    stream = read(path)
    assert next(stream).values == {"text": "um"}
    with raises("json", path=path, line=2, column=1):
        next(stream)


@pytest.mark.parametrize(
    ("content", "key", "line"),
    [
        ('{"text": "a"}\n{"text": }\n', "json", 2),
        ('{"text": "a"} {"text": "b"}', "json", 1),
        ('{"text": "a"}\n["a"]', "not_object", 2),
        ('{"text": "a", "text": "b"}', "json_duplicate", 1),
        ('{"text": ' + "[" * 100_000, "json_depth", 1),
        ('{"text": ' + "1" * 5000 + "}", "json", 1),
        (b'{"text": "a"}\n{"text": "\xe9"}', "encoding", 2),
        (b'{"text": "a"}\n\n{"text": "\0"}', "nul", 3),
        ('{"text": "a"}'.encode("utf-16"), "nul", 1),
        ("", "empty", None),
        ("\n \n", "empty", None),
    ],
)
def test_broken_jsonl_is_named_with_its_line(tmp_path: Path, content: str | bytes, key: str, line: int | None) -> None:
    path = written(tmp_path, "a.jsonl", content)
    place = {"path": path} if line is None else {"path": path, "line": line}
    with raises(key, **place):
        list(read(path))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, name: str) -> None:
    body = {"a.jsonl": '{"text": "oi"}', "a.json": '[{"text": "oi"}]', "a.csv": "text\noi\n", "a.txt": "oi"}[name]
    assert next(iter(read(written(tmp_path, name, b"\xef\xbb\xbf" + body.encode())))).values == {"text": "oi"}


def test_txt_has_a_row_a_line_unless_blank_lines_part_paragraphs(tmp_path: Path) -> None:
    plain = written(tmp_path, "lines.txt", "um\ndois\r\n\n")
    assert rows(plain) == [({"text": "um"}, 1), ({"text": "dois"}, 2)]
    verses = written(tmp_path, "verses.txt", "\n\num\ndois\n \n\ntrês\n")
    assert rows(verses) == [({"text": "um\ndois"}, 3), ({"text": "três"}, 7)]


def test_csv_with_quotes_line_breaks_and_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '\ntext,label\n"a, b\nc ""d""",1\n\ne,2\n')
    assert rows(path) == [({"text": 'a, b\nc "d"', "label": "1"}, 3), ({"text": "e", "label": "2"}, 6)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiter_is_read_off_the_header(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, "a.csv", f'text{delimiter}label\n"a{delimiter}b"{delimiter}sim\n')
    assert rows(path) == [({"text": f"a{delimiter}b", "label": "sim"}, 2)]


def test_csv_cells_may_be_documents(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", f"text\n{'a' * 200_000}\n")
    assert len(rows(path)[0][0]["text"]) == 200_000


@pytest.mark.parametrize(
    ("content", "key", "values"),
    [
        ("text,label\na,1\nb\n", "csv_ragged", {"line": 3, "got": 1, "expected": 2}),
        ("text,label\na,1,x\n", "csv_ragged", {"line": 2, "got": 3, "expected": 2}),
        ('text\na\n"b\nc\n', "csv", {"line": 3}),
        ('text\n"a" b\n', "csv", {"line": 2}),
        ("text,text\na,b\n", "csv_header", {"line": 1, "column": "text"}),
        (b"text\na\n\xff\n", "encoding", {"line": 3, "byte": "0xff"}),
        ("text,label\n", "empty", {}),
        ("", "empty", {}),
    ],
)
def test_broken_csv_is_named_with_its_line(tmp_path: Path, content: str | bytes, key: str, values: dict) -> None:
    path = written(tmp_path, "a.csv", content)
    with raises(key, path=path, **values):
        list(read(path))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "a"}')

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with raises("unreadable", path=path, reason="Permission denied"):
        list(read(path))


def test_a_json_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a.json", "[]")

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with raises("unreadable", path=path, reason="Input/output error"):
        list(read(path))
