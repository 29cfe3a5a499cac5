"""Rows to tokens and loss masks, and prompts to tokens: one path for training, evaluation and generation.

**What is learned** is told by span, never by token id, so nothing changes where pad == eos, or where a special token stands
in a prompt:

- text: every token, then EOS;
- prompt and completion: the completion, then EOS;
- conversations: each assistant turn with the token that ends it, not its header, not the blanks after its end. Where the
  template marks turns with {% generation %}, the marks are followed (and carried on through an end-of-turn token that they
  leave out); else a turn is what the template adds to the messages before it with the generation prompt. A last turn that
  the template ends without any special token gets EOS, so that the model learns to stop. Messages after the last
  assistant turn teach nothing and are left out.

An Encoder can be told to learn more: prompts too, or conversations whole.

**Prompts are proven prefixes.** A model is asked with the tokens of the prompt alone; they must begin the row it was trained
on, token by token. A chat template for which that is not so (for instance one that rewrites earlier turns) is an error that
names the row.

**Plain strings and chat templates.** If the tokenizer has a chat template, a string prompt is a user turn and its completion
an assistant turn. TRL joins the strings instead; then a model that `chat` or a server asks through its template has never
seen the template with its answers. Without a template: prompt + completion + EOS, and the classic Alpaca text for Alpaca rows.

**BOS** comes where the tokenizer puts it before a text; in a conversation only where the template writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from afinar.data.conversations import Message
from afinar.data.encoded import Encoded, cut_text, only_prompt
from afinar.data.formats import Asked, Completion, Labelled, Record, Text, Turns
from afinar.data.rows import Place
from afinar.data.templates import ChatTemplate, common_prefix
from afinar.data.tokens import Tokens, byte_counts, eos_id, special_ids, surroundings, tokenise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ASKED = Place("prompt", 1)  # the place of a prompt that comes from no file


class Encoder:
    """Turns records into tokens and masks for one tokenizer.

    learn_prompts: the prompt before a completion is learned too. learn_conversations: a conversation is learned whole, its
    last messages included where nobody answers them; of a completion that is a list of messages, all of them. answers_only:
    the name of a setting that asks for answers only; running text, which has none, is then an error.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        learn_prompts: bool = False,
        learn_conversations: bool = False,
        answers_only: str | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.answers_only = answers_only
        self.learn_prompts = learn_prompts
        self.learn_conversations = learn_conversations
        self.prefix, self.suffix = surroundings(tokenizer)
        self.special = special_ids(tokenizer)
        self._special = np.asarray(sorted(self.special), dtype=np.int32)
        self.template = ChatTemplate(tokenizer) if tokenizer.chat_template else None

    def encode(self, record: Record, place: Place) -> Encoded:
        """Tokens and mask of a record. Raises DataError, naming the row, where nothing in it would be learned."""
        match record:
            case Text():
                if self.answers_only:
                    raise place.error("data.no_answers", setting=self.answers_only)
                encoded = self._text(record.text)
            case Labelled():
                encoded = self._labelled(record)
            case Turns():
                encoded = self._turns(record, place)
            case Completion():
                encoded = self._completion(record, place)
            case Asked():
                encoded = only_prompt(self.prompt(record.prompt, place), record.prompt)
        spoken = encoded.label is not None or encoded.asks
        learns = len(encoded.ids) if spoken else encoded.supervised[1:].any()
        if not learns:
            raise place.error("data.unsupervised")
        return encoded

    def prompt(self, prompt: str | Sequence[Message], place: Place, *, chat: bool | None = None) -> np.ndarray:
        """The tokens to ask a model with; see :func:`encode_prompt`."""
        if isinstance(prompt, str) and not (self.template if chat is None else chat):
            return self._with_prefix(tokenise(self.tokenizer, prompt).ids)
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        return self._need_template(place).tokens(messages, place, prompt=True).ids

    def _need_template(self, place: Place) -> ChatTemplate:
        if self.template is None:
            raise place.error("data.no_template")
        return self.template

    def _with_prefix(self, ids: np.ndarray) -> np.ndarray:
        return np.concatenate([np.asarray(self.prefix, dtype=np.int32), ids])

    def _bytes(self, text: str, tokens: Tokens) -> np.ndarray:
        """Bytes per token; special tokens stand for none of the text's."""
        counts = byte_counts(text, tokens)
        counts[np.isin(tokens.ids, self._special)] = 0
        return counts

    def _text(self, text: str) -> Encoded:
        tokens = tokenise(self.tokenizer, text)
        ids, counts = self._ended(self._with_prefix(tokens.ids), self._bytes(text, tokens))
        return Encoded(ids, np.ones(len(ids), dtype=bool), counts)

    def _labelled(self, record: Labelled) -> Encoded:
        """The text as the tokenizer frames it, and EOS: one place, the same in every row, from which the class is read.

        Source: Radford et al. 2018, "Improving language understanding by generative pre-training", section 3.3 (there the
        token is called extract). Pooling at a text's last word instead cost 0.10 accuracy on afinar-mini.
        """
        tokens = tokenise(self.tokenizer, record.text)
        eos = eos_id(self.tokenizer)
        suffix = list(self.suffix) if self.suffix and self.suffix[-1] == eos else [*self.suffix, eos]
        ids = np.concatenate([self._with_prefix(tokens.ids), np.asarray(suffix, dtype=np.int32)])
        ids = ids if len(tokens) else ids[:0]
        return Encoded(
            ids,
            supervised=np.zeros(len(ids), dtype=bool),
            bytes=np.zeros(len(ids), dtype=np.int32),
            prompt=record.text,
            reference=record.label,
            label=record.label,
            tail=len(suffix),
        )

    def _ended(self, ids: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`ids` with EOS at the end, once, and the bytes of as many tokens (none for those around the text)."""
        eos = eos_id(self.tokenizer)
        if not len(ids) or ids[-1] != eos:
            ids = np.append(ids, np.int32(eos))
        before = len(self.prefix)
        return ids, np.pad(counts, (before, len(ids) - before - len(counts)))

    def _completion(self, record: Completion, place: Place) -> Encoded:
        if self.template is not None:
            turns = ({"role": "user", "content": record.prompt}, {"role": "assistant", "content": record.completion})
            encoded = self._turns(Turns(turns, first=1), place)
            prompt = record.prompt
        else:
            encoded = self._plain(record.plain_prompt, record.completion)
            prompt = record.plain_prompt
        return Encoded(
            encoded.ids, encoded.supervised, encoded.bytes, encoded.prompt_length, prompt=prompt, reference=record.completion
        )

    def _plain(self, prompt: str, completion: str) -> Encoded:
        """prompt + completion + EOS. Tokenised together where the prompt's own tokens stay as they are, else apart."""
        asked, whole = tokenise(self.tokenizer, prompt), tokenise(self.tokenizer, prompt + completion)
        ids, counts = whole.ids, self._bytes(prompt + completion, whole)
        if common_prefix(asked.ids, whole.ids) < len(asked) or len(whole) == len(asked):
            answer = tokenise(self.tokenizer, completion)
            ids = np.concatenate([asked.ids, answer.ids])
            counts = np.concatenate([self._bytes(prompt, asked), self._bytes(completion, answer)])
        length = len(self.prefix) + len(asked)
        ids, counts = self._ended(self._with_prefix(ids), counts)
        first = 0 if self.learn_prompts else length
        return Encoded(ids, np.arange(len(ids)) >= first, counts, prompt_length=length)

    def _turns(self, record: Turns, place: Place) -> Encoded:
        if self.learn_conversations or (self.learn_prompts and record.first):
            return self._whole(record, place)
        turns = [i for i, message in enumerate(record.messages) if i >= record.first and message["role"] == "assistant"]
        if not turns or not any(record.messages[turn]["content"].strip() for turn in turns):
            raise place.error("data.no_assistant")
        template = self._need_template(place)
        messages = list(record.messages[: turns[-1] + 1])
        text = template.render(messages, place, prompt=False)
        tokens = tokenise(self.tokenizer, text)
        spans, length = template.spans(messages, turns, text, tokens, place)
        ids, counts = tokens.ids, self._bytes(text, tokens)
        supervised = np.zeros(len(ids), dtype=bool)
        for start, end in spans:
            supervised[start:end] = True
        last = spans[-1][1] if spans else 0
        if last and int(ids[last - 1]) not in self.special:
            ids, counts = np.append(ids[:last], np.int32(eos_id(self.tokenizer))), np.append(counts[:last], np.int32(0))
            supervised = np.append(supervised[:last], True)
        return Encoded(ids, supervised, counts, length, prompt=messages[:-1], reference=messages[-1]["content"])

    def _whole(self, record: Turns, place: Place) -> Encoded:
        """A conversation learned from the message `record.first` on, or from its start, headers and blanks included."""
        template, messages = self._need_template(place), list(record.messages)
        text = template.render(messages, place, prompt=False)
        tokens = tokenise(self.tokenizer, text)
        ids, counts = tokens.ids, self._bytes(text, tokens)
        if not template.ends_turn(text, tokens):
            ids, counts = np.append(ids, np.int32(eos_id(self.tokenizer))), np.append(counts, np.int32(0))
        begun = record.first and not self.learn_prompts
        first = template.prompt_length(messages, record.first, tokens, place) if begun else 0
        encoded = Encoded(ids, np.arange(len(ids)) >= first, counts)
        if len(messages) == 1 or messages[-1]["role"] != "assistant":
            return encoded
        asked = template.tokens(messages[:-1], place, prompt=True).ids
        length = len(asked) if common_prefix(asked, ids) == len(asked) else 0  # learned whole, it need not be a prefix
        return replace(encoded, prompt_length=length, prompt=messages[:-1], reference=messages[-1]["content"])


def encode_classified(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> list[int]:
    """The tokens of a text to classify, as in training: framed by the tokenizer, ended by EOS, cut before it."""
    encoded = Encoder(tokenizer).encode(Labelled(text, ""), Place("text", 1))
    return cut_text(encoded, max_length).tolist()


def encode_prompt(
    tokenizer: PreTrainedTokenizerBase, prompt: str | Sequence[Message], *, chat: bool | None = None
) -> list[int]:
    """The tokens to ask a model with: those that stood before the answer in training.

    A string is a user turn where the tokenizer has a chat template, else it is taken as it stands, after what the tokenizer
    puts before a text (BOS). `chat=False` takes it as it stands in any case, to continue running text.

    Raises:
        DataError: Messages, or chat=True, without a chat template; or a template that refuses the messages.
    """
    return Encoder(tokenizer).prompt(prompt, ASKED, chat=chat).tolist()


def stop_token_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The tokens at which an answer ends: EOS, and the one with which the chat template ends an assistant turn.

    The two differ in many models (<|endoftext|> and <|im_end|>); generation has to stop at either.
    """
    stops = set() if tokenizer.eos_token_id is None else {int(tokenizer.eos_token_id)}
    if tokenizer.chat_template:
        template = ChatTemplate(tokenizer)
        question: Message = {"role": "user", "content": "a"}
        asked = template.tokens([question], ASKED, prompt=True).ids
        whole = template.tokens([question, {"role": "assistant", "content": "a"}], ASKED, prompt=False).ids
        answer = whole[common_prefix(asked, whole) :].tolist()
        stops |= set([token for token in answer if token in template.special][-1:])
    return tuple(sorted(stops))
