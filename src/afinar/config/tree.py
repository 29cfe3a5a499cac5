"""What every source of settings is turned into: values with the place where each was written."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Kind = Literal["default", "file", "environment", "flag", "python"]


class Origin(NamedTuple):
    """Where a value comes from: `train.yaml:12`, `AFINAR__TRAINING__SEED`, `--training.seed`, `default`."""

    kind: Kind
    place: str

    def __str__(self) -> str:
        return self.place


class Entry(NamedTuple):
    """One value for one field. `is_text`: it was typed in a shell, so its meaning depends on the field's type."""

    value: Any
    origin: Origin
    is_text: bool = False


Layer = dict[str, Entry]  # "training.seed" -> what one source says of it

DEFAULT = Origin("default", "default")
