"""The few exception types: each says what was got, what is allowed, and what to do next.

An error carries the key of a text in :mod:`afinar.messages` and the values that fill it, so the same error reads in
Portuguese or English and the tests can assert on `key` and `values` without matching prose::

    raise ConfigError("methods.rank", got=0)
    # rank=0; expected an integer >= 1.
    # Use method.name: full to train all weights.
"""

from __future__ import annotations

from typing import Any

from afinar import messages


class AfinarError(Exception):
    """Base of all errors that a user can cause and mend. `kind` and `exit_code` are part of the outside surface."""

    kind = "error"
    exit_code = 1

    def __init__(self, key: str, /, **values: Any) -> None:
        super().__init__(key, values)
        self.key = key
        self.values = values

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.key, self.values)

    @property
    def message(self) -> str:
        """What was got and what is allowed, in the current language."""
        return messages.text(self.key, **self.values)

    @property
    def hint(self) -> str:
        """What to do next, in the current language; empty where the message says it all."""
        return messages.hint(self.key, **self.values)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def _rebuild(cls: type[AfinarError], key: str, values: dict[str, Any]) -> AfinarError:
    return cls(key, **values)


class ConfigError(AfinarError, ValueError):
    """A setting, flag or argument is wrong."""

    kind = "config"
    exit_code = 2


class DataError(AfinarError, ValueError):
    """A data source cannot be read, or a row is wrong; `path` and `line` are in `values` where they are known."""

    kind = "data"
    exit_code = 2


class ModelError(AfinarError, ValueError):
    """A model, tokenizer or adapter cannot be found, read, or used for what was asked."""

    kind = "model"
    exit_code = 2


class RefusedError(AfinarError):
    """Doing it would lose something or answer a different question: a folder in use, a changed fingerprint."""

    kind = "refused"
    exit_code = 2


class ResourceError(AfinarError):
    """No space, no memory, or a device that is not there."""

    kind = "resources"
    exit_code = 6


class NonFiniteLossError(AfinarError, ArithmeticError):
    """The loss became NaN or infinite; the last good checkpoint is untouched."""

    kind = "non_finite_loss"
    exit_code = 7
