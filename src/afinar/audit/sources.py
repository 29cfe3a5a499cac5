"""Several suites by what a person calls them: names, files, folders, with commas between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from afinar.audit.loading import load_suite
from afinar.audit.schema import Suite
from afinar.errors import ConfigError

SUFFIXES = (".yaml", ".yml", ".json", ".jsonl")

SuiteSource = Suite | str | Path | Mapping[str, Any]
"""A suite, its content, a bundled name, a file, or a folder of files."""


def load_suites(source: SuiteSource | Sequence[SuiteSource]) -> list[Suite]:
    """The suites of `source`: one of the above, several, or a text that names several with commas between.

    Raises ConfigError where a folder holds none or two suites have one name, and whatever loading one raises.
    """
    suites = list(_loaded(source))
    names: set[str] = set()
    for suite in suites:
        if suite.name in names:
            raise ConfigError("audit.same_name", name=suite.name)
        names.add(suite.name)
    return suites


def _loaded(source: SuiteSource | Sequence[SuiteSource]) -> Iterator[Suite]:
    if isinstance(source, Suite):
        yield source
    elif isinstance(source, Mapping):
        yield load_suite(source)
    elif isinstance(source, str) and "," in source and not Path(source).exists():
        yield from _loaded([part.strip() for part in source.split(",") if part.strip()])
    elif isinstance(source, str | Path):
        for path in _files(source):
            yield load_suite(path)
    else:
        for part in source:
            yield from _loaded(part)


def _files(source: str | Path) -> list[str | Path]:
    """A folder's files of suites, sorted by name; anything else is one suite."""
    folder = Path(source)
    if not folder.is_dir() or str(source).startswith("afinar/"):
        return [source]
    found: list[str | Path] = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise ConfigError("audit.no_suites", path=str(folder), allowed=", ".join(SUFFIXES))
    return found
