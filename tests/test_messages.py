"""The catalogues are whole: both languages say the same of the same values, every text is used, every key exists."""

from __future__ import annotations

import ast
import functools
import re
import string
from pathlib import Path
from typing import NamedTuple

import pytest

import afinar
from afinar import messages

SOURCE = Path(afinar.__file__).parent
AREAS = sorted(path.stem for path in (SOURCE / "messages").glob("*.py") if path.stem != "__init__")
KEYS = [f"{area}.{name}" for area in AREAS for name in __import__(f"afinar.messages.{area}", fromlist=["TEXTS"]).TEXTS]
ERRORS = {
    "AfinarError",
    "ConfigError",
    "DataError",
    "ModelError",
    "RefusedError",
    "ResourceError",
    "NonFiniteLossError",
}
READERS = {"text", "hint", "lookup", "on_stage"}  # messages.text(key, ...), reporter.on_stage(key, ...)


class Use(NamedTuple):
    """A literal key handed to an error or a reader of the catalogue."""

    place: str
    reader: str
    key: str
    values: frozenset[str] | None  # None: with **values, so not known here

    @property
    def needed(self) -> set[str]:
        """The values that the texts read here are filled with."""
        entry = messages.lookup(self.key)
        texts = {"text": [entry.en], "hint": [entry.hint_en]}.get(self.reader, list(entry))
        return placeholders("".join(texts))


@functools.cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


def uses() -> list[Use]:
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and called(node.func) in ERRORS | READERS:
                values = {word.arg for word in node.keywords}
                known = None if None in values else frozenset(str(value) for value in values)
                found += [Use(f"{path.name}:{node.lineno}", called(node.func), key, known) for key in literals(node.args[0])]
    return found


def called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def literals(node: ast.expr) -> list[str]:
    """The strings that an argument may be: a literal, or one of the two of a conditional."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def mentioned() -> tuple[set[str], list[re.Pattern[str]]]:
    """Every string of the source outside the catalogues, and every f-string as a pattern."""
    plain: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    for path, tree in trees():
        if path.parent.name == "messages":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                head = str(node.values[0].value)
                if any(head.startswith(f"{area}.") for area in AREAS):
                    parts = [re.escape(str(v.value)) if isinstance(v, ast.Constant) else r"\w+" for v in node.values]
                    patterns.append(re.compile("".join(parts)))
    return plain, patterns


def placeholders(text: str) -> set[str]:
    """The names that a text is filled with: `{problem.message}` and `{got!r}` need problem and got."""
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def is_named(key: str) -> bool:
    """Whether a test has the key as a string; within `tests/<area>/` its name alone will do."""
    area, _, name = key.partition(".")
    return any(f'"{key}"' in text or (folder == area and f'"{name}"' in text) for folder, text in sources_of_tests())


@functools.cache
def sources_of_tests() -> list[tuple[str, str]]:
    return [(path.parent.name, path.read_text(encoding="utf-8")) for path in Path(__file__).parent.rglob("*.py")]


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_say_it_of_the_same_values(key: str) -> None:
    entry = messages.lookup(key)
    assert entry.en.strip()
    assert entry.pt.strip()
    assert placeholders(entry.en) == placeholders(entry.pt)
    assert bool(entry.hint_en) == bool(entry.hint_pt)
    assert placeholders(entry.hint_en) == placeholders(entry.hint_pt)


def test_no_placeholder_is_without_a_name() -> None:
    assert [key for key in KEYS if "" in placeholders("".join(messages.lookup(key)))] == []


def test_every_key_in_the_code_exists() -> None:
    found = uses()
    assert len(found) > 50  # the walk sees the code
    assert [f"{use.place}: {use.key}" for use in found if use.key not in KEYS] == []


def test_every_text_gets_its_values() -> None:
    lacking = []
    for use in uses():
        if use.values is not None and use.key in KEYS:
            missing = use.needed - use.values
            if missing:
                lacking.append(f"{use.place}: {use.key} lacks {sorted(missing)}")
    assert lacking == []


def test_every_text_is_used() -> None:
    plain, patterns = mentioned()
    unused = [key for key in KEYS if key not in plain and not any(pattern.fullmatch(key) for pattern in patterns)]
    assert unused == []


def test_every_error_message_has_a_test() -> None:
    """The keys that the source raises are all named in some test, in the area's own folder without the area."""
    raised = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and called(node.func) in ERRORS:
                raised.update(literals(node.args[0]))
    assert [key for key in sorted(raised) if not is_named(key)] == []


class TestLanguage:
    @pytest.mark.parametrize(
        ("environment", "language"),
        [
            ({}, "en"),
            ({"LANG": "pt_BR.UTF-8"}, "pt"),
            ({"LANG": "de_DE"}, "en"),
            ({"LANG": "pt_BR", "LC_ALL": "C"}, "en"),
            ({"AFINAR_LANG": "pt", "LANG": "en_US"}, "pt"),
            ({"AFINAR_LANG": "en", "LANG": "pt_BR"}, "en"),
        ],
    )
    def test_from_the_environment(self, environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("AFINAR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        assert messages.language() == language

    def test_chosen_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AFINAR_LANG", "en")
        messages.use("pt")
        assert messages.text("core.missing", field="x") == "Falta x."
        messages.use(None)
        assert messages.text("core.missing", field="x") == "x is missing."

    def test_unknown_language(self) -> None:
        with pytest.raises(ValueError, match="expected one of en, pt"):
            messages.use("xx")  # type: ignore[arg-type]

    def test_numbers(self) -> None:
        assert messages.number(1234567.891) == "1,234,567.89"
        messages.use("pt")
        assert messages.number(1234567.891) == "1.234.567,89"
        assert messages.number(-0.5, 3) == "-0,500"

    def test_unknown_key(self) -> None:
        with pytest.raises(KeyError):
            messages.lookup("core.no_such_text")


class TestErrors:
    def test_reads_in_the_language_in_force(self) -> None:
        error = afinar.ConfigError("core.missing", field="data.train")
        assert str(error) == "data.train is missing. Set it in the config file or with --data.train VALUE."
        messages.use("pt")
        assert error.message == "Falta data.train."
        assert error.hint.startswith("Defina-o")

    def test_survives_pickling(self) -> None:
        import copy

        error = copy.copy(afinar.DataError("core.missing", field="x"))
        assert (type(error), error.key, error.values) == (afinar.DataError, "core.missing", {"field": "x"})

    def test_kinds_and_exit_codes(self) -> None:
        codes = {name: (getattr(afinar, name).kind, getattr(afinar, name).exit_code) for name in sorted(ERRORS)}
        assert codes == {
            "AfinarError": ("error", 1),
            "ConfigError": ("config", 2),
            "DataError": ("data", 2),
            "ModelError": ("model", 2),
            "NonFiniteLossError": ("non_finite_loss", 7),
            "RefusedError": ("refused", 2),
            "ResourceError": ("resources", 6),
        }
