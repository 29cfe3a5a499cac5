"""Two answers side by side: `afinar chat RUN --compare` and `afinar generate RUN "..." --compare`.

On a wide terminal in two columns, on a narrow one below each other, and in a file or a pipe as plain lines with their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from afinar import messages
from afinar.cli.context import Context

if TYPE_CHECKING:
    from afinar.run import Answers, Comparison, Session

COLUMN = 36
"""Characters that an answer needs beside another one; narrower, they stand below each other."""


def open_pair(session: Session, context: Context) -> Comparison:
    """The session beside its base; told where the base is loaded a second time."""
    from afinar import run as pipeline

    pair = pipeline.compare(session, offline=context.offline)
    if pair.beside is not None:
        context.note(messages.text("cli.base_beside", name=session.base_model.name))
    return pair


def show_answers(answers: Answers, context: Context) -> None:
    """Both answers, under their names."""
    named = [(messages.text("cli.base_side"), answers.base), (messages.text("cli.adapted_side"), answers.adapted)]
    if context.out.is_terminal:
        context.show(side_by_side(named, context.out.width))
        return
    for name, answer in named:
        context.say(f"{name}> {answer}")


def side_by_side(named: list[tuple[str, str]], width: int) -> RenderableType:
    """Named texts in columns of a table `width` wide where each gets :data:`COLUMN`, else one below the other."""
    panels = [
        Panel(Text(answer or "-"), title=name, title_align="left", box=box.ROUNDED, padding=(0, 1)) for name, answer in named
    ]
    if width < COLUMN * len(named):
        return Group(*panels)
    columns = Table.grid(expand=True)
    for _ in panels:
        columns.add_column(ratio=1)
    columns.add_row(*panels)
    return columns
