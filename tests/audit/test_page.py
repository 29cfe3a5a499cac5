"""What the page on audits says can be run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from afinar import config

PAGES = Path(__file__).parents[2] / "docs"


def code(language: str) -> str:
    [block] = re.findall(r"```(?:yaml)\n(.*?)```", (PAGES / language / "audit.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(block)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_section_loads(language: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(code(language), encoding="utf-8")
    assert config.load(path, environ={}).audit.suite == "afinar/sentimento"


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (PAGES / "en" / "audit.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {})
    code, share = capsys.readouterr().out.split()
    kept = json.loads((tmp_path / "audits" / "hoje" / "audit.json").read_text(encoding="utf-8"))
    assert int(code) == kept["exit_code"]
    assert float(share) == kept["suites"][0]["categories"]["claras"]["model"]["share"]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_key_of_the_files_is_documented(language: str) -> None:
    from afinar.audit.summary import summarise
    from afinar.audit.writing import Report
    from tests.audit.outcomes import audit, scored

    text = (PAGES / language / "audit.md").read_text(encoding="utf-8")
    report = Report((summarise(audit({"um": "pf"}, {"um": "fp"})), summarise(scored(0.2))))
    [line, *_] = report.lines()
    first = report.as_dict()
    keys = {*line, *first, *first["suites"][0], *first["suites"][0]["categories"]["um"]["model"]}
    assert {key for key in keys if f"`{key}`" not in text and f"`{key}: 1`" not in text} == set()
