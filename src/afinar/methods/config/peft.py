"""Any technique of the installed PEFT, with the fields of its own config: `{name: peft, peft_type: VERA, r: 64}`.

Which fields there are, and their types, is asked of PEFT's class when a technique is named; that imports PEFT (and so torch),
which no other config does.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from afinar import messages
from afinar.errors import ConfigError
from afinar.options import PLAIN, FrozenDict, OpenConfig, OpenField, frozen, items_of, kinds_of, option

_NOT_SET = {
    "auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision", "runtime_config",
    "task_type",
}  # fmt: skip
"""Fields of PEFT's configs that follow from the model and from what is done with it."""
_HEADS = ("classifier", "score")
REFUSED = {
    "CARTRIDGE": "distilled",
    "CPT": "context",
    "MULTITASK_PROMPT_TUNING": "task_ids",
    "POLY": "task_ids",
    "SHADOW": "shadow",
    "XLORA": "experts",
}
"""Techniques that rows of data cannot train: the name of the text `peft.needs_<name>` that says what they need."""


@dataclass(frozen=True, init=False, repr=False)
class Peft(OpenConfig):
    """A technique of PEFT: its name there, and any fields of its config class. `Peft(peft_type="VERA", r=64)`.

    Raises ConfigError for a technique or a field that the installed PEFT does not have, a value of another type, and
    whatever PEFT's own class refuses.
    """

    name: ClassVar[str] = "peft"
    chooser: ClassVar[str] = "peft_type"

    settings: FrozenDict
    peft_type: str = option(
        "",
        en="The technique, as PEFT names it: VERA, OFT, BOFT, LOHA, LOKR, ADALORA, LN_TUNING, FOURIERFT, HRA, ...; the other "
        "fields are those of its config class in PEFT.",
        pt="A técnica, com o nome que o PEFT lhe dá: VERA, OFT, BOFT, LOHA, LOKR, ADALORA, LN_TUNING, FOURIERFT, HRA, ...; os "
        "outros campos são os da classe de configuração dela no PEFT.",
    )

    def __init__(self, *, peft_type: str = "", **settings: Any) -> None:
        known = type(self).open_fields(peft_type)
        check_trainable(peft_type)
        for name, value in settings.items():
            _check(name, value, known, peft_type)
        object.__setattr__(self, "peft_type", peft_type)
        object.__setattr__(self, "settings", FrozenDict(settings))
        self.made()

    def __repr__(self) -> str:
        fields = {"peft_type": self.peft_type, **self.settings}
        return f"Peft({', '.join(f'{name}={value!r}' for name, value in fields.items())})"

    @classmethod
    def open_fields(cls, chosen: Any) -> dict[str, OpenField]:
        """The fields of the technique's config that a person sets. Raises ConfigError for an unknown technique."""
        return _fields(_class_of(chosen))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Peft:
        """What an `adapter_config.json` or a config's `to_dict()` says, without what is at its default.

        Raises ConfigError for a field that this PEFT does not know and that is on: a newer one wrote it.
        """
        kind = str(getattr(settings["peft_type"], "value", settings["peft_type"]))
        known = cls.open_fields(kind)
        kept = {}
        for name, value in settings.items():
            plain = frozen(sorted(value) if isinstance(value, set) else getattr(value, "value", value))
            if name == "modules_to_save":  # a classifier's head trains with every method
                plain = tuple(module for module in plain or () if module not in _HEADS) or None
            if name in _NOT_SET or (name not in known and not plain):
                continue
            if name not in known or plain != frozen(known[name].default):
                kept[name] = plain
        return cls(peft_type=kind, **kept)

    def made(self, task_type: str | None = None) -> Any:
        """PEFT's own config object. Raises ConfigError where PEFT refuses it."""
        settings = {name: _thawed(value) for name, value in self.settings.items()}
        if self.peft_type == "ADALORA" and settings.get("total_step") is None:
            # PEFT wants a number at once; the training's own is set when it begins
            settings["total_step"] = settings.get("tinit", 0) + settings.get("tfinal", 0) + 1
        try:
            return _class_of(self.peft_type)(task_type=task_type, **settings)
        except (ValueError, TypeError) as error:
            raise ConfigError("peft.refused", field="method.peft_type", got=self.peft_type, reason=error) from error


