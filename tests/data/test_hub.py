from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import huggingface_hub.constants
import pytest

from afinar.data import hub
from afinar.data.sources import has_split, read
from tests.data.raising import raises


def labelled(*rows: tuple[str, int]) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """A hub with one data set of three splits; the list fills with what was asked of it."""
    calls: list[tuple] = []
    splits = {name: labelled((name, 0), ("b", 1)).to_iterable_dataset() for name in ("train", "validation", "test")}

    def load_dataset(name: str, config: str | None, *, streaming: bool) -> Any:
        calls.append((name, config, streaming, datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
        return datasets.IterableDatasetDict(splits)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return calls


def test_names_of_class_numbers_are_read_and_unknown_labels_are_none() -> None:
    found = list(read(labelled(("a", 0), ("b", 1), ("c", -1))))
    assert [row.values["label"] for row in found] == ["neg", "pos", None]
    assert [row.line for row in found] == [1, 2, 3]
    assert {row.path for row in found} == {"<Dataset>"}


def test_a_dataset_is_read_as_plain_values_whatever_its_format() -> None:
    assert next(iter(read(labelled(("a", 1)).with_format("numpy")))).values == {"text": "a", "label": "pos"}


def test_a_dict_of_datasets_has_splits() -> None:
    parts = datasets.DatasetDict(train=labelled(("a", 0)), validation=labelled(("b", 1)))
    assert [row.values["text"] for row in read(parts)] == ["a"]
    assert [row.values["text"] for row in read(parts, split="valid")] == ["b"]
    assert has_split(parts, "valid")
    assert not has_split(parts, "test")
    assert not has_split(parts["train"], "valid")
    with raises("no_split", found="train, validation"):
        list(read(parts, split="test"))


def test_an_empty_dataset() -> None:
    with raises("empty", path="<Dataset>"):
        list(read(labelled()))


def test_hub_names_are_streamed_with_configuration_and_split(asked: list[tuple]) -> None:
    assert [row.values["text"] for row in read("owner/name:pt", split="valid")] == ["validation", "b"]
    assert [row.path for row in read("name@test")] == ["name@test"] * 2
    assert [row.values["text"] for row in read("name@test")] == ["test", "b"]
    assert has_split("owner/name", "valid")
    assert [call[:3] for call in asked[:2]] == [("owner/name", "pt", True), ("name", None, True)]
    with raises("no_split", path="owner/name@dev", found="train, validation, test"):
        list(read("owner/name@dev"))


def test_offline_keeps_the_libraries_off_the_network_and_restores_them(asked: list[tuple]) -> None:
    list(read("owner/name", offline=True))
    assert asked[-1][3:] == (True, True)
    assert (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE) == (False, False)
    list(read("owner/name"))
    assert asked[-1][3:] == (False, False)


def test_a_name_that_is_neither_here_nor_cached_says_that_the_network_is_off() -> None:
    """The real `datasets` under HF_HUB_OFFLINE=1, which all tests set."""
    with raises("hub_offline", path="nobody/nothing"):
        list(read("nobody/nothing"))
    with raises("hub_offline", path="data/resenhas"):
        has_split("data/resenhas", "valid")


def test_a_failing_hub_is_named(monkeypatch: pytest.MonkeyPatch, asked: list[tuple]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'owner/name' doesn't exist on the Hub.\nmore")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with raises("hub", path="owner/name", reason="Dataset 'owner/name' doesn't exist on the Hub."):
        list(read("owner/name"))


def test_a_hub_that_fails_on_the_way_names_the_row(monkeypatch: pytest.MonkeyPatch, asked: list[tuple]) -> None:
    def some_rows() -> Any:
        yield {"text": "a"}
        raise ConnectionError("reset by peer")

    broken = datasets.IterableDatasetDict(train=datasets.IterableDataset.from_generator(some_rows))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: broken)
    with raises("hub_row", path="owner/name", line=2, reason="reset by peer"):
        list(read("owner/name"))


def test_a_cached_set_is_read_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that `datasets` stored before, found again through its own cache; a stored hub set lies below owner___name."""
    source = tmp_path / "stored"
    source.mkdir()
    (source / "train.jsonl").write_text('{"text": "guardado"}\n')
    cache = tmp_path / "cache"
    datasets.load_dataset(str(source), cache_dir=str(cache))
    (cache / "stored").rename(cache / "owner___stored")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    assert [row.values for row in read("owner/stored")] == [{"text": "guardado"}]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("imdb", True),
        ("owner/name", True),
        ("owner/name:pt@test", True),
        ("a/b/c", False),
        ("./x", False),
        ("/x", False),
        ("", False),
    ],
)
def test_the_form_of_hub_names(name: str, is_one: bool) -> None:
    assert hub.is_hub_name(name) is is_one
