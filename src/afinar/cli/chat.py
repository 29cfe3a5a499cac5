"""`afinar chat RUN|MODEL`: a conversation, line by line, from a terminal or from piped lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from afinar import messages
from afinar.cli.compare import open_pair, show_answers
from afinar.cli.context import Context
from afinar.cli.generate import check_sampling, open_writer

if TYPE_CHECKING:
    from afinar.run import Comparison, Session

LEAVE = ("/exit", "/quit", "/sair")
CLEAR = ("/clear", "/limpar")

Messages = list[dict[str, str]]


def chat(
    model: str,
    /,
    *,
    system: str | None = None,
    max_new_tokens: int = 256,
    temperature: float = 0.7,
    top_p: float = 0.9,
    seed: int = 0,
    compare: bool = False,
    context: Context,
) -> dict[str, Any]:
    """Talk until the input ends or says so. Returns `{"messages": [...]}`, the conversation as it stands; with `compare`
    also `"base_messages"`, the base's own."""
    check_sampling(max_new_tokens, temperature, top_p)
    session = open_writer(model, context)
    options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
    opening: Messages = [{"role": "system", "content": system}] if system else []
    talk = Talk(session, opening, options, context, open_pair(session, context) if compare else None)
    if sys.stdin.isatty():
        context.note(messages.text("cli.chat_welcome", model=model))
    for line in _lines(context):
        if line in LEAVE:
            break
        if line in CLEAR:
            talk.clear()
            context.note(messages.text("cli.chat_cleared"))
        elif line.startswith("/"):
            context.note(messages.text("cli.chat_unknown", got=line.split()[0]))
        else:
            talk.say(line)
    return talk.result()


class Talk:
    """A conversation with one model, or with a model and its base, each of which remembers what it said itself."""

    def __init__(
        self, session: Session, opening: Messages, options: dict[str, Any], context: Context, pair: Comparison | None
    ) -> None:
        self.session, self.opening, self.options, self.context, self.pair = session, opening, options, context, pair
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.history, self.base_history = list(self.opening), list(self.opening)

    def say(self, line: str) -> None:
        """The person's line and the answer, or both answers."""
        if self.pair is None:
            self.history, answer = self._turn(self.session, self.history, line, shown=True)
            self.history.append({"role": "assistant", "content": answer})
            return
        from afinar.run import Answers

        with self.pair.base() as base:
            self.base_history, base_answer = self._turn(base, self.base_history, line, shown=False)
        self.history, answer = self._turn(self.session, self.history, line, shown=False)
        self.base_history.append({"role": "assistant", "content": base_answer})
        self.history.append({"role": "assistant", "content": answer})
        show_answers(Answers(base_answer, answer), self.context)

    def result(self) -> dict[str, Any]:
        """The conversation, or both."""
        return {"messages": self.history, **({} if self.pair is None else {"base_messages": self.base_history})}

    def _turn(self, session: Session, history: Messages, line: str, *, shown: bool) -> tuple[Messages, str]:
        history = [*history, {"role": "user", "content": line}]
        history = _shortened(session, history, self.opening, self.options["max_new_tokens"], self.context)
        turn = sum(message["role"] == "user" for message in history)
        return history, _answer(session, history, {**self.options, "seed": self.options["seed"] + turn}, self.context, shown)


def _lines(context: Context) -> Iterator[str]:
    """The person's lines that say something, until the input ends; with a prompt where a person types them."""
    while True:
        if sys.stdin.isatty():
            context.err.print(messages.text("cli.chat_you"), end="")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _answer(session: Session, history: Messages, options: dict[str, Any], context: Context, shown: bool) -> str:
    """The model's turn, printed as it comes where it is `shown`; Ctrl-C ends the turn, not the conversation."""
    pieces: list[str] = []
    try:
        for piece in session.stream(history, **options):
            pieces.append(piece)
            if shown and not context.json:
                context.out.print(piece, end="", soft_wrap=True)
    except KeyboardInterrupt as error:
        if type(error) is not KeyboardInterrupt:  # SIGTERM ends the process
            raise
        context.note(messages.text("cli.chat_stopped"))
    if shown:
        context.say()
    return "".join(pieces).strip()


def _shortened(session: Session, history: Messages, opening: Messages, max_new_tokens: int, context: Context) -> Messages:
    """The conversation without its oldest turns, where with the answer it would exceed what the model can read."""
    limit = session.positions  # a recurrent model has none
    turns = history[len(opening) :]
    if limit is None or _fits(session, opening + turns, limit - max_new_tokens):
        return history
    while len(turns) > 1 and not _fits(session, opening + turns, limit - max_new_tokens):
        turns = turns[2:]
    context.note(messages.text("cli.chat_shortened"))
    return opening + turns


def _fits(session: Session, history: Messages, limit: int) -> bool:
    return len(session.encode(history)) <= limit
