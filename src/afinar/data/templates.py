"""The chat template of a tokenizer: rendering, the proof that a prompt is a prefix, and the spans of assistant turns.

Tokens are made from the rendered text with no special tokens added, as transformers does it: what the template writes is
what the model sees. So BOS is there once if the template writes it, and is not there if it does not; servers that use
`apply_chat_template` see the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from afinar.data.conversations import Message
from afinar.data.rows import Place
from afinar.data.tokens import Tokens, special_ids, tokenise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]  # first token, and the one after the last

_generation = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")


class ChatTemplate:
    """A tokenizer's chat template. In every method `place` is where the row came from, for errors."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.source = tokenizer.get_chat_template()
        self.special = special_ids(tokenizer)
        # Marked spans are characters; without places of tokens (tokenizers in Python) prefixes are used instead.
        self.has_markers = tokenizer.is_fast and _generation.search(self.source) is not None

    def render(self, messages: Sequence[Message], place: Place, *, prompt: bool) -> str:
        """The text of `messages`; with `prompt`, up to where the next assistant turn begins."""
        return self._render(messages, prompt, False, place)[0]

    def tokens(self, messages: Sequence[Message], place: Place, *, prompt: bool) -> Tokens:
        """The tokens of `messages`; with `prompt`, up to where the next assistant turn begins."""
        return tokenise(self.tokenizer, self.render(messages, place, prompt=prompt))

    def spans(
        self, messages: Sequence[Message], turns: Sequence[int], text: str, tokens: Tokens, place: Place
    ) -> tuple[list[Span], int]:
        """Where the assistant turns with the indices `turns` (the last message among them) stand in the `tokens` of `text`,
        and the length of the prompt before the last one.

        A span begins after the turn's header and ends with the token that ends the turn.

        Raises:
            DataError: The tokens of the messages before a turn do not begin those of the whole (data.template_prefix), or
                a turn is rendered otherwise once others follow it (data.template_turn).
        """
        asked = self.prompt_length(messages, turns[-1], tokens, place)
        if self.has_markers:
            spans = self._marked_turns(messages, turns, tokens, place)
        else:
            starts = [*(self.prompt_length(messages, turn, tokens, place) for turn in turns[:-1]), asked]
            ends = [self._turn_end(messages, turn, text, tokens, place) for turn in turns]
            spans = list(zip(starts, ends, strict=True))
        return [(start, self._without_blanks(text, tokens, start, end)) for start, end in spans], asked

    def ends_turn(self, text: str, tokens: Tokens) -> bool:
        """Whether the last of `tokens` that is not blank in `text` ends a turn."""
        end = self._without_blanks(text, tokens, 0, len(tokens))
        return self._ends_special(tokens, end)

    def prompt_length(self, messages: Sequence[Message], turn: int, tokens: Tokens, place: Place) -> int:
        """Tokens before the message `turn`, proven to begin the whole: for an answer, those a model is asked with."""
        asked = self.tokens(messages[:turn], place, prompt=messages[turn]["role"] == "assistant")
        if common_prefix(asked.ids, tokens.ids) < len(asked):
            raise place.error("data.template_prefix", turn=turn + 1)
        return len(asked)

    def _turn_end(self, messages: Sequence[Message], turn: int, text: str, tokens: Tokens, place: Place) -> int:
        """Where the turn `turn` ends in `tokens`. Raises DataError where the template renders it otherwise in the whole."""
        before = len(self.render(messages[:turn], place, prompt=True))
        until = self.render(messages[: turn + 1], place, prompt=False)
        shared = next((index for index, pair in enumerate(zip(until, text, strict=False)) if pair[0] != pair[1]), len(until))
        if turn < len(messages) - 1 and messages[turn]["content"].strip() not in until[before:shared]:
            raise place.error("data.template_turn", turn=turn + 1)
        return self._reach(messages, turn, tokens, place)

    def _reach(self, messages: Sequence[Message], turn: int, tokens: Tokens, place: Place) -> int:
        """How far the messages up to `turn` begin the whole; short of their own end where a template closes only the last."""
        if turn == len(messages) - 1:
            return len(tokens)
        return common_prefix(self.tokens(messages[: turn + 1], place, prompt=False).ids, tokens.ids)

    def _marked_turns(self, messages: Sequence[Message], turns: Sequence[int], tokens: Tokens, place: Place) -> list[Span]:
        """The marked spans from the turn `turns[0]` on, each with the token that ends its turn."""
        spans = self._marked(messages, tokens, place)
        if any(message["role"] == "assistant" for message in messages[: turns[0]]):
            floor = self.prompt_length(messages, turns[0], tokens, place)
            spans = [span for span in spans if span[0] >= floor]
        if all(self._ends_special(tokens, end) for _, end in spans):
            return spans
        ends = [self._reach(messages, turn, tokens, place) for turn in turns]
        return [(start, self._carried_on(tokens, end, ends)) for start, end in spans]

    def _marked(self, messages: Sequence[Message], tokens: Tokens, place: Place) -> list[Span]:
        """The tokens inside each of the template's {% generation %} blocks.

        transformers' own `return_assistant_tokens_mask` takes the first token of a span's last character for its end, and so
        loses the rest of a character of several tokens (an ã at the end of a turn); here every token of the span counts.
        """
        spans = []
        for first, last in self._render(messages, False, True, place)[1]:
            inside = np.flatnonzero((tokens.ends > first) & (tokens.starts < last))
            if last > first and len(inside):
                spans.append((int(inside[0]), int(inside[-1]) + 1))
        return spans

    def _ends_special(self, tokens: Tokens, end: int) -> bool:
        return end > 0 and int(tokens.ids[end - 1]) in self.special

    def _carried_on(self, tokens: Tokens, end: int, turn_ends: Sequence[int]) -> int:
        """The end of a marked span, moved on to the end-of-turn token that follows outside the marks, if one does."""
        limit = next((turn_end for turn_end in turn_ends if turn_end >= end), end)
        following = (position for position in range(end, limit) if int(tokens.ids[position]) in self.special)
        return end if self._ends_special(tokens, end) else next(following, end - 1) + 1

    def _without_blanks(self, text: str, tokens: Tokens, start: int, end: int) -> int:
        """The end of a span without the blanks after its end-of-turn token (ChatML's line feed): no model has to say them."""
        last = end
        while last > start and not text[tokens.starts[last - 1] : tokens.ends[last - 1]].strip():
            last -= 1
        return last if last > start and self._ends_special(tokens, last) else end

    def _render(self, messages: Sequence[Message], prompt: bool, spans: bool, place: Place) -> tuple[str, list[Span]]:
        """The rendered text, and with `spans` the characters inside its {% generation %} blocks."""
        from jinja2.exceptions import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        options: dict[str, Any] = {
            **self.tokenizer.special_tokens_map,
            "chat_template": self.source,
            "add_generation_prompt": prompt,
            "return_assistant_tokens_mask": spans,
        }
        rendered: Any  # annotated as str in transformers, but a pair of lists
        try:
            rendered = render_jinja_template([list(messages)], **options)
        except (TemplateError, TypeError, ValueError) as error:
            reason = str(error).strip() or type(error).__name__
            raise place.error("data.template", reason=reason) from error
        texts, indices = rendered
        return texts[0], indices[0] if spans else []


def common_prefix(left: np.ndarray, right: np.ndarray) -> int:
    """How many tokens `left` and `right` share from the start."""
    length = min(len(left), len(right))
    differs = np.flatnonzero(left[:length] != right[:length])
    return int(differs[0]) if len(differs) else length
