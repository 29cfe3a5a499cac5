"""What people read of the methods: one page and one explanation each, in both languages, whose commands and code run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from afinar import config, messages
from afinar.messages.explain import TEXTS
from afinar.messages.pages import figures
from afinar.methods.base import METHODS
from afinar.training.from_config import LEARNING_RATES
from benchmarks.cpu import explained
from tests.tiny import tiny_model

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [(language, name) for language in messages.LANGUAGES for name in METHODS]
every_page = pytest.mark.parametrize(("language", "name"), PAGES)
every_text = pytest.mark.parametrize(
    ("read", "language", "name"), [(read, *item) for read in ("page", "explanation") for item in PAGES]
)
Read = Callable[[messages.Language, str], str]
FLAGS = re.compile(r"^ *afinar train \S+(?P<flags>.*)$", re.MULTILINE)


def page(language: messages.Language, name: str) -> str:
    return (DOCS / language / "methods" / f"{name}.md").read_text(encoding="utf-8")


def explanation(language: messages.Language, name: str) -> str:
    messages.use(language)
    return messages.text(f"explain.{name}")


READERS: dict[str, Read] = {"page": page, "explanation": explanation}


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_every_method_is_explained_and_nothing_else_is() -> None:
    assert TEXTS.keys() == METHODS.keys() | {"qlora"}


@every_text
def test_the_commands_are_valid_settings_of_that_method(read: str, language: messages.Language, name: str) -> None:
    commands = FLAGS.findall(READERS[read](language, name))
    assert commands
    for flags in commands:
        assert config.load(flags=flags.split()).method.name == name


@every_text
def test_the_learning_rate_is_the_table_s(read: str, language: messages.Language, name: str) -> None:
    # The first rate after the words for it: 5e-5, 5e-4, 1e-3
    text = READERS[read](language, name)
    found = re.search(r"(?:learning_rate: auto`|Learning rate\.\*\*|Taxa de aprendizado\.\*\*)\D*(\d+e-\d)", text)
    assert found
    assert float(found[1]) == LEARNING_RATES[name]


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_qlora_s_explanation_is_of_lora_on_four_bits(language: messages.Language) -> None:
    text = explanation(language, "qlora")
    assert text.startswith("# qlora: ")
    assert "arXiv:2305.14314" in text
    commands = FLAGS.findall(text)
    assert commands
    for flags in commands:
        loaded = config.load(flags=flags.split())
        assert (loaded.method.name, loaded.model.quantize) == ("lora", "nf4")


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_figures_are_those_measured(language: messages.Language) -> None:
    expected = explained.figures()
    assert expected == {"TECHNIQUES": figures.TECHNIQUES, "BASES": figures.BASES, "METHODS": figures.METHODS}
    rows = {line.removeprefix("| ").split(" | ")[0] for line in explanation(language, "peft").splitlines()}
    assert rows >= expected["TECHNIQUES"].keys()


@every_page
def test_an_explanation_has_its_parts(language: messages.Language, name: str) -> None:
    text = explanation(language, name)
    assert text.startswith(f"# {name}: ")
    parts = re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)
    expected = {
        "en": {"What it is", "Equation", "When to use it", "When not", "Memory", "Learning rate", "Try it"},
        "pt": {"O que é", "Equação", "Quando usar", "Quando não usar", "Memória", "Taxa de aprendizado", "Experimente"},
    }
    assert expected[language] <= set(parts)
    assert re.search(r"arXiv:\d{4}\.\d{5}", text)


@every_page
def test_the_yaml_of_a_page_is_valid(language: messages.Language, name: str, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page(language, name), "yaml")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert config.load(file).method.name == name


@every_page
def test_the_code_of_a_page_runs(
    language: messages.Language, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        "model": tiny_model(),
        "classifier": tiny_model(task="classification"),
        "inputs": {"input_ids": torch.tensor([[5, 6]])},
    }
    found = blocks(page(language, name), "python")
    assert found
    for code in found:
        exec(compile(code, f"{language}/{name}.md", "exec"), names)
    assert any(tmp_path.iterdir())


def test_the_counts_of_the_lora_page_are_right() -> None:
    count = 8 * (4096 + 4096) * 4 * 32
    for language, written in (("en", f"{count:,}"), ("pt", f"{count:,}".replace(",", "."))):
        assert written in page(language, "lora")
    assert round(100 * count / 6.74e9, 2) == 0.12
