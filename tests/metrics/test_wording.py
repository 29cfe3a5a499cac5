"""Figures and findings as a person reads them, in both languages."""

from __future__ import annotations

import math

import pytest

from afinar import messages
from afinar.metrics.paired import compare_flips, compare_means
from afinar.metrics.wording import finding, p_value, signed_interval, with_interval


@pytest.mark.parametrize(
    ("before", "after", "en", "pt"),
    [
        ([False] * 12, [True] * 12, "better, p < 0.001", "melhor, p < 0,001"),
        ([True] * 7 + [False] * 9, [False] * 16, "worse, p = 0.016", "pior, p = 0,016"),
        ([True, False] * 40, [False, True] * 40, "no difference found at n = 80", "nenhuma diferença encontrada com n = 80"),
        ([True] * 9, [False] * 5 + [True] * 4, "too few changes to tell", "poucas mudanças para concluir"),
    ],
)
def test_findings(before: list[bool], after: list[bool], en: str, pt: str) -> None:
    found = compare_flips(before, after).as_dict()
    assert finding(found) == en
    messages.use("pt")
    assert finding(found) == pt


@pytest.mark.parametrize(
    ("p", "said"), [(0.0009, "p < 0.001"), (0.001, "p = 0.001"), (0.0494, "p = 0.049"), (1.0, "p = 1.000")]
)
def test_p_values(p: float, said: str) -> None:
    assert p_value(p) == said


@pytest.mark.parametrize(
    ("metric", "measured", "said"),
    [
        ("accuracy", {"accuracy": 0.8666, "accuracy_low": 0.794, "accuracy_high": 0.917}, "0.867 (0.794–0.917)"),
        ("perplexity", {"perplexity": 12.178, "perplexity_low": 11.9, "perplexity_high": 12.47}, "12.18 (11.90–12.47)"),
        ("perplexity", {"perplexity": 287.71}, "287.7"),
        ("byte_perplexity", {"byte_perplexity": 34567.8}, "34,568"),
        ("bleu", {"bleu": 31.415, "bleu_low": 28.0, "bleu_high": 34.96}, "31.4 (28.0–35.0)"),
        ("mcc", {"mcc": 0.1, "mcc_low": -0.1, "mcc_high": 0.3}, "0.100 (-0.100 to 0.300)"),
        ("loss", {"loss": 2.5, "loss_low": -math.inf, "loss_high": math.inf}, "2.500"),
        ("f1", {"f1": 0.5, "f1_low": 0.4}, "0.500"),
        ("f1", {}, "-"),
        ("f1", {"f1": None}, "-"),
    ],
)
def test_values_with_intervals(metric: str, measured: dict[str, float], said: str) -> None:
    assert with_interval(metric, measured) == said


def test_differences_have_their_sign() -> None:
    found = compare_means([2.0, 3.0, 2.5, 4.0, 3.0, 2.0, 3.5], [1.0, 2.5, 2.0, 3.0, 2.5, 1.0, 2.0]).as_dict()
    told = signed_interval("loss", found)
    assert told.startswith("-0.857 (-1.")
    assert told.endswith(")")
    assert signed_interval("loss", {"difference": 0.25, "low": -0.1, "high": 0.6}) == "+0.250 (-0.100 to +0.600)"
    assert signed_interval("loss", {"difference": -0.0001}) == "0.000"  # neither sign before a zero
    assert signed_interval("perplexity", {"difference": -4.0, "low": -300.0, "high": 290.0}) == "-4.0 (-300.0 to +290.0)"
