"""Whatever bytes a file holds, reading it gives rows or a DataError that can be printed; nothing else is ever raised."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afinar.data.chat import Encoder
from afinar.data.loading import load
from afinar.data.sources import read
from afinar.data.tokenised import TokenReader, TokenRows
from afinar.errors import DataError
from tests.tiny import tiny_tokenizer

ROWS = [{"text": 'maçã, "pera"\ne uva', "label": 1}, {"text": "não", "label": 0}, {"text": "x" * 40, "label": 1}]


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


SEEDS = {
    "a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "b.jsonl": b'{"messages": [{"role": "user", "content": "oi"}, {"role": "assistant", "content": "ol\\u00e1"}]}\n' * 2,
    "c.jsonl": b'{"conversations": [{"from": "human", "value": "oi"}, {"from": "gpt", "value": "tchau"}], "id": NaN}\n',
    "d.json": json.dumps(ROWS, indent=1).encode(),
    "e.json": json.dumps({"version": 1, "data": ROWS}).encode(),
    "f.csv": 'text,label\n"maçã, ""pera""\ne uva",1\nnão,0\n'.encode(),
    "g.csv": b"instruction;input;output\nSome;1 e 1;2\nDiga;;oi\n",
    "h.txt": "um\ndois\n\ntrês ção\n".encode(),
    "i.parquet": _parquet(),
}
PIECES = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b'"',
    b"\n",
    b"\r",
    b"[",
    b"{",
    b"}",
    b",",
    b"NaN",
    b"null",
    b"\\ud800",
    b"1e999",
    b"-",
    b":",
]

EDITS = st.lists(
    st.tuples(st.sampled_from(["put", "cut", "flip"]), st.floats(0, 1), st.sampled_from(PIECES), st.integers(1, 60)),
    min_size=1,
    max_size=5,
)


def mutated(content: bytes, edits: list[tuple[str, float, bytes, int]]) -> bytes:
    for kind, place, piece, length in edits:
        at = int(place * len(content))
        if kind == "put":
            content = content[:at] + piece + content[at:]
        elif kind == "cut":
            content = content[:at] + content[at + length :]
        elif content:
            at = min(at, len(content) - 1)
            content = content[:at] + bytes([content[at] ^ (length % 255 + 1)]) + content[at + 1 :]
    return content


def rows_or_error(read_all: Any) -> None:
    found: DataError | None = None
    try:
        read_all()
    except DataError as error:
        found = error
    if found is not None:
        assert found.values["path"]
        assert f"{found.message} {found.hint}".encode()  # can be printed


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(tiny_tokenizer())


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_themselves_load(name: str, tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / name).write_bytes(SEEDS[name])
    assert load(str(tmp_path / name), encoder, format="auto", task="auto", split="train", offline=True).rows


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_mutated_files_give_rows_or_a_data_error(name: str, edits: list, tmp_path: Path, encoder: Encoder) -> None:
    path = tmp_path / name
    path.write_bytes(mutated(SEEDS[name], edits))
    rows_or_error(lambda: list(read(str(path))))
    rows_or_error(lambda: load(str(path), encoder, format="auto", task="auto", split="train", offline=True))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".txt", ".parquet"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_give_rows_or_a_data_error(suffix: str, content: bytes, tmp_path: Path, encoder: Encoder) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    rows_or_error(lambda: load(str(path), encoder, format="auto", task="auto", split="train", offline=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["user", "gpt", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "type", "text", "tool_calls"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
COLUMNS = [
    "text",
    "label",
    "messages",
    "conversations",
    "prompt",
    "completion",
    "instruction",
    "input",
    "output",
    "weight",
    "tools",
    "\ud800",
    "",
]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), JSON, max_size=4), max_size=3))
def test_any_values_in_any_columns_give_rows_or_a_data_error(rows: list[dict], encoder: Encoder) -> None:
    for prompts in (False, True):
        rows_or_error(
            lambda prompts=prompts: load(
                rows, encoder, format="auto", task="auto", split="train", offline=True, prompts=prompts
            )
        )


NUMBERS = st.integers() | st.floats() | st.booleans() | st.sampled_from([-100, 0, 1, 5])
VALUES = JSON | NUMBERS | st.lists(NUMBERS, max_size=4) | st.lists(st.sampled_from([-100, 0, 1, 5]), min_size=3, max_size=3)
TOKEN_COLUMNS = [
    "labels",
    "label",
    "attention_mask",
    "completion_mask",
    "assistant_masks",
    "weight",
    "weights",
    "position_ids",
    "seq_lengths",
]


@settings(max_examples=300)
@given(ids=VALUES, values=st.dictionaries(st.sampled_from(TOKEN_COLUMNS), VALUES, max_size=4))
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_any_values_in_tokenised_columns_give_rows_or_a_data_error(task: str, ids: Any, values: dict) -> None:
    found: list[Any] = []
    rows_or_error(lambda: found.extend(TokenRows([{"input_ids": ids, **values}], TokenReader(task, 3, classes=2))))
    for row in found:
        assert 0 < len(row["input_ids"]) <= 3
        assert np.ndim(row["labels"]) == 0 or len(row["labels"]) == len(row["input_ids"])
        assert (np.asarray(row.get("weights", 1.0)) >= 0).all()
