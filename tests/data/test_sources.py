from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from afinar.data.sources import has_split, read
from tests.data.raising import raises


def jsonl(path: Path, *texts: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def texts(source: object, **options: object) -> list[str]:
    return [row.values["text"] for row in read(source, **options)]  # type: ignore[arg-type]


def test_a_folder_is_read_in_sorted_order_below_it_too(tmp_path: Path) -> None:
    jsonl(tmp_path / "b.jsonl", "2")
    jsonl(tmp_path / "c" / "a.jsonl", "3")
    jsonl(tmp_path / "a.jsonl", "1")
    (tmp_path / "README.txt").write_text("not data")
    (tmp_path / ".hidden.jsonl").write_text("not data")
    assert texts(tmp_path) == ["1", "2", "3"]
    assert texts(tmp_path, split="valid") == ["1", "2", "3"]  # no name tells held-out files apart
    assert not has_split(tmp_path, "valid")


@pytest.mark.parametrize("names", [("train.jsonl", "valid.jsonl"), ("train-00000-of-00001.jsonl", "validation-0.jsonl")])
def test_a_folder_with_splits_never_trains_on_the_held_out_files(tmp_path: Path, names: tuple[str, str]) -> None:
    jsonl(tmp_path / names[0], "treino")
    jsonl(tmp_path / names[1], "fora")
    jsonl(tmp_path / "more.jsonl", "também")
    assert sorted(texts(tmp_path)) == ["também", "treino"]
    assert texts(tmp_path, split="valid") == ["fora"]
    assert has_split(str(tmp_path), "valid")


def test_held_out_rows_come_from_a_test_split_where_it_is_the_only_one(tmp_path: Path) -> None:
    jsonl(tmp_path / "train" / "x.jsonl", "treino")
    jsonl(tmp_path / "test" / "x.jsonl", "teste")
    assert texts(tmp_path) == ["treino"]
    assert texts(tmp_path, split="valid") == ["teste"]
    assert not has_split(tmp_path, "valid")  # training does not look at a test split of its own accord


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    jsonl(tmp_path / "test.jsonl", "teste")
    with raises("no_split", path=str(tmp_path), split="train", found="test"):
        list(read(tmp_path))


def test_a_folder_without_data_or_with_two_kinds(tmp_path: Path) -> None:
    with raises("empty_folder", path=str(tmp_path)):
        list(read(tmp_path))
    jsonl(tmp_path / "a.jsonl", "1")
    (tmp_path / "b.csv").write_text("text\n2\n")
    with raises("mixed_folder", path=str(tmp_path), names="a.jsonl, b.csv"):
        list(read(tmp_path))


def test_an_empty_file_in_a_folder_is_an_error(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", "1")
    jsonl(tmp_path / "b.jsonl")
    with raises("empty", path=str(tmp_path / "b.jsonl")):
        list(read(tmp_path))


@pytest.mark.parametrize("source", ["nothing/here/a.jsonl", "a.jsonl", "./nothing", "~/nothing", "../nothing"])
def test_a_lost_file_is_not_sought_on_the_hub(source: str) -> None:
    with raises("not_found", path=source):
        list(read(source))


def test_kinds_of_files_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK")
    with raises("extension", path=str(path)):
        list(read(path))
    fifo = tmp_path / "a.jsonl"
    os.mkfifo(fifo)
    with raises("not_a_file", path=str(fifo)):
        list(read(fifo))


def test_bundled_sets_are_there_in_both_splits() -> None:
    for name, columns in (("sentimento", {"text", "label"}), ("instrucoes", {"messages"})):
        for split in ("train", "valid"):
            found = list(read(f"afinar/{name}", split=split))
            assert len(found) >= 30
            assert all(columns <= set(row.values) for row in found)
        assert has_split(f"afinar/{name}", "valid")


def test_an_unknown_bundled_set_names_the_nearest() -> None:
    with raises("bundled", path="afinar/sentimentos", nearest="afinar/sentimento"):
        read("afinar/sentimentos")
    with raises("no_split", path="afinar/sentimento", split="test"):
        read("afinar/sentimento", split="test")


def test_rows_given_in_python() -> None:
    assert [tuple(row) for row in read(iter([{"text": "a"}, {"text": "b"}]))][1][0] == {"text": "b"}
    row = next(iter(read([{"text": "a"}])))
    assert (row.path, row.line) == ("<list>", 1)
    with raises("not_object", path="<list>", line=2, got="str"):
        list(read([{"text": "a"}, "b"]))
    with raises("not_object", line=1):
        list(read([{1: "a"}]))
    with raises("empty", path="<list>"):
        list(read([]))
    for wrong in (7, None, b"text", {"text": ["a"]}):
        with raises("source", got=type(wrong).__name__):
            read(wrong)


def parquet(path: Path, rows: int = 3000) -> bytes:
    table = pyarrow.table(
        {"text": [f"texto {number}" for number in range(rows)], "label": [number % 2 for number in range(rows)]}
    )
    pyarrow.parquet.write_table(table, path, row_group_size=1000)
    return path.read_bytes()


def test_parquet_rows_are_numbered(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet")
    found = list(read(tmp_path / "a.parquet"))
    assert [found[i].values["text"] for i in (0, 1500, 2999)] == ["texto 0", "texto 1500", "texto 2999"]
    assert [row.line for row in found] == list(range(1, 3001))


def test_damaged_parquet_is_named_with_the_row_reached(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    whole = parquet(path)
    path.write_bytes(whole[: len(whole) // 2])
    with raises("parquet", path=str(path), line=1):
        list(read(path))
    path.write_bytes(b"")
    with raises("parquet", path=str(path), line=1):
        list(read(path))
    damaged = bytearray(whole)  # the second row group's pages
    middle = len(whole) // 2
    damaged[middle : middle + 400] = bytes(400)
    path.write_bytes(damaged)
    with raises("parquet", path=str(path)):
        list(read(path))


def test_parquet_without_rows_or_with_a_column_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(path, rows=0)
    with raises("empty", path=str(path)):
        list(read(path))
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    pyarrow.parquet.write_table(twice, path)
    with raises("csv_header", path=str(path), column="text"):
        list(read(path))
