"""The commands' pages of the docs, from the same pages as `--help`: `python -m afinar.cli.reference [DOCS]`."""

from __future__ import annotations

from pathlib import Path

from afinar import messages
from afinar.cli.commands import COMMANDS, Command
from afinar.cli.help import Entry, Part, global_part, own_parts, setting_parts

EXIT_CODES = (0, 1, 2, 3, 4, 5, 6, 7, 130, 143)


def reference(language: messages.Language) -> str:
    """The whole page in one language, as Markdown."""
    messages.use(language)
    try:
        parts = [f"# {messages.text('cli.reference_title')}", messages.text("cli.reference_about")]
        for command in COMMANDS.values():
            parts += _command(command)
        title, entries = global_part()
        parts += [f"## {title}", _table(entries), *_settings(), *_exit_codes()]
        return "\n\n".join(parts) + "\n"
    finally:
        messages.use(None)


def _command(command: Command) -> list[str]:
    usage = messages.text(f"cli.usage_{command.key}").partition(": ")[2]
    parts = [f"## afinar {command.name}", f"```\n{usage}\n```", messages.text(f"cli.{command.key}")]
    return parts + _parts(own_parts(command))


def _settings() -> list[str]:
    return [
        f"## {messages.text('cli.reference_settings')}",
        messages.text("cli.reference_precedence"),
        *_parts(setting_parts()),
    ]


def _parts(parts: list[Part]) -> list[str]:
    return [block for title, entries in parts for block in (f"**{title}**", _table(entries))]


def _table(entries: list[Entry]) -> str:
    heads = ["", messages.text("cli.reference_meaning"), messages.text("cli.reference_default")]
    rows = [
        [f"`{_cell(e.name)}`", _cell(e._replace(default="").details), f"`{e.default}`" if e.default else ""] for e in entries
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * 3, *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _exit_codes() -> list[str]:
    rows = [f"| {code} | {messages.text(f'cli.exit_{code}')} |" for code in EXIT_CODES]
    return [f"## {messages.text('cli.reference_exit_codes')}", "\n".join(["| | |", "| --- | --- |", *rows])]


def write(docs: Path) -> list[Path]:
    """Write `<docs>/<language>/commands.md` for each language; returns the files."""
    written = []
    for language in messages.LANGUAGES:
        path = docs / language / "commands.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reference(language), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(Path("docs")):
        print(path)