def check_trainable(kind: str) -> None:
    """Raises ConfigError for a technique of :data:`REFUSED`."""
    if kind in REFUSED:
        what = messages.text(f"peft.needs_{REFUSED[kind]}")
        raise ConfigError("peft.needs", field="method.peft_type", got=kind, what=what)


def known_types() -> tuple[str, ...]:
    """The techniques of the installed PEFT by name. Raises ConfigError where there is none."""
    return tuple(sorted(_classes()))


@cache
def _classes() -> dict[str, Any]:
    if find_spec("peft") is None:
        raise ConfigError("peft.not_installed", field="method.name")
    table = import_module("peft.mapping").PEFT_TYPE_TO_CONFIG_MAPPING
    return {str(getattr(kind, "value", kind)): cls for kind, cls in table.items()}


def _class_of(kind: Any) -> Any:
    classes = _classes()
    if kind in classes:
        return classes[kind]
    if not kind:
        raise ConfigError("peft.which", field="method.peft_type", known=", ".join(known_types()))
    near = get_close_matches(str(kind).upper(), classes, n=1)
    if near:
        raise ConfigError("peft.unknown_type_near", field="method.peft_type", got=kind, near=near[0])
    raise ConfigError("peft.unknown_type", field="method.peft_type", got=kind, known=", ".join(known_types()))


@cache
def _fields(cls: Any) -> dict[str, OpenField]:
    hints = typing.get_type_hints(cls)
    found = {}
    for item in dataclasses.fields(cls):
        if item.name in _NOT_SET or not item.init or set(kinds_of(hints[item.name])) <= {type(None)}:
            continue  # a value that no file can hold, such as an object of another class
        made = item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
        default = None if made is dataclasses.MISSING else getattr(made, "value", made)
        found[item.name] = OpenField(hints[item.name], default, _choices(hints[item.name]))
    return found


def _choices(annotation: Any) -> tuple[str, ...]:
    """The texts that an annotation lists, where it takes no other text."""
    parts = typing.get_args(annotation) if typing.get_origin(annotation) is not typing.Literal else (annotation,)
    literal = [value for part in parts if typing.get_origin(part) is typing.Literal for value in typing.get_args(part)]
    free = any(part is str for part in parts) or any("[" in str(value) for value in literal)
    return () if free else tuple(value for value in literal if isinstance(value, str))


def _check(name: str, value: Any, known: Mapping[str, OpenField], kind: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        if near:
            raise ConfigError("config.method_field_near", where="Peft", key=name, method=kind, near=near[0])
        raise ConfigError("config.method_field", where="Peft", key=name, method=kind, known=", ".join(known))
    field = known[name]
    allowed = kinds_of(field.annotation)
    plain = frozen(value)
    if not _fits(plain, allowed):
        expected = " | ".join(sorted({kind.__name__ for kind in allowed}))
        raise ConfigError("peft.type", field=f"method.{name}", got=value, expected=expected)
    items = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, tuple) else ()
    if not all(_fits(item, items_of(field.annotation) or PLAIN) for item in items):
        expected = " | ".join(sorted({kind.__name__ for kind in items_of(field.annotation)}))
        raise ConfigError("peft.type", field=f"method.{name}", got=value, expected=expected)
    if isinstance(value, str) and field.choices and value not in field.choices:
        raise ConfigError("core.choice", field=f"method.{name}", got=value, allowed=", ".join(field.choices))


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    kind = dict if isinstance(value, dict) else type(value)
    return kind in kinds or (kind is int and float in kinds)


def _thawed(value: Any) -> Any:
    """Lists and dicts that PEFT may write into."""
    if isinstance(value, dict):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
