"""`afinar methods`: the table on terminals of different widths, in both languages, and as JSON."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.methods import in_bytes, in_percent, methods
from afinar.methods.base import METHODS
from tests.cli.conftest import Answer
from tests.contracts.cases import EXAMPLES

Call = Callable[..., Answer]
NAMES = METHODS.keys() - EXAMPLES.keys()


def shown(width: int, language: messages.Language = "en", **options: str) -> list[str]:
    """The lines on a terminal that is `width` columns wide."""
    messages.use(language)
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None, highlight=False, markup=False)
    methods(**options, context=Context(out=console))  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("width", [80, 120])
def test_one_line_for_each_technique_at_any_width(width: int, language: messages.Language) -> None:
    lines = [line.rstrip() for line in shown(width, language)]
    assert "…" not in "".join(lines)  # nothing cut off
    start = next(index for index, line in enumerate(lines) if line.split()[:1] == [messages.text("table.name")])
    table = lines[start : lines.index("", start)]
    assert max(map(len, table)) <= width
    assert {line.split()[0] for line in table[1:]} == NAMES
    assert all(line.count("✓") + line.count("–") == 6 for line in table[1:])


def test_wide_terminals_get_words_and_narrow_ones_a_legend() -> None:
    assert "switches off" in "\n".join(shown(120)).partition("\n\n")[2].splitlines()[0]
    narrow = shown(80)
    assert any(line.startswith("ckpt") and "gradient checkpointing" in line for line in narrow)


def test_numbers_are_written_as_the_language_does() -> None:
    assert "57,344" in "\n".join(shown(120))
    assert "57.344" in "\n".join(shown(120, "pt"))


def test_json(call: Call) -> None:
    answer = call("methods", "--json")
    found = answer.json
    assert (found["model"], {row["name"] for row in found["techniques"]}) == ("afinar-mini", NAMES)
    lora = next(row for row in found["techniques"] if row["name"] == "lora")
    assert (lora["trainable"], lora["counted"], lora["mergeable"], lora["task"]) == (57344, 57344, True, "causal")
    assert lora["share"] == 57344 / lora["total"]


def test_a_task(call: Call) -> None:
    answer = call("methods", "--task", "classification", "--json")
    assert {row["task"] for row in answer.json["techniques"]} == {"classification"}
    answer = call("methods", "--task", "regression")
    assert answer.code == 2
    assert answer.says("core.choice")


def test_a_model_that_is_not_there(call: Call) -> None:
    answer = call("methods", "--model", "./nowhere")
    assert answer.code == 2
    assert answer.says("models.folder_missing")


@pytest.mark.parametrize(("count", "text"), [(999, "999 B"), (1536, "1.5 kB"), (2_500_000, "2.5 MB"), (13.5e9, "13.5 GB")])
def test_bytes(count: float, text: str) -> None:
    assert in_bytes(count) == text


@pytest.mark.parametrize(("share", "text"), [(1, "100.0 %"), (0.0118, "1.18 %"), (0.00025, "0.025 %"), (0.000091, "0.0091 %")])
def test_shares(share: float, text: str) -> None:
    assert in_percent(share) == text
