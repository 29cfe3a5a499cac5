from __future__ import annotations

from pathlib import Path

import pytest

from afinar.data.sources import read
from tests.data.raising import raises


def rows(folder: Path, content: str) -> list[tuple[dict, int]]:
    path = folder / "a.json"
    path.write_text(content, encoding="utf-8")
    return [(row.values, row.line) for row in read(str(path))]


def test_an_array_gives_each_object_with_its_line(tmp_path: Path) -> None:
    assert rows(tmp_path, ' [\n {"text": "a"},\n\n {"text":\n "b"} , {"text": "c"}\n]\n') == [
        ({"text": "a"}, 2),
        ({"text": "b"}, 4),
        ({"text": "c"}, 5),
    ]


def test_an_object_with_one_list_of_objects_inside(tmp_path: Path) -> None:
    content = '{"version": [1, 2], "note": {"data": []},\n "data": [\n {"text": "a"},\n {"text": "b"}]}'
    assert rows(tmp_path, content) == [({"text": "a"}, 3), ({"text": "b"}, 4)]


def test_json_lines_under_the_name_json(tmp_path: Path) -> None:
    assert rows(tmp_path, '{"text": "a"}\n{"text": "b"}\n') == [({"text": "a"}, 1), ({"text": "b"}, 2)]


def test_a_single_conversation_is_a_row_not_a_list_of_rows(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "oi"}]}
    assert rows(tmp_path, '\n{"messages": [{"role": "user", "content": "oi"}]}') == [(row, 2)]


@pytest.mark.parametrize(
    ("content", "key", "line"),
    [
        ('[\n{"text": "a"},\n{"text" "b"}]', "json", 3),
        ('[\n{"text": "a"}\n{"text": "b"}]', "json", 3),
        ('[{"text": "a"},\n', "json", 2),
        ('[{"text": "a"}', "json", 1),
        ('[{"text": "a"}]\n\nx', "json", 3),
        ('[\n{"text": "a"},\n7]', "not_object", 3),
        ('\n"a"', "not_object", 2),
        ('{"train": [{"text": "a"}],\n "valid": [{"text": "b"}]}', "json_lists", 1),
        ('{"text": "a"}\n{"text": "b"', "json", 2),
        ('{"text": "a",\n "text": "b"}', "json_duplicate", 1),
        ('[{"text": "a"},\n' + "[" * 100_000, "json_depth", 2),
        ("[]", "empty", None),
        ("{}", "columns", None),
        ("  \n", "empty", None),
    ],
)
def test_broken_json_is_named_with_its_line(tmp_path: Path, content: str, key: str, line: int | None) -> None:
    if key == "columns":
        assert rows(tmp_path, content) == [({}, 1)]
        return
    with raises(key, path=str(tmp_path / "a.json"), **({} if line is None else {"line": line})):
        rows(tmp_path, content)


def test_wrong_bytes_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"text": "a"},\n{"text": "\xe7"}]')
    with raises("encoding", path=str(path), line=2, byte="0xe7"):
        list(read(path))
    path.write_bytes(b'[{"text": "a"},\n\n{"text": "\0"}]')
    with raises("nul", path=str(path), line=3):
        list(read(path))
