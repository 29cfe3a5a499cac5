"""What the data stage hands on: examples as tokens and labels, and a data set of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from afinar.data.conversations import Message

IGNORED = -100  # the label of tokens that are not learned


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One row as the model will see it.

    `labels` is, for causal tasks, an array as long as `input_ids`: each token's own id where it is learned and -100 where it
    is not, not shifted (the first token is never predicted, whatever its label). For classification it is the class number.
    It is None for a prompt alone, which is there to be answered.
    `prompt_length` is the number of tokens before the last answer; 0 where there is no prompt (text, classification).
    `n_bytes` is the UTF-8 length of the text that is predicted (special tokens are none), the denominator of bits per byte.
    `path` and `line` say where the row came from, for a block the row in which it begins. `reference` is the last answer, or
    the label's name; `prompt` what it answers: a string, messages, or the text that is classified. `weights` says how much
    each token (for classification, the row) counts in the loss, beside the others; None is 1.
    """

    input_ids: np.ndarray
    labels: np.ndarray | int | None
    prompt_length: int
    n_bytes: int
    path: str
    line: int
    reference: str | None = None
    prompt: str | list[Message] | None = None
    weights: np.ndarray | float | None = None

    @property
    def supervised_tokens(self) -> int:
        """Tokens that are predicted and learned; 0 for classification."""
        return int(np.count_nonzero(self.labels[1:] != IGNORED)) if isinstance(self.labels, np.ndarray) else 0

    def row(self) -> dict[str, Any]:
        """What training, evaluation and generation take: everything but the place, without keys for what there is not."""
        row: dict[str, Any] = {"input_ids": self.input_ids, "labels": self.labels, "weights": self.weights}
        if not isinstance(self.labels, int):
            row |= {"n_bytes": self.n_bytes, "prompt_length": self.prompt_length}
        row |= {"prompt": self.prompt, "reference": self.reference}
        return {name: value for name, value in row.items() if value is not None}


class Examples(Sequence):
    """A map-style data set of examples: `data[i]` is what a collator takes, `data.examples[i]` all that is known.

    `format` is how the rows were read, `task` "causal" or "classification", `label_names` the classes in order.
    `truncated` rows were cut at the greatest length, and `dropped` ones left out because nothing was left to learn;
    `extra_columns` were not used.
    """

    def __init__(
        self,
        examples: Iterable[Example],
        *,
        format: str,
        task: str,
        label_names: Sequence[str] = (),
        truncated: int = 0,
        dropped: int = 0,
        extra_columns: Sequence[str] = (),
    ) -> None:
        self.examples = list(examples)
        self.format = format
        self.task = task
        self.label_names = tuple(label_names)
        self.truncated = truncated
        self.dropped = dropped
        self.extra_columns = tuple(extra_columns)

    def __len__(self) -> int:
        return len(self.examples)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Examples: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | Examples:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        return self.examples[index].row()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Iterable[int]) -> Examples:
        """The examples at `indices`, in that order, as a data set of the same kind."""
        chosen = [self.examples[index] for index in indices]
        return Examples(chosen, format=self.format, task=self.task, label_names=self.label_names)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [len(example.input_ids) for example in self.examples]
