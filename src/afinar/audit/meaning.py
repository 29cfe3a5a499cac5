"""What a well-formed suite may still have wrong: names that lead nowhere, and cases that can never fail or never pass."""

from __future__ import annotations

from afinar.audit.problems import Problem
from afinar.audit.schema import Suite


def problems_in(suite: Suite) -> list[Problem]:
    """Everything that is wrong with a suite whose form is right."""
    return []
