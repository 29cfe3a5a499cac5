"""The commands' pages of the docs are the ones that the code makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from afinar import messages
from afinar.cli.commands import COMMANDS
from afinar.cli.reference import reference, write

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_current(language: messages.Language) -> None:
    written = (DOCS / language / "commands.md").read_text(encoding="utf-8")
    assert written == reference(language), "run: python -m afinar.cli.reference"


def test_both_languages_have_the_same_parts(tmp_path: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in write(tmp_path)]
    assert len(pages) == 2
    for page in pages:
        assert all(f"## afinar {name}\n" in page for name in COMMANDS)
        assert "`--training.learning_rate float \\| str`" in page
    assert [page.count("\n| ") for page in pages] == [pages[0].count("\n| ")] * 2
