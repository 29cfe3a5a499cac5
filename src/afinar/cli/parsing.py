"""From the words of a command line to a call: global flags, config flags, and the command's own arguments."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from afinar import messages
from afinar.cli.commands import Command
from afinar.config import split_settings
from afinar.errors import ConfigError
from afinar.messages import LANGUAGES

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml")
_READ_FROM_WORDS = re.compile(r"^(?!context$)")  # every parameter of a command but its context, which main hands over
NEWEST = "newest"  # what a bare --resume stands for


class Globals(NamedTuple):
    """The flags that every command has, in any place before `--`."""

    json: bool = False
    offline: bool = False
    help: bool = False
    version: bool = False
    lang: str | None = None


def take_globals(tokens: Sequence[str]) -> tuple[Globals, list[str]]:
    """The global flags, and the other words. Never raises, so that errors can be told in the language and form asked for."""
    found: dict[str, Any] = {}
    rest: list[str] = []
    words = list(tokens)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += [word, *words]
            break
        if word in ("--json", "--offline", "--help", "--version"):
            found[word.removeprefix("--")] = True
        elif word == "-h":
            found["help"] = True
        elif word == "--lang":
            found["lang"] = words.pop(0) if words else ""
        elif word.startswith("--lang="):
            found["lang"] = word.removeprefix("--lang=")
        else:
            rest.append(word)
    return Globals(**found), rest


def check_language(lang: str | None) -> None:
    """Raises ConfigError for a --lang that is not one of the languages."""
    if lang is not None and lang not in LANGUAGES:
        raise ConfigError("core.choice", field="--lang", got=lang, allowed=", ".join(LANGUAGES))


class Call(NamedTuple):
    """A command with its bound arguments, and the config flags among the words."""

    function: Callable[..., dict[str, Any]]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    settings: tuple[str, ...]


def bind(command: Command, tokens: Sequence[str]) -> Call:
    """The call that `tokens` ask of `command`. Raises ConfigError on words that do not fit it."""
    settings: list[str] = []
    words = list(tokens)
    if command.takes_settings:
        settings, words = split_settings(words)
        words = spell_out_resume(words)
    function = command.load()
    args, kwargs = _parse(command, function, words)
    return Call(function, args, kwargs, tuple(settings))


def spell_out_resume(words: Sequence[str]) -> list[str]:
    """`--resume` with its value made explicit: a bare one means the newest unfinished run.

    The word after it is its RUN unless it is a flag or a config file: `train --resume train.yaml` resumes the newest.
    """
    spelled: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word != "--resume":
            spelled.append(word)
        elif rest and not rest[0].startswith("-") and not _is_config(rest[0]):
            spelled.append(f"--resume={rest.pop(0)}")
        else:
            spelled.append(f"--resume={NEWEST}")
    return spelled


def _is_config(word: str) -> bool:
    return word.lower().endswith(CONFIG_SUFFIXES) or Path(word).is_file()


def _parse(command: Command, function: Callable[..., Any], words: list[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    import cyclopts

    shared = cyclopts.Parameter(parse=_READ_FROM_WORDS)
    app = cyclopts.App(name=command.name, default_command=function, default_parameter=shared, help_flags=[], version_flags=[])
    try:
        _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        raise _explained(error, command, words, _options(app)) from error
    return bound.args, bound.kwargs


def _options(app: Any) -> list[str]:
    return [name for argument in app.assemble_argument_collection() for name in argument.names if argument.parse]


def _explained(error: Any, command: Command, words: Sequence[str], options: Sequence[str]) -> ConfigError:
    """A parser's error as one of ours; a flag that is none is told first, for it often is why another one is missing."""
    import cyclopts

    usage = {"command": command.name}
    flags = [word.partition("=")[0] for word in (words[: words.index("--")] if "--" in words else words)]
    for flag in flags:
        if flag.startswith("--") and flag.replace("_", "-") not in options:
            return _unknown_option(flag, command, options)
    if isinstance(error, cyclopts.UnknownOptionError):  # with one hyphen: -x
        return _unknown_option(str(error.token.keyword or error.token.value), command, options)
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return ConfigError("cli.unexpected", got=" ".join(error.unused_tokens or words), **usage)
    if isinstance(error, cyclopts.RepeatArgumentError):
        return ConfigError("cli.repeated", option=error.token.keyword, **usage)
    name = error.argument.name if error.argument else ""
    if name and not name.startswith("--"):
        name = messages.text(f"cli.value_{name.lower()}")
    if isinstance(error, cyclopts.MissingArgumentError):
        return ConfigError("cli.missing_option" if name.startswith("--") else "cli.missing_argument", name=name, **usage)
    if isinstance(error, cyclopts.CoercionError) and error.token is not None:
        expected = getattr(error.target_type, "__name__", str(error.target_type))
        return ConfigError(
            "cli.bad_value", option=error.token.keyword or name, got=error.token.value, expected=expected, **usage
        )
    error.verbose = False
    return ConfigError("cli.usage", problem=str(error), **usage)


def _unknown_option(got: str, command: Command, options: Sequence[str]) -> ConfigError:
    """Names the nearest option of the command, or, where it takes them, the nearest setting: --seed, --training.seed."""
    near = difflib.get_close_matches(got, [*options, "--json", "--offline", "--lang"], n=1, cutoff=0.6)
    if not near and command.takes_settings:
        near = _nearest_setting(got)
    if near:
        return ConfigError("cli.unknown_option_near", got=got, near=near[0])
    return ConfigError("cli.unknown_option", got=got, command=command.name)


def _nearest_setting(flag: str) -> list[str]:
    from afinar.config.sources import known_paths, nearest

    path = nearest(flag.lstrip("-").replace("-", "_"), known_paths())
    return [f"--{path}"] if path else []
