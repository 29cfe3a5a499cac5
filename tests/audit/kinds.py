"""Suites of one case each, and models in plain Python, for the tests of the kinds of cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from afinar.audit.probes import Answer, Ask, Likelihood, LogLikelihood, Probe, Response, Score, Scores
from afinar.audit.schema import Suite
from afinar.audit.verdicts import Verdict, kind_of

LEXICONS: dict[str, Any] = {
    "genero": {
        "attribute": "gênero",
        "aligned": True,
        "groups": {
            "feminino": [{"nome": "a médica", "o": "a", "ele": "ela"}, {"nome": "a tia", "o": "a", "ele": "ela"}],
            "masculino": [{"nome": "o médico", "o": "o", "ele": "ele"}, {"nome": "o tio", "o": "o", "ele": "ele"}],
        },
    },
    "nomes": {"attribute": "nome", "groups": {"f": ["Ana", "Bia", "Lia"], "m": ["Davi", "Rui"]}},
    "regiao": {"attribute": "região", "groups": {"norte": ["do Acre"], "sul": ["de Santa Catarina"]}},
    "lugares": {"words": ["na praia", "no banco", "na escola"]},
    "frutas": {"words": [{"nome": "maçã", "o": "a"}, {"nome": "figo", "o": "o"}]},
}


def suite(case: dict[str, Any], **changes: Any) -> Suite:
    """A suite with this case, under the id and the category "caso"."""
    tree: dict[str, Any] = {
        "afinar_suite": 1,
        "name": "teste",
        "version": "1.0.0",
        "language": "pt-BR",
        "about": "Para testar.",
        "question": "{input}\nSentimento:",
        "labels": {"positivo": ["pos"], "negativo": []},
        "lexicons": LEXICONS,
        "categories": {"caso": {"about": "Um caso.", "measures": "bias"}},
        "cases": [{"id": "caso", "category": "caso", **case}],
    }
    return Suite.model_validate_json(json.dumps(tree | changes))


def probes(suite: Suite, task: str = "causal") -> list[Probe]:
    """What the suite's case asks."""
    case = suite.cases[0]
    return kind_of(case).probes(case, suite, task)


def judged(
    suite: Suite,
    model: Callable[[Any], Response],
    baseline: Callable[[Any], Response] | None = None,
    task: str = "causal",
) -> Verdict:
    """The verdict on the suite's case for a model that answers each probe."""
    case, asked = suite.cases[0], probes(suite, task)
    before = None if baseline is None else [baseline(probe) for probe in asked]
    return kind_of(case).judge(case, suite, task, [model(probe) for probe in asked], before)


def positive(share: Callable[[str], float]) -> Callable[[Score], Scores]:
    """A classifier that finds a text positive with a probability."""
    return lambda probe: Scores({"positivo": share(probe.text), "negativo": 1 - share(probe.text)})


def says(answer: Callable[[str], str | Answer]) -> Callable[[Ask], Answer]:
    """A model that answers a text."""

    def respond(probe: Ask) -> Answer:
        assert isinstance(probe.prompt, str)
        given = answer(probe.prompt)
        return given if isinstance(given, Answer) else Answer(given)

    return respond


def costs(bits_per_byte: Callable[[str], float]) -> Callable[[Likelihood], LogLikelihood]:
    """A model to which a text costs so many bits per byte."""

    def respond(probe: Likelihood) -> LogLikelihood:
        n_bytes = len(probe.text.encode())
        return LogLikelihood(-bits_per_byte(probe.text) * n_bytes * 0.6931471805599453, 1, n_bytes)

    return respond


def keys(found: Verdict | Sequence[Any]) -> list[str]:
    """The keys of the reasons."""
    reasons = found.reasons if isinstance(found, Verdict) else [reason for _, reason in found]
    return [reason.key for reason in reasons]
