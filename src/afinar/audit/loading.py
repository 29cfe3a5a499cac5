"""A suite from a file, a bundled name or a dict, checked in full before any model is read.

load_suite("afinar/sentimento")          # a suite that ships with the package
load_suite("minha_suite.yaml")           # or .json, or .jsonl: the header on the first line, then a case on each
load_suite({"afinar_suite": 1, ...})
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from afinar.audit.meaning import problems_in
from afinar.audit.problems import Problem, fail
from afinar.audit.reading import Document, read_file, read_mapping
from afinar.audit.schema import Suite
from afinar.audit.structure import problems_of
from afinar.errors import ConfigError

BUNDLED = "afinar/"
FOLDER = Path(__file__).parent / "suites"


def load_suite(source: str | Path | Mapping[str, Any]) -> Suite:
    """The suite in a file (.yaml, .yml, .json, .jsonl), by a bundled name (afinar/...), or in a mapping.

    Raises ConfigError or DataError: what cannot be read, or everything that is wrong in it, each with file, line, path, and
    what is allowed (suites.invalid; its value `problems` has them one by one).
    """
    if isinstance(source, Mapping):
        return _checked(read_mapping(source))
    return _checked(read_file(suite_path(source)))


def suite_path(source: str | Path) -> Path:
    """The file of a suite: a bundled one by its name, else the path itself; ./afinar/x is never a bundled name.

    Raises ConfigError for a bundled name that there is not.
    """
    if isinstance(source, Path) or not source.startswith(BUNDLED):
        return Path(source)
    names = bundled_suites()
    if source not in names:
        near = get_close_matches(source, names, n=1, cutoff=0.3) or list(names[:1])
        raise ConfigError("suites.bundled", got=source, known=", ".join(names), near="".join(near))
    return FOLDER / f"{source.removeprefix(BUNDLED)}.yaml"


def bundled_suites() -> tuple[str, ...]:
    """The names of the suites that ship with the package, sorted."""
    return tuple(f"{BUNDLED}{path.stem}" for path in sorted(FOLDER.glob("*.yaml")))


def content_hash(suite: Suite) -> str:
    """SHA-256 of everything in a suite, 64 hexadecimal digits: equal for the same content as YAML, JSON or dict.

    A default that is written out changes nothing; the order of cases, labels and groups does, for results may depend on it.
    """
    content = suite.model_dump(mode="json", exclude_defaults=True)  # so that a field which a later schema adds changes nothing
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _checked(document: Document) -> Suite:
    if not isinstance(document.value, Mapping) or not document.value:
        fail(document, [Problem((), "suites.not_a_suite")])
    try:
        suite = Suite.model_validate(document.value)
    except ValidationError as error:
        fail(document, problems_of(error, document.value))
        raise  # pydantic named no problem: a defect here, to be seen
    fail(document, problems_in(suite))
    return suite
