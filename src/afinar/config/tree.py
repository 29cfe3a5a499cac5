"""What every source of settings is turned into: values with the place where each was written."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

MAX_DEPTH = 5  # section, field, key of a mapping, list, list in it, item

Kind = Literal["default", "file", "environment", "flag", "python"]


class Tree(NamedTuple):
    """A scalar, a list of trees or a dict of trees, and its line where the source has lines."""

    value: Any
    line: int | None = None


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


def plain(tree: Tree) -> Any:
    """The plain Python value of a tree; a list becomes a tuple, as frozen configs hold them."""
    if isinstance(tree.value, list):
        return tuple(plain(item) for item in tree.value)
    if isinstance(tree.value, dict):
        return {key: plain(item) for key, item in tree.value.items()}
    return tree.value
