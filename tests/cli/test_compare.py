"""Base and adapted answers side by side: how they are laid out, and what each of the two remembers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from afinar.cli import chat as chatting
from afinar.cli.compare import COLUMN, show_answers, side_by_side
from afinar.cli.context import Context
from afinar.errors import ConfigError
from afinar.run import Answers, Session, compare
from tests.cli.conftest import FakeSession, Pipeline

LONG = "palavra " * 12


def drawn(width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(side_by_side([("base", LONG), ("adapted", "curta")], width))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [2 * COLUMN, 80, 120])
def test_wide_terminals_show_columns(width: int) -> None:
    lines = drawn(width)
    assert "base" in lines[0]
    assert "adapted" in lines[0]
    assert max(map(len, lines)) <= width
    assert " ".join(lines).count("palavra") == 12


def test_narrow_terminals_show_one_below_the_other() -> None:
    lines = drawn(2 * COLUMN - 1)
    (first,) = [number for number, line in enumerate(lines) if "base" in line]
    (second,) = [number for number, line in enumerate(lines) if "adapted" in line]
    assert first < second
    assert max(map(len, lines)) <= 2 * COLUMN - 1


def test_without_a_terminal_they_are_plain_lines() -> None:
    context = Context(out=Console(file=io.StringIO(), width=200, markup=False))
    show_answers(Answers("não [sei]", "sei"), context)
    assert context.out.file.getvalue() == "base> não [sei]\nadapted> sei\n"  # type: ignore[attr-defined]
    quiet = replace(context, json=True, out=Console(file=io.StringIO()))
    show_answers(Answers("a", "b"), quiet)
    assert quiet.out.file.getvalue() == ""  # type: ignore[attr-defined]


class Side(FakeSession):
    """A model that says who it is."""

    def __init__(self, name: str) -> None:
        super().__init__(limit=1000)
        self.name = name

    def stream(self, messages: list[dict[str, str]], **options: Any) -> Iterator[str]:
        self.asked.append(([dict(message) for message in messages], options))
        yield f"{self.name} {len(messages)}"

    def encode(self, messages: Any) -> list[int]:
        return [0] * len(messages)


class Pair:
    beside = None

    def __init__(self) -> None:
        self.other = Side("base")

    @contextmanager
    def base(self) -> Iterator[Side]:
        yield self.other


def test_each_remembers_its_own_answers(monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]) -> None:
    session, pair = Side("adapted"), Pair()
    monkeypatch.setattr(chatting, "open_writer", lambda model, context: session)
    monkeypatch.setattr(chatting, "open_pair", lambda opened, context: pair)
    monkeypatch.setattr("sys.stdin", io.StringIO("oi\nde novo\n"))
    answer = call("chat", "run", "--compare", "--json", "--system", "seja breve")
    assert answer.code == 0
    said = [message["content"] for message in answer.json["messages"]]
    assert said == ["seja breve", "oi", "adapted 2", "de novo", "adapted 4"]
    said = [message["content"] for message in answer.json["base_messages"]]
    assert said == ["seja breve", "oi", "base 2", "de novo", "base 4"]
    assert [options for _, options in session.asked] == [options for _, options in pair.other.asked]  # the same seeds


def test_both_are_forgotten_together(monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]) -> None:
    monkeypatch.setattr(chatting, "open_writer", lambda model, context: Side("adapted"))
    monkeypatch.setattr(chatting, "open_pair", lambda opened, context: Pair())
    monkeypatch.setattr("sys.stdin", io.StringIO("oi\n/clear\nolá\n"))
    answer = call("chat", "run", "--compare")
    assert answer.out == "base> base 1\nadapted> adapted 1\n" * 2


def test_a_plain_model_has_no_other_side(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigError) as error:
        compare(Session(model=None, tokenizer=None, task="causal"))  # type: ignore[arg-type]
    assert error.value.key == "run.nothing_to_compare"
