"""What the kinds of cases have in common: asking for a label, showing a response, an error instead of a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afinar import messages
from afinar.audit.probes import Answer, Failure, LogLikelihood, Response, Score
from afinar.audit.schema import Suite
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict

CLASSIFICATION = "classification"


class Number(float):
    """A number in a reason: as it is in JSON; in a text with the decimal mark of the language in force."""

    def __format__(self, spec: str) -> str:
        return messages.decimal(super().__format__(spec))


def label_probe(text: str, case: Any, suite: Suite, task: str) -> Score:
    """The suite's labels for `text`; a causal model is asked the case's question, or else the suite's."""
    question = None if task == CLASSIFICATION else case.question or suite.question
    return Score(text, tuple(suite.labels.items()), question)


def shown(response: Response, label: str | None = None) -> str:
    """A response as a person should see it: the answer, `positivo 0.93`, `1.843 bits/byte`; nothing for a failure.

    label: the one whose probability is looked at, shown beside the decision where that is another one.
    """
    if isinstance(response, Failure):
        return ""
    if isinstance(response, Answer):
        return response.text
    if isinstance(response, LogLikelihood):
        return f"{response.bits_per_byte:.3f} bits/byte"
    labels = dict.fromkeys([response.label, label or response.label])
    return " · ".join(f"{name} {response.probabilities[name]:.2f}" for name in labels)


def failed(responses: Sequence[Response], texts: Sequence[tuple[str, str]]) -> Verdict | None:
    """An error where the model could not be asked something, said once per reason; None where it could.

    texts: for each response the kind of its expansion and its text.
    """
    reasons = {one.key: Reason(one.key, one.values) for one in responses if isinstance(one, Failure)}
    if not reasons:
        return None
    expansions = tuple(
        Expansion(text, shown(one), Status.ERROR if isinstance(one, Failure) else Status.INCONCLUSIVE, kind)
        for one, (kind, text) in zip(responses, texts, strict=True)
    )
    return Verdict(Status.ERROR, tuple(reasons.values()), expansions)
