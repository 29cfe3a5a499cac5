"""The page on statistics: its code runs, and its tables are what the tests give."""

from __future__ import annotations

from pathlib import Path

import pytest

from afinar.metrics.paired import mcnemar
from tests.audit.planted import power_of_flips
from tests.test_docs import EN, PT, blocks, table

PAGES = pytest.mark.parametrize("page", [EN["statistics.md"], PT["statistics.md"]], ids=["en", "pt"])


@PAGES
def test_its_code_runs(page: Path, capsys: pytest.CaptureFixture[str]):
    for block in blocks(page, "python"):
        exec(compile(block.text, block.place, "exec"), {})
    assert capsys.readouterr().out == "12 3 0.035156250000000014 better\n"


@PAGES
def test_its_table_of_flips_is_the_test_s(page: Path):
    for broke, fixed in table(page, "broke" if page == EN["statistics.md"] else "estragadas"):
        assert mcnemar(int(fixed), int(broke)) <= 0.05
        assert mcnemar(int(fixed) - 1, int(broke)) > 0.05


@PAGES
def test_its_table_of_cases_has_a_power_of_four_fifths(page: Path):
    rows = table(page, "fail before" if page == EN["statistics.md"] else "falham antes")
    assert len(rows) == 5
    for before, after, cases in rows:
        p_before = 0.0 if before in ("none", "nenhum") else int(before.rstrip("%")) / 100
        p_after = int(after.rstrip("%")) / 100
        assert power_of_flips(int(cases), p_before, p_after) >= 0.8
        assert power_of_flips(int(cases) - 5, p_before, p_after) < 0.8  # in steps of five
