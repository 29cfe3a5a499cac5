"""Help pages, made from a command's signature, the config's fields and the catalogue: for the terminal and for the docs."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import replace
from typing import Any, NamedTuple

from afinar import messages
from afinar.cli.commands import COMMANDS, Command
from afinar.cli.context import Context, listing
from afinar.config import SECTIONS, FieldDoc, RunConfig, fields_of, method_fields
from afinar.config.schema import type_names


class Entry(NamedTuple):
    """One line of a page: `--data FILE`, what it means, and its default as text ("" where there is none to tell)."""

    name: str
    text: str
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def details(self) -> str:
        """The text with the choices and the default in brackets."""
        choices = messages.text("cli.choices", values=", ".join(self.choices)) if self.choices else ""
        default = messages.text("cli.default", value=self.default) if self.default else ""
        return " ".join(part for part in (self.text, choices, default) if part)


Part = tuple[str, list[Entry]]  # a title and its entries


class Page(NamedTuple):
    """A help page: how to call it, what it does, and its parts."""

    usage: str
    text: str
    parts: list[Part]


def overview() -> Page:
    """The page of `afinar --help`."""
    names = [Entry(command.name, _summary(command)) for command in COMMANDS.values()]
    parts = [(messages.text("cli.title_commands"), names), global_part()]
    return Page(messages.text("cli.usage_all"), messages.text("cli.about"), parts)


def command_page(command: Command) -> Page:
    """The page of one command; with every field of the config where the command takes them."""
    usage = messages.text(f"cli.usage_{command.key}")
    parts = [*own_parts(command), global_part()]
    if command.takes_settings:
        parts += setting_parts()
    return Page(usage, messages.text(f"cli.{command.key}"), parts)


def _summary(command: Command) -> str:
    return messages.text(f"cli.{command.key}").partition("\n")[0]


def own_parts(command: Command) -> list[Part]:
    """The command's own arguments and options, from its signature."""
    arguments: list[Entry] = []
    options: list[Entry] = []
    for parameter in inspect.signature(command.load(), eval_str=True).parameters.values():
        if parameter.name == "context":
            continue
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        text = messages.text(f"cli.{command.key}_{parameter.name}")
        name = messages.text(f"cli.value_{parameter.name}") if positional else _flag(parameter)
        (arguments if positional else options).append(Entry(name, text, _own_default(parameter.default)))
    titled = ((messages.text("cli.title_arguments"), arguments), (messages.text("cli.title_options"), options))
    return [(title, entries) for title, entries in titled if entries]


def _own_default(value: Any) -> str:
    """A default worth telling: not that of a switch, nor of what may be left out."""
    untold = value is inspect.Parameter.empty or value is None or value is False
    return "" if untold else str(value)


def _flag(parameter: inspect.Parameter) -> str:
    flag = "--" + parameter.name.replace("_", "-")
    kinds = [kind for kind in _members(parameter.annotation) if kind is not type(None)]
    return flag if kinds == [bool] else f"{flag} {messages.text(f'cli.value_{parameter.name}')}"


def _members(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)


def global_part() -> Part:
    """The options that every command has."""
    entries = [
        Entry("--json", messages.text("cli.option_json")),
        Entry("--offline", messages.text("cli.option_offline")),
        Entry("--lang pt|en", messages.text("cli.option_lang")),
        Entry("--help, -h", messages.text("cli.option_help")),
        Entry("--version", messages.text("cli.option_version")),
    ]
    return messages.text("cli.title_globals"), entries


def setting_parts() -> list[Part]:
    """Every config field as a flag, section by section, the fields of each method under its name."""
    from afinar.methods.base import METHODS, SHORTHANDS

    parts = []
    for section, cls in SECTIONS.items():
        if cls is not None:
            parts.append((_section_title(section), [_setting(field) for field in fields_of(cls, section)]))
            continue
        name = Entry("--method.name str", messages.text("cli.method_name", names=", ".join((*METHODS, *SHORTHANDS))), "lora")
        parts.append((_section_title(section), [name]))
        for method in METHODS:
            title = messages.text("cli.title_method", name=method)
            parts.append((title, [_setting(field) for field in method_fields(method)]))
    parts.append((_section_title("output"), [_setting(field) for field in fields_of(RunConfig, "")]))
    return [(title, entries) for title, entries in parts if entries]


def _section_title(section: str) -> str:
    return messages.text("cli.title_section", section=section)


def _setting(field: FieldDoc) -> Entry:
    return Entry(f"--{field.path} {type_names(field.types)}", field.text, _written(field.default), field.choices)


def _written(value: Any) -> str:
    """A default as it is written in YAML."""
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)


def show(page: Page, context: Context) -> None:
    """Print a page to stdout, also with --json: help is asked for by a person."""
    person = replace(context, json=False)
    person.say(page.usage, style="bold")
    person.say()
    person.say(page.text)
    for title, entries in page.parts:
        person.say()
        person.say(title, style="bold")
        person.show(listing([(f"  {entry.name}", entry.details) for entry in entries]))
