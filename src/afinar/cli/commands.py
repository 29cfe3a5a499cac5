"""The commands: one visible table, each command imported only when it is called or asked about."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from afinar.errors import ConfigError


class Command(NamedTuple):
    """Where a command lives, and whether it takes the flags of the config's fields (`--training.seed 1`)."""

    name: str
    target: str
    takes_settings: bool = False

    @property
    def key(self) -> str:
        """The stem of its texts in the catalogue."""
        return self.name.replace(" ", "_")

    def load(self) -> Callable[..., dict[str, Any]]:
        """The function of the command."""
        module, _, function = self.target.partition(":")
        loaded: Callable[..., dict[str, Any]] = getattr(import_module(module), function)
        return loaded


COMMANDS = {
    command.name: command
    for command in (
        Command("quickstart", "afinar.cli.quickstart:quickstart"),
        Command("doctor", "afinar.cli.doctor:doctor"),
        Command("init", "afinar.cli.init:init"),
        Command("train", "afinar.cli.train:train", takes_settings=True),
        Command("evaluate", "afinar.cli.evaluate:evaluate"),
        Command("audit", "afinar.cli.audit:audit"),
        Command("generate", "afinar.cli.generate:generate"),
        Command("chat", "afinar.cli.chat:chat"),
        Command("merge", "afinar.cli.merge:merge"),
        Command("export", "afinar.cli.export:export"),
        Command("methods", "afinar.cli.methods:methods"),
        Command("explain", "afinar.cli.explain:explain"),
        Command("config show", "afinar.cli.config_show:config_show", takes_settings=True),
    )
}


def find(tokens: Sequence[str]) -> tuple[Command, list[str]]:
    """The command that the first words name, and the words after it. Raises ConfigError naming the nearest command."""
    for words in (2, 1):
        name = " ".join(tokens[:words])
        if name in COMMANDS:
            return COMMANDS[name], list(tokens[words:])
    got = " ".join(tokens[:2]) if any(name.startswith(f"{tokens[0]} ") for name in COMMANDS) else tokens[0]
    near = difflib.get_close_matches(got, COMMANDS, n=1, cutoff=0.5)
    if near:
        raise ConfigError("cli.unknown_command_near", got=got, near=near[0])
    raise ConfigError("cli.unknown_command", got=got, known=", ".join(COMMANDS))
