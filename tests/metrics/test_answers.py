from __future__ import annotations

import math

import numpy as np
import pytest

from afinar.errors import DataError
from afinar.metrics.answers import answer_metrics, compare_answers
from afinar.metrics.generation import generation_metrics, row_scores
from afinar.metrics.intervals import wilson
from afinar.metrics.paired import compare_flips, compare_means

NAMES = ("bleu", "chrf", "rouge1", "rouge2", "rougeL", "token_f1", "exact_match")
NOUNS = ["gato", "livro", "rio", "mapa", "navio", "sino", "trem", "vento"]


def texts(n: int = 40, wrong: float = 0.0, seed: int = 0) -> list[str]:
    """Sentences of six words; with `wrong`, the share of words that differ from those of the same seed without."""
    generator = np.random.default_rng(seed)
    words = [[str(generator.choice(NOUNS)) for _ in range(6)] for _ in range(n)]
    return [" ".join("errado" if generator.random() < wrong else word for word in row) for row in words]


REFERENCES = texts()


def test_every_figure_has_an_interval_around_it_and_n():
    answers = texts(wrong=0.15)
    metrics = answer_metrics(answers, REFERENCES)
    assert {name: metrics[name] for name in NAMES} == pytest.approx(generation_metrics(answers, REFERENCES))
    for name in NAMES:
        most = 100 if name in ("bleu", "chrf") else 1
        assert 0 <= metrics[f"{name}_low"] < metrics[name] < metrics[f"{name}_high"] <= most, name
    assert metrics["n"] == 40
    matches = sum(answer == reference for answer, reference in zip(answers, REFERENCES, strict=True))
    assert (metrics["exact_match_low"], metrics["exact_match_high"]) == wilson(matches, 40)


def test_figures_repeat_with_the_seed():
    answers = texts(wrong=0.15)
    assert answer_metrics(answers, REFERENCES, seed=1) == answer_metrics(answers, REFERENCES, seed=1)
    assert answer_metrics(answers, REFERENCES, seed=1)["bleu_low"] != answer_metrics(answers, REFERENCES, seed=2)["bleu_low"]


def test_answers_that_are_all_right_are_not_certain():
    metrics = answer_metrics(REFERENCES, REFERENCES)
    assert metrics["token_f1"] == 1 == pytest.approx(metrics["token_f1_high"])
    assert metrics["token_f1_low"] == metrics["exact_match_low"] == wilson(40, 40)[0]
    assert "bleu_low" not in metrics  # resamples say nothing about what no row shows
    nothing = answer_metrics([""] * 40, REFERENCES)
    assert (nothing["rougeL"], nothing["rougeL_high"], nothing["bleu"]) == (0, wilson(0, 40)[1], 0)


def test_a_single_row_has_no_bootstrap():
    metrics = answer_metrics(["o gato errado"], ["o gato preto"])
    assert {name for name in metrics if name.endswith("_low")} == {"exact_match_low"}
    assert metrics["n"] == 1
    assert all(math.isfinite(value) for value in metrics.values())


def test_several_references_and_languages():
    answers, groups = ["the cat", "não"], [["a cat", "um gato"], ["não"]]
    assert answer_metrics(answers, groups)["token_f1"] == 1
    assert answer_metrics(answers, groups, language="pt")["token_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_no_answers_is_an_error():
    with pytest.raises(DataError) as caught:
        answer_metrics([], [])
    assert caught.value.key == "evaluation.no_rows"


def coverage(simulations: int, n: int) -> dict[str, float]:
    """How often the intervals hold the score of a large corpus from which their rows are drawn."""
    many, answers = texts(4000, seed=5), texts(4000, wrong=0.2, seed=5)
    truth = generation_metrics(answers, many)
    generator, covered = np.random.default_rng(0), dict.fromkeys(NAMES, 0)
    for seed in range(simulations):
        drawn = generator.integers(4000, size=n)
        metrics = answer_metrics([answers[row] for row in drawn], [many[row] for row in drawn], seed=seed)
        for name in NAMES:
            covered[name] += metrics[f"{name}_low"] <= truth[name] <= metrics[f"{name}_high"]
    return {name: count / simulations for name, count in covered.items()}


@pytest.mark.slow
def test_intervals_cover_the_corpus_at_full_size():
    assert all(0.93 <= share <= 0.98 for share in coverage(1000, 60).values())


# -- two models --------------------------------------------------------------------------------------------------------


def test_a_comparison_says_what_changed():
    before, after = texts(wrong=0.3), texts(wrong=0.05)
    found = compare_answers(REFERENCES, before, after)
    assert tuple(found) == NAMES
    was, now = generation_metrics(before, REFERENCES), generation_metrics(after, REFERENCES)
    for name, difference in found.items():
        assert difference.difference == pytest.approx(now[name] - was[name]), name
        assert (difference.finding, difference.n) == ("better", 40), name
        assert difference.low is not None
        assert difference.high is not None
        assert difference.low <= difference.difference <= difference.high
    first, second = row_scores(before, REFERENCES), row_scores(after, REFERENCES)
    assert found["exact_match"] == compare_flips(first["exact_match"] > 0, second["exact_match"] > 0)
    assert found["rougeL"] == compare_means(first["rougeL"], second["rougeL"])
    assert {one.finding for one in compare_answers(REFERENCES, after, before).values()} == {"worse"}


def test_the_same_answers_differ_in_nothing():
    found = compare_answers(REFERENCES, texts(wrong=0.3), texts(wrong=0.3))
    assert {difference.finding for difference in found.values()} == {"too_few"}
    assert {difference.difference for difference in found.values()} == {0}


def test_five_changed_answers_are_too_few_to_tell():
    before = [*["errado"] * 5, *REFERENCES[5:]]
    found = compare_answers(REFERENCES, before, REFERENCES)
    assert {difference.finding for difference in found.values()} == {"too_few"}
    assert (found["exact_match"].fixed, found["exact_match"].broke) == (5, 0)


def test_both_models_answer_the_same_rows():
    with pytest.raises(ValueError, match="expected as many"):
        compare_answers(REFERENCES, REFERENCES, REFERENCES[1:])


@pytest.mark.slow
def test_answers_of_the_same_worth_are_seldom_told_apart():
    alarms = dict.fromkeys(NAMES, 0)
    for seed in range(400):
        references = texts(40, seed=seed)
        pair = []
        for other in (1, 2):
            noise = np.random.default_rng([seed, other])
            pair.append([" ".join("errado" if noise.random() < 0.2 else w for w in row.split()) for row in references])
        for name, difference in compare_answers(references, *pair, seed=seed).items():
            alarms[name] += difference.finding in ("better", "worse")
    assert max(alarms.values()) / 400 <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
