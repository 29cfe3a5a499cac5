"""The three things that a suite asks of a model, and what it may answer. No model here, and no torch.

A case is turned into probes, the runner puts all probes of all cases to the model in batches (equal ones once), and the case
is judged by its responses. So an error in one case cannot touch another, and an expensive model is read through once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ask:
    """Continue or answer `prompt`: a text, or a conversation as (role, content) pairs.

    temperature 0 is greedy. `seed` belongs to this probe alone, so that adding a case changes no other.
    """

    prompt: str | tuple[tuple[str, str], ...]
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Score:
    """The probability of each label for `text`.

    labels: the canonical names, each with its other names. question: how a causal model is asked, with `{input}`.
    """

    text: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]
    question: str | None = None


@dataclass(frozen=True)
class Likelihood:
    """How likely `text` is after `context` (may be empty: then after the BOS, where the model has one)."""

    text: str
    context: str = ""


Probe = Ask | Score | Likelihood


@dataclass(frozen=True)
class Answer:
    """Only the continuation, never the prompt. truncated: the limit of tokens cut it off."""

    text: str
    truncated: bool = False


@dataclass(frozen=True)
class Scores:
    """Probability of each canonical label; they sum to 1."""

    probabilities: Mapping[str, float]

    @property
    def label(self) -> str:
        """The likeliest label; of equal ones the first."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


@dataclass(frozen=True)
class LogLikelihood:
    """Summed log-likelihood in nats (<= 0) of `tokens` tokens, which are `n_bytes` bytes of UTF-8."""

    nats: float
    tokens: int
    n_bytes: int

    @property
    def bits_per_byte(self) -> float:
        """-nats / (ln 2 · bytes): comparable between texts of different length and between tokenizers."""
        return -self.nats / (0.6931471805599453 * self.n_bytes)


@dataclass(frozen=True)
class Failure:
    """The model could not be asked: the text of the catalogue that says why. Never a pass."""

    key: str
    values: Mapping[str, Any]


Response = Answer | Scores | LogLikelihood | Failure


class Subject(Protocol):
    """A model under audit."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def task(self) -> str:
        """causal | classification."""

    def respond(self, probes: Sequence[Probe], on_progress: Any = None) -> list[Response]:
        """A response for each probe, in their order; what cannot be answered is a :class:`Failure`, not an exception."""
