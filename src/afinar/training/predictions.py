"""Generated answers of an evaluation: from rows to prompts, to answers beside their references, gathered over processes.

A prompt is what stands before a row's last answer, and nothing of that answer: the answer is scored against it, so a single
token of it in the prompt would be a leak.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase

from afinar import messages
from afinar.data.examples import IGNORED
from afinar.errors import ConfigError, DataError
from afinar.models.decoding import Generation
from afinar.models.generation import OnBatch, answer_text, before_end, generate_tokens
from afinar.models.search import end_tokens, padding_id, search
from afinar.training.arguments import SFTConfig

Row = Mapping[str, Any]

SETTINGS = {
    "max_new_tokens": "max_new_tokens",
    "generation_max_length": "max_length",
    "num_beams": "num_beams",
    "do_sample": "do_sample",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
}
"""Fields of SFTConfig, and what they are called in `gen_kwargs`."""


@dataclass(frozen=True)
class Question:
    """A row to be answered: the tokens of its prompt, and those of its answer as it is labelled (None: not known)."""

    prompt: list[int]
    answer: list[int] | None


@dataclass(frozen=True)
class Answer:
    """One generated answer beside its reference. `reference` and `reference_tokens` are None where the row has none.

    truncated: the limit of length ended it, not the model.
    """

    place: int
    prompt: str
    text: str
    tokens: list[int]
    truncated: bool
    reference: str | None
    reference_tokens: list[int] | None


@dataclass(frozen=True)
class Answered:
    """The answers of all processes, in the order of the rows. `fill` is the id that fills up arrays."""

    answers: list[Answer]
    fill: int

    @property
    def prompts(self) -> list[str]:
        """The prompts, as the rows have them where they are strings, else as the model reads them."""
        return [answer.prompt for answer in self.answers]

    @property
    def texts(self) -> list[str]:
        """The answers as text."""
        return [answer.text for answer in self.answers]

    @property
    def references(self) -> list[str | None]:
        """What each answer should have been; None where that is not known."""
        return [answer.reference for answer in self.answers]

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Token ids of the answers (N, L) and of the references (N, M), int64, filled up on the right with the pad id.

        Prompts are in neither, nor is -100: `tokenizer.batch_decode(array, skip_special_tokens=True)` reads both. The
        references are None where no row has labels.
        """
        known = [answer.reference_tokens for answer in self.answers]
        labels = None if all(tokens is None for tokens in known) else self._filled([tokens or [] for tokens in known])
        return self._filled([answer.tokens for answer in self.answers]), labels

    def counts(self) -> dict[str, float]:
        """`generated` (answers), `gen_len` (their mean length in tokens) and `truncated` (the share cut by a limit)."""
        total = len(self.answers)
        if total == 0:
            return {"generated": 0}
        length = sum(len(answer.tokens) for answer in self.answers) / total
        return {"generated": total, "gen_len": length, "truncated": sum(a.truncated for a in self.answers) / total}

    def _filled(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        whole = np.full((len(rows), max((len(row) for row in rows), default=0)), self.fill, dtype=np.int64)
        for target, row in zip(whole, rows, strict=True):
            target[: len(row)] = row
        return whole


class Answers:
    """Collects the prompts of one pass over an evaluation set, then generates for all of them at once.

    settings: how to generate. batch_size: prompts at a time. limit: only rows at places below it are answered.
    synced: the model is sharded over processes, which all generate in step (FSDP).

    Raises ConfigError without a tokenizer: it says what fills up rows and where an answer ends.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase | None,
        settings: Generation,
        *,
        batch_size: int = 8,
        limit: int | None = None,
        synced: bool = False,
    ) -> None:
        self.model, self.tokenizer, self.settings = model, needed(tokenizer), settings
        self.batch_size, self.limit, self.synced = batch_size, limit, synced
        self.asked: list[tuple[int, Row, Question]] = []

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Take rows of a batch, each with its place in the data set; place -1 is a dummy.

        Raises DataError for a row without a prompt.
        """
        for place, row in rows:
            if place >= 0 and (self.limit is None or place < self.limit):
                self.asked.append((place, row, question(row, place)))

    def generate(self, on_batch: OnBatch | None = None) -> Answered:
        """The answers to all prompts taken by all processes; on every process. Each process has to call it."""
        continued = generate_tokens(
            self.model,
            self.tokenizer,
            [asked.prompt for _, _, asked in self.asked],
            self.settings,
            places=[place for place, _, _ in self.asked],
            batch_size=self.batch_size,
            synced=self.synced,
            on_batch=on_batch,
        )
        ends = self._ends()
        own = [
            Answer(
                place=place,
                prompt=self._prompt(row, asked),
                text=answer_text(self.tokenizer, continuation.tokens),
                tokens=continuation.tokens,
                truncated=continuation.truncated,
                reference=self._reference(row, asked, ends),
                reference_tokens=asked.answer,
            )
            for (place, row, asked), continuation in zip(self.asked, continued, strict=True)
        ]
        found = sorted(gather_object(own), key=lambda answer: answer.place)
        _warn_of_long_prompts(found)
        return Answered(found, padding_id(self.tokenizer, self.settings))

    def _ends(self) -> set[int]:
        """What may end a labelled answer: every end there is, and those that the settings name."""
        return {*end_tokens(self.model, self.tokenizer), *search(self.model, self.tokenizer, self.settings).ends}

    def _prompt(self, row: Row, asked: Question) -> str:
        given = row.get("prompt")
        if isinstance(given, str):
            return given
        return str(self.tokenizer.decode(asked.prompt, clean_up_tokenization_spaces=False))

    def _reference(self, row: Row, asked: Question, ends: Collection[int]) -> str | None:
        """The row's own text, else what its labels say, read as an answer of the model is."""
        given = row.get("reference")
        if given is not None or asked.answer is None:
            return given
        return answer_text(self.tokenizer, before_end(asked.answer, ends))


def question(row: Row, place: int) -> Question:
    """The prompt and the labelled answer of a row.

    With `prompt_length` tokens before the last answer where the row says so; else the last run of supervised tokens is the
    answer. A row without labels is a prompt as a whole. Raises DataError where an answer has nothing before it.
    """
    ids = [int(token) for token in row["input_ids"]]
    length = min(int(row.get("prompt_length") or 0), len(ids))
    labels = row.get("labels")
    if labels is None:
        return Question(ids[: length or len(ids)], None)
    wanted = [int(label) for label in labels]
    if not length:
        length = _last_answer(wanted)
    if length == 0:
        raise DataError("training.no_prompt", row=place)
    answer = [label for label in wanted[length:] if label != IGNORED]
    return Question(ids[:length], answer or None)


def _last_answer(labels: Sequence[int]) -> int:
    """Where the last run of supervised tokens begins; the length of the row where there is none."""
    end = len(labels)
    while end and labels[end - 1] == IGNORED:
        end -= 1
    start = end
    while start and labels[start - 1] != IGNORED:
        start -= 1
    return start if end else len(labels)


def needed(tokenizer: PreTrainedTokenizerBase | None) -> PreTrainedTokenizerBase:
    """The tokenizer. Raises ConfigError where there is none."""
    if tokenizer is None:
        raise ConfigError("training.generation_tokenizer")
    return tokenizer


def generation_of(args: SFTConfig, overrides: Mapping[str, Any] | None = None) -> Generation:
    """The settings of generation in `args`: its fields, `gen_kwargs`, and `overrides` of one call, which win.

    Raises ConfigError for an unknown setting, a value out of range, or two values for one setting.
    """
    values = dict(args.gen_kwargs or {})
    for field, name in SETTINGS.items():
        value = getattr(args, field)
        if value is None:
            continue
        if values.setdefault(name, value) != value:
            raise ConfigError("training.generation_twice", field=field, got=value, name=name, other=values[name])
    values.setdefault("seed", args.generation_seed)
    return Generation.of(**{**values, **(overrides or {})})


def check(
    model: Any, tokenizer: PreTrainedTokenizerBase | None, args: SFTConfig, rows: Sequence[Row] | None, *, task: str
) -> None:
    """Raise before training what generating during evaluation would raise after hours.

    ConfigError for a classifier, a missing tokenizer or settings that do not hold together; DataError for a row of `rows`
    (None: not known yet, as of a stream) without a prompt.
    """
    if task == "classification":
        raise ConfigError("training.generation_classification")
    search(model, needed(tokenizer), generation_of(args))
    asked = len(rows or ()) if args.generation_max_samples is None else args.generation_max_samples
    for place in range(min(asked, len(rows or ()))):
        question(rows[place], place)  # type: ignore[index]


def _warn_of_long_prompts(answers: Sequence[Answer]) -> None:
    long = [answer.place for answer in answers if answer.truncated and not answer.tokens]
    if long and PartialState().is_main_process:
        text = messages.text("training.prompts_without_room", n=len(long), total=len(answers), row=long[0])
        warnings.warn(text, UserWarning, stacklevel=3)
