"""The page of the docs that shows the techniques side by side: its cells are the table's."""

from __future__ import annotations

from pathlib import Path

import pytest

from afinar import messages
from afinar.cli.methods import MARKS, in_bytes, in_percent
from afinar.models.config import ModelConfig
from afinar.run.table import techniques

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_cells_are_those_of_the_command(language: messages.Language) -> None:
    messages.use(language)
    text = (DOCS / language / "techniques.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line.startswith("| [`")]
    expected = [
        [
            f"[`{row.name}`](methods/{row.name}.md)",
            messages.number(row.trainable, 0),
            in_percent(row.share),
            in_bytes(row.extra_bytes),
            *("✓" if getattr(row, name) else "–" for name in MARKS),
        ]
        for row in techniques(ModelConfig(name="afinar-mini", dtype="bfloat16"))
    ]
    assert [row for row in rows if len(row) > 4] == expected
