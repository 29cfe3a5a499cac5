"""The console script `afinar`.

    run()                                   # what the script calls: main() and sys.exit
    main(["train", "train.yaml", "--json"])  # the exit code: 0 done, 2 refused, 7 non-finite loss, ...

Nothing heavy is imported here: `afinar --help` must answer at once, so a command's module is loaded when it is called, and
torch when the command needs a model. `AFINAR_DEBUG=1` adds tracebacks to errors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from afinar import __version__, messages
from afinar.cli import commands, libraries, parsing
from afinar.cli.context import Context
from afinar.cli.failures import guarded, print_json, termination_raises
from afinar.cli.help import command_page, overview, show


def run() -> None:
    """Run the command line of this process and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code and never raises for what a user did."""
    flags, words = parsing.take_globals(sys.argv[1:] if argv is None else argv)
    messages.use(flags.lang if flags.lang in messages.LANGUAGES else None)
    context = Context(json=flags.json, offline=flags.offline)
    with termination_raises():
        return guarded(context, lambda: _dispatch(flags, words, context))


def _dispatch(flags: parsing.Globals, words: list[str], context: Context) -> int:
    parsing.check_language(flags.lang)
    if flags.version:
        context.say(__version__)
        return _finish(context, {"version": __version__})
    if not words or words == ["config"]:
        show(overview(), context)
        return 0
    command, rest = commands.find(words)
    if flags.help:
        show(command_page(command), context)
        return 0
    libraries.before_import(flags.offline)
    call = parsing.bind(command, rest)
    context = Context(json=flags.json, offline=flags.offline, settings=call.settings)
    return _finish(context, call.function(*call.args, **call.kwargs, context=context))


def _finish(context: Context, result: dict[str, Any]) -> int:
    """Print the result where JSON is asked for; a command that judges says in `exit_code` with which code to leave."""
    if context.json and not context.quiet:
        print_json(result)
    return int(result.get("exit_code", 0))
