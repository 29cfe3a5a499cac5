"""`afinar chat RUN|MODEL`: a conversation, line by line, from a terminal or from piped lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.generate import check_sampling, open_writer

if TYPE_CHECKING:
    from afinar.run import Session

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
    context: Context,
) -> dict[str, Any]:
    """Talk until the input ends or says so. Returns `{"messages": [...]}`, the conversation as it stands."""
    check_sampling(max_new_tokens, temperature, top_p)
    session = open_writer(model, context)
    opening: Messages = [{"role": "system", "content": system}] if system else []
    history = list(opening)
    if sys.stdin.isatty():
        context.note(messages.text("cli.chat_welcome", model=model))
    for line in _lines(context):
        if line in LEAVE:
            break
        if line in CLEAR:
            history = list(opening)
            context.note(messages.text("cli.chat_cleared"))
        elif line.startswith("/"):
            context.note(messages.text("cli.chat_unknown", got=line.split()[0]))
        else:
            history.append({"role": "user", "content": line})
            history = _shortened(session, history, opening, max_new_tokens, context)
            turn = sum(message["role"] == "user" for message in history)
            options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed + turn}
            history.append({"role": "assistant", "content": _answer(session, history, options, context)})
    return {"messages": history}


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


def _answer(session: Session, history: Messages, options: dict[str, Any], context: Context) -> str:
    """The model's turn, printed as it comes; Ctrl-C ends the turn, not the conversation."""
    pieces: list[str] = []
    try:
        for piece in session.stream(history, **options):
            pieces.append(piece)
            if not context.json:
                context.out.print(piece, end="", soft_wrap=True)
    except KeyboardInterrupt as error:
        if type(error) is not KeyboardInterrupt:  # SIGTERM ends the process
            raise
        context.note(messages.text("cli.chat_stopped"))
    context.say()
    return "".join(pieces).strip()


def _shortened(session: Session, history: Messages, opening: Messages, max_new_tokens: int, context: Context) -> Messages:
    """The conversation without its oldest turns, where with the answer it would exceed what the model can read."""
    limit = getattr(session.model.config, "max_position_embeddings", None)  # a recurrent model has none
    turns = history[len(opening) :]
    if limit is None or _fits(session, opening + turns, limit - max_new_tokens):
        return history
    while len(turns) > 1 and not _fits(session, opening + turns, limit - max_new_tokens):
        turns = turns[2:]
    context.note(messages.text("cli.chat_shortened"))
    return opening + turns


def _fits(session: Session, history: Messages, limit: int) -> bool:
    return len(session.encode(history)) <= limit
