"""What a run consists of: the stages' configs composed, and what each of their fields means."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from afinar import messages
from afinar.audit.config import AuditConfig
from afinar.data.config import DataConfig
from afinar.errors import ConfigError
from afinar.evaluation.config import EvaluationConfig
from afinar.methods.config import LoRA, MethodConfig
from afinar.models.config import ModelConfig
from afinar.options import OpenConfig, items_of, kinds_of, option
from afinar.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything a run was told: one section per stage, and the folder under which its run folder is made."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    method: MethodConfig = field(default_factory=LoRA)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    output: str = option(
        "runs",
        en="Folder under which each run makes its own folder, <date>_<number>.",
        pt="Pasta sob a qual cada execução cria a sua, <data>_<número>.",
    )

    def __post_init__(self) -> None:
        if not self.output.strip():
            raise ConfigError("core.missing", field="output")


# The sections in the order in which they are written; a method's class depends on its name.
SECTIONS: dict[str, type | None] = {
    "model": ModelConfig,
    "data": DataConfig,
    "method": None,
    "training": TrainingConfig,
    "evaluation": EvaluationConfig,
    "audit": AuditConfig,
}
DEFAULT_METHOD = LoRA.name


def section_class(section: str, method: str = DEFAULT_METHOD) -> type:
    """The dataclass of `section`. Raises ConfigError for the section "method" with an unknown `method`."""
    cls = SECTIONS[section]
    if cls is None:
        from afinar.methods.base import config_class

        return config_class(method)
    return cls


class FieldDoc(NamedTuple):
    """One field as a person meets it: `path` is its flag and its place in YAML.

    items: the types of a list's items or of a mapping's values; empty where anything may stand there.
    """

    path: str
    types: tuple[type, ...]
    default: Any
    choices: tuple[str, ...]
    metadata: Mapping[str, Any]
    items: tuple[type, ...] = ()

    @property
    def is_mapping(self) -> bool:
        """Whether it holds named values, each of which may be set alone: `--method.rank_pattern.q_proj 16`."""
        return dict in self.types

    @property
    def required(self) -> bool:
        """Whether it has no default and must be set."""
        return self.default is dataclasses.MISSING

    @property
    def text(self) -> str:
        """What it means, in the language in force."""
        return str(self.metadata.get(messages.language(), ""))


_TYPE_NAMES = {type(None): "null", bool: "bool", int: "int", float: "float", str: "str", tuple: "list", dict: "map"}


def type_names(kinds: tuple[type, ...]) -> str:
    """`kinds` as a person writes them in YAML: `float | str`."""
    return " | ".join(_TYPE_NAMES[kind] for kind in kinds)


@functools.cache
def fields_of(cls: type, section: str) -> tuple[FieldDoc, ...]:
    """The fields of a stage's config, as `section.field`; of RunConfig itself ("") those that are no section.

    A method from another package may have fields without documentation; their types are those of YAML's scalars, tuples
    of str, and mappings of names to scalars. The settings of an open config are :func:`open_fields`.
    """
    hints = typing.get_type_hints(cls)
    prefix = f"{section}." if section else ""
    return tuple(
        FieldDoc(
            prefix + f.name, kinds_of(hints[f.name]), f.default, tuple(f.metadata.get("choices") or ()), f.metadata,
            items_of(hints[f.name]),
        )
        for f in dataclasses.fields(cls)
        if (section or "en" in f.metadata) and not (issubclass(cls, OpenConfig) and f.name == "settings")
    )  # fmt: skip


def open_fields(cls: type, section: str, chosen: Any) -> tuple[FieldDoc, ...]:
    """The fields that an open config's class has where its chooser is `chosen`; none for a config of another kind."""
    if not issubclass(cls, OpenConfig):
        return ()
    return tuple(
        FieldDoc(f"{section}.{name}", kinds_of(f.annotation), f.default, f.choices, {}, items_of(f.annotation))
        for name, f in cls.open_fields(chosen).items()
    )


def method_fields(name: str) -> tuple[FieldDoc, ...]:
    """The fields of one method's config. Raises ConfigError for an unknown method."""
    return fields_of(section_class("method", name), "method")
