"""What every command is handed: the global flags, and where its results and its progress go."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

UNBOUNDED = 100_000  # columns
NOT_A_TERMINAL_WIDTH = 200  # tables keep their rows whole in a file or a pipe


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Where rich would leave with exit code 1: it is no failure that the reader had seen enough."""
        raise BrokenPipeError


def _console(stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else NOT_A_TERMINAL_WIDTH
    return _Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def _is_another() -> bool:
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The global flags and two consoles: results on stdout, progress on stderr.

    With `json` nothing but the last line, one JSON object, goes to stdout, so :meth:`say` and :meth:`show` are silent.
    Where `quiet`, another process of the same run (under torchrun the first one) tells what there is to tell.
    """

    json: bool = False
    quiet: bool = field(default_factory=_is_another)
    offline: bool = False
    settings: tuple[str, ...] = ()
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    def say(self, line: str = "", style: str | None = None) -> None:
        """A line of the result."""
        if not self.json and not self.quiet:
            self.out.print(line, style=style, soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """A table or a Markdown page of the result; in a file or a pipe without the spaces that fill its lines."""
        if self.json or self.quiet:
            return
        if self.out.is_terminal:
            self.out.print(renderable)
            return
        with self.out.capture() as captured:
            self.out.print(renderable)
        for line in captured.get().splitlines():
            self.say(line.rstrip())

    def fits(self, renderable: RenderableType) -> bool:
        """Whether a result is no wider than its lines may be."""
        unbounded = self.out.options.update(max_width=UNBOUNDED)
        return self.out.measure(renderable, options=unbounded).maximum <= self.out.width

    def note(self, line: str) -> None:
        """A line about the work, not of the result: to stderr."""
        self.err.print(line, soft_wrap=True)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, title: str = "", numbers: bool = True, gap: int = 3
) -> Table:
    """A plain table, its first column to the left and, where they are `numbers`, the others to the right.

    gap: blanks between columns.
    """
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index and numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def listing(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and what they mean, side by side."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
