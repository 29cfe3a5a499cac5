"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from afinar.errors import RefusedError, ResourceError
from afinar.run.writing import check_space, whole_folder


def test_it_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder"
    with whole_folder(place) as part:
        (part / "file").write_text("x")
        assert not place.exists()
        assert part.parent == place.parent  # a rename on one disk
    assert [path.name for path in place.iterdir()] == ["file"]
    assert [path.name for path in place.parent.iterdir()] == ["folder"]
    assert place.stat().st_mode & 0o777 == 0o777 & ~_umask()


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "a") as part:
        _move(part / "not there", part / "file")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with whole_folder(tmp_path / "a") as part:
        (part / "file").write_text("x")
    assert (tmp_path / "a" / "file").is_file()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("a", "file", "link"):
        with pytest.raises(RefusedError) as caught, whole_folder(tmp_path / name):
            pass
        assert caught.value.key == "exporting.not_empty"
    (tmp_path / "meanwhile").mkdir()
    (tmp_path / "meanwhile" / "file").write_text("mine")
    with pytest.raises(RefusedError), whole_folder(tmp_path / "b"):
        _move(tmp_path / "meanwhile", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "file", "link"]


def test_the_disk_is_looked_at_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000_000))
    check_space(tmp_path / "not" / "yet", 9_000_000)
    with pytest.raises(ResourceError) as caught:
        check_space(tmp_path / "not" / "yet", 9_900_000)  # 2 % are kept for what comes beside
    assert caught.value.key == "exporting.no_space"
    assert caught.value.values["needed"] == "9.9 MB"
    with pytest.raises(ResourceError) as caught, whole_folder(tmp_path / "a", needed_bytes=14_500_000_000):
        pass
    assert "14.5 GB" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def _move(source: Path, target: Path) -> None:
    source.rename(target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
