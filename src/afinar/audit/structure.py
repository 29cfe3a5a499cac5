"""From pydantic's errors to problems that a person can mend: the path without the names of types, the nearest key, both
languages. Of a value that may be of several types only the errors of the type that it comes nearest to are told.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from afinar.audit.problems import Named, Problem, shown
from afinar.audit.reading import Place
from afinar.audit.schema import KIND_KEYS, Suite

Details = Mapping[str, Any]

KINDS = {
    "string_type": "suites.kind_text",
    "tuple_type": "suites.kind_list",
    "dict_type": "suites.kind_mapping",
    "model_type": "suites.kind_mapping",
    "model_attributes_type": "suites.kind_mapping",
    "bool_type": "suites.kind_boolean",
    "int_type": "suites.kind_integer",
    "float_type": "suites.kind_number",
}
"""pydantic's errors of type → what was expected."""

BOUNDS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
LIMITS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}


class Found(NamedTuple):
    """One of pydantic's errors, with the place in the suite and the type of a union (if any) that it belongs to."""

    place: Place
    branch: tuple[Place, str] | None
    details: Details


def problems_of(error: ValidationError, tree: Any) -> Iterator[Problem]:
    """The problems of a tree that is no suite, in its order."""
    found = [_found(details, tree) for details in error.errors(include_url=False)]
    for group in _groups(found):
        yield from _told(group)


def _found(details: Details, tree: Any) -> Found:
    """Takes the labels of union members out of the location: the steps that the tree itself does not have."""
    place: list[str | int] = []
    branch: tuple[Place, str] | None = None
    location, value = details["loc"], tree
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        is_tag = index == 2 and location[0] == "cases"
        if not is_tag and (_has(value, step) or (is_last and details["type"] == "missing")):
            place.append(step)
            value = value[step] if _has(value, step) else None
        elif not is_tag and step != "[key]":
            branch = branch or (tuple(place), str(step))
    return Found(tuple(place), branch, details)


def _has(value: Any, step: Any) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, tuple) and isinstance(step, int) and step < len(value)


def _groups(found: Iterable[Found]) -> list[list[Found]]:
    """Errors of the members of one union together, every other error alone."""
    groups: dict[Any, list[Found]] = {}
    for number, item in enumerate(found):
        if item.details["type"] == "too_short" and len(item.details["input"]) >= item.details["ctx"]["min_length"]:
            continue  # items that failed are not counted; their own errors say more
        groups.setdefault(item.branch[0] if item.branch else number, []).append(item)
    return list(groups.values())


def _told(group: list[Found]) -> list[Problem]:
    """The errors of the member that goes deepest; where none goes in, one problem that names all the types."""
    if group[0].branch is None:
        return [_problem(group[0].place, group[0].details)]
    inside = [item for item in group if item.details["type"] not in KINDS or len(item.place) > len(item.branch[0])]  # type: ignore[index]
    if not inside:
        place, details = group[0].place, group[0].details
        return [_wrong_type(place, details["input"], tuple(dict.fromkeys(KINDS[item.details["type"]] for item in group)))]
    members: dict[str, list[Found]] = {}
    for item in inside:
        members.setdefault(item.branch[1], []).append(item)  # type: ignore[index]
    nearest = min(members.values(), key=lambda errors: (_is_other_type(errors[0].details), len(errors)))
    return [_problem(item.place, item.details) for item in nearest]


def _is_other_type(details: Details) -> bool:
    """Whether a number, say, was held against a list of words."""
    return details["type"] == "literal_error" and not isinstance(details["input"], str)


