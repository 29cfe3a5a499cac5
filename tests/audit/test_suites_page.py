"""The reference of suites: its examples load, and it names every key of the format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from afinar import yaml12
from afinar.audit import reading, schema
from afinar.audit.assertions import judging, patterns, refusals, words
from afinar.audit.loading import load_suite
from afinar.audit.meaning import MAX_TEXTS
from afinar.audit.templates import MAX_EXPANSIONS

ROOT = Path(__file__).parents[2]
PAGES = {language: (ROOT / "docs" / language / "suites.md").read_text(encoding="utf-8") for language in ("en", "pt")}
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGES["en"], re.MULTILINE | re.DOTALL)


def framed(text: str) -> dict[str, Any]:
    """An example as a suite: a whole one, or cases (with their lexicons) of the first example's suite."""
    first, given = (yaml12.plain(yaml12.read(block, "page", 12)) for block in (BLOCKS[0], text))
    if isinstance(given, dict) and "afinar_suite" in given:
        return given
    cases = given["cases"] if isinstance(given, dict) else given
    frame = first | {"labels": {"positivo": (), "negativo": ()}, "cases": (*first["cases"], *cases)}
    return frame | {"lexicons": given["lexicons"]} if isinstance(given, dict) else frame


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_examples_load(number: int) -> None:
    assert load_suite(framed(BLOCKS[number]))


def test_every_kind_has_an_example() -> None:
    kinds = {type(case).__name__ for block in BLOCKS for case in load_suite(framed(block)).cases}
    assert kinds == set(schema.KIND_KEYS.values())


@pytest.mark.parametrize("language", PAGES)
def test_every_key_is_named(language: str) -> None:
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGES[language])) + " " + " ".join(BLOCKS)))
    models = [model for model in vars(schema).values() if isinstance(model, type) and issubclass(model, schema.Strict)]
    assert len(models) > 15
    for model in models:
        assert set(model.model_fields) - named == set(), model


@pytest.mark.parametrize("language", PAGES)
def test_the_limits_are_the_code_s(language: str) -> None:
    text = PAGES[language].replace(".", "").replace(",", "") if language == "pt" else PAGES[language].replace(",", "")
    limits = [yaml12.MAX_NODES, reading.MAX_NODES, MAX_TEXTS, MAX_EXPANSIONS, patterns.MAX_PATTERN, patterns.MAX_UNROLLED]
    for limit in (*limits, judging.MAX_CHARACTERS, refusals.OPENING):
        assert re.search(rf"\b{limit}\b", text), limit
    assert (reading.MAX_YAML_BYTES, reading.MAX_BYTES, patterns.TIMEOUT_S, words.WINDOW) == (1_000_000, 10_000_000, 1.0, 4)


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGES["en"], re.MULTILINE | re.DOTALL)
    exec(compile(code, "suites.md", "exec"), {})
    assert re.fullmatch(r"\d+\.\d+\.\d+ \d+ [0-9a-f]{8}\n", capsys.readouterr().out)
