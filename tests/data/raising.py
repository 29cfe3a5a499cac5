"""The check that an error is the one meant, says where, and reads well in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from afinar import messages
from afinar.errors import AfinarError, DataError


@contextmanager
def raises(key: str, cause: type[AfinarError] = DataError, **values: Any) -> Iterator[None]:
    """`cause` with the key `data.{key}` and at least these `values`, all of its placeholders filled in both languages."""
    with pytest.raises(cause) as caught:
        yield
    error = caught.value
    assert error.key == f"data.{key}", str(error)
    assert {name: error.values.get(name) for name in values} == values
    for language in messages.LANGUAGES:
        messages.use(language)
        assert error.message
        assert "{" not in error.message.replace("{'", "").replace('{"', "") or "{" in str(error.values)
        if "line" in error.values and "path" in error.values and ":{line}" in messages.lookup(error.key).en:
            assert f"{error.values['path']}:{error.values['line']}" in error.message
        assert error.hint
        error.message.encode()  # printable on any UTF-8 terminal
    messages.use(None)