def _problem(place: Place, details: Details) -> Problem:
    kind, got, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(place, details["loc"])
    if kind == "missing":
        return Problem(place[:-1], "suites.missing", {"key": str(place[-1])})
    if kind == "union_tag_not_found":
        return _no_kind(place, got)
    if kind == "string_type" and place == ("version",):
        return Problem(place, "suites.version", {"got": shown(got)})
    if kind in KINDS:
        return _wrong_type(place, got, (KINDS[kind],))
    if kind == "literal_error":
        return _choice(place, got, context["expected"])
    if kind in BOUNDS:
        return Problem(place, "suites.range", {"got": shown(got), "allowed": f"{BOUNDS[kind]} {context[LIMITS[kind]]:g}"})
    if kind == "string_pattern_mismatch":
        key = "suites.version" if place[-1] == "version" else "suites.name"
        return Problem(place, key, {"got": shown(got)})
    if kind in ("string_too_short", "too_short"):
        return Problem(place, "suites.empty")
    if kind == "too_long":
        return Problem(place, "suites.too_many", {"got": context["actual_length"], "limit": context["max_length"]})
    if kind == "string_too_long":
        return Problem(place, "suites.too_long", {"got": len(got), "limit": context["max_length"]})
    return Problem(place, "suites.value", {"got": shown(got), "problem": details["msg"]})


def _no_kind(place: Place, got: Any) -> Problem:
    if not isinstance(got, Mapping):
        return _wrong_type(place, got, ("suites.kind_mapping",))
    return Problem(place, "suites.no_kind", {"got": ", ".join(map(str, got)), "known": ", ".join(KIND_KEYS)})


def _wrong_type(place: Place, got: Any, expected: tuple[str, ...]) -> Problem:
    """A wrong type, with the hint that fits how it most often comes about."""
    values = {"got": shown(got), "expected": Named(expected)}
    if "suites.kind_text" in expected and (got is None or isinstance(got, bool | int | float)):
        return Problem(place, "suites.quotes", values)
    if expected == ("suites.kind_boolean",) and isinstance(got, str):
        return Problem(place, "suites.boolean", values)
    if "suites.kind_list" in expected and isinstance(got, str):
        return Problem(place, "suites.list", values)
    if isinstance(got, str) and set(expected) & {"suites.kind_number", "suites.kind_integer"}:
        return Problem(place, "suites.number", values)
    return Problem(place, "suites.type", values)


def _choice(place: Place, got: Any, expected: str) -> Problem:
    allowed = re.findall(r"'([^']*)'", expected) or [expected]
    near = [choice for choice in allowed if choice.casefold() == str(got).casefold()]
    near = near or get_close_matches(str(got), allowed, n=1)
    values = {"got": shown(got), "allowed": ", ".join(allowed)}
    return (
        Problem(place, "suites.choice_near", values | {"near": near[0]}) if near else Problem(place, "suites.choice", values)
    )


def _unknown(place: Place, location: Sequence[str | int]) -> Problem:
    """An unknown key: one of another kind of case, the nearest key, a key of a part below, or all keys."""
    key, model = str(place[-1]), _model(Suite, location[:-1])
    if len(place) == 3 and place[0] == "cases" and key in KIND_KEYS:
        return Problem(place, "suites.mixed", {"key": key, "kind": model.__name__, "known": ", ".join(model.model_fields)})
    near = get_close_matches(key, list(model.model_fields), n=1, cutoff=0.7)
    if not near:
        below = {name: f"{part}.{name}" for part, inner in _parts(model) for name in inner.model_fields}
        near = [below[name] for name in get_close_matches(key, list(below), n=1, cutoff=0.8)]
    if near:
        return Problem(place, "suites.unknown_near", {"key": shown(key), "near": near[0]})
    return Problem(place, "suites.unknown", {"key": shown(key), "known": ", ".join(model.model_fields)})


def _parts(model: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    return [(name, part) for name, info in model.model_fields.items() for part in _models(info.annotation)]


def _model(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    """The class whose keys stand at `location`, which names the members of unions by their classes."""
    candidates = [model]
    for step in location:
        named = [candidate for candidate in candidates if candidate.__name__ == step]
        if named:
            candidates = named
        else:
            fields = [candidate.model_fields[step] for candidate in candidates if step in candidate.model_fields]
            candidates = [part for info in fields for part in _models(info.annotation)] or candidates
    return candidates[0]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The classes of parts that an annotation names, within lists, mappings and unions."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models(argument)]
