"""Behaviour tests: a suite of cases, a model, and what can honestly be said of it before and after it was adapted.

The package is called like a function, `afinar.audit(model_or_run, suite)`: see :func:`afinar.run.auditing.audit`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Audit(ModuleType):
    """One name for the stage and for what it is used for; importing a submodule binds `afinar.audit` to the package."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("afinar.run.auditing").audit(*args, **kwargs)


sys.modules[__name__].__class__ = _Audit
