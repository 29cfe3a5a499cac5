"""afinar-mini, the small Portuguese model that ships with the package (made by `recipes/`, described in its README.md)."""

from __future__ import annotations

from pathlib import Path

from afinar.errors import ModelError

NAME = "afinar-mini"


def path() -> Path:
    """The folder of afinar-mini inside the installed package.

    Raises ModelError if this installation lacks its weights (a source checkout without its large files, for instance).
    """
    folder = Path(__file__).parent / "afinar_mini"
    if not (folder / "config.json").is_file():
        raise ModelError("models.embedded_missing", path=str(folder))
    return folder
