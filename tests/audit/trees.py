"""A small valid suite as plain values, and ways to change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from afinar.audit.loading import load_suite
from afinar.audit.problems import Problem
from afinar.errors import ConfigError


def tree(*cases: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A suite with these cases (their id and category filled in), or with one that asks for the capital."""
    given = cases or ({"input": "Qual é a capital do Brasil?", "expect": {"required_words": ["Brasília"]}},)
    return {
        "afinar_suite": 1,
        "name": "teste/suite",
        "version": "1.0.0",
        "language": "pt-BR",
        "about": "Um teste.",
        "labels": {"positivo": ["positive"], "negativo": ["negative"]},
        "categories": {"fatos": {"about": "Perguntas.", "measures": "capability"}},
        "cases": [{"id": f"caso{index}", "category": "fatos", **case} for index, case in enumerate(given)],
    } | changes


def problems(source: Any) -> list[tuple[str, Problem]]:
    """What is wrong with a suite: where, and what."""
    with pytest.raises(ConfigError) as caught:
        load_suite(source)
    assert caught.value.key == "suites.invalid"
    found: list[tuple[str, Problem]] = caught.value.values["problems"]
    assert caught.value.values["count"] == str(len(found))
    assert str(caught.value)
    return found


def problem(source: Any) -> Problem:
    """The only thing that is wrong."""
    ((_, found),) = problems(source)
    return found
