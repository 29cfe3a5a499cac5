from __future__ import annotations

import math

import numpy as np
import pytest

from afinar.errors import DataError
from afinar.metrics.classification import AVERAGES, class_reports, class_scores, classification_metrics
from afinar.metrics.classifiers import COMPARED, Classified, average_intervals, classifier_metrics, compare_classifiers
from afinar.metrics.intervals import wilson
from afinar.metrics.paired import compare_flips, compare_means

INTERVALS = ("loss", "accuracy", *AVERAGES, "ece", "brier", "overconfidence", "aurc")


def model(labels: np.ndarray, skill: float, seed: int, classes: int = 3) -> np.ndarray:
    """Probabilities (N, C) of a classifier that leans towards the right label by `skill`."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    weights = np.exp(logits)
    return weights / weights.sum(1, keepdims=True)


LABELS = np.random.default_rng(9).integers(3, size=80)


# -- one classifier ----------------------------------------------------------------------------------------------------


def test_every_figure_has_an_interval_around_it_and_n():
    metrics = classifier_metrics(Classified.of(LABELS, model(LABELS, 1.5, 0)))
    for name in INTERVALS:
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"], name
        assert metrics[f"{name}_low"] < metrics[f"{name}_high"]
    assert metrics["n"] == 80
    assert set(metrics) == {*INTERVALS, *(f"{name}_{end}" for name in INTERVALS for end in ("low", "high")), "ece_mass", "n"}


def test_weighted_recall_is_accuracy_with_wilsons_interval():
    rows = Classified.of(LABELS, model(LABELS, 1.5, 0))
    metrics = classifier_metrics(rows)
    for end, expected in zip(("low", "high"), wilson(int(rows.correct.sum()), 80), strict=True):
        assert metrics[f"recall_{end}"] == metrics[f"accuracy_{end}"] == expected
    assert metrics["recall"] == pytest.approx(metrics["accuracy"])


def test_figures_repeat_with_the_seed():
    rows = Classified.of(LABELS, model(LABELS, 1.5, 0))
    assert classifier_metrics(rows, seed=1) == classifier_metrics(rows, seed=1)
    assert classifier_metrics(rows, seed=1)["f1_macro_low"] != classifier_metrics(rows, seed=2)["f1_macro_low"]


def test_a_classifier_without_mistakes_is_not_certain():
    labels = [0, 1] * 15
    metrics = classifier_metrics(Classified.of(labels, np.eye(2)[labels] * 0.8 + 0.1))
    for name in ("accuracy", "f1", "f1_macro", "mcc"):
        assert metrics[name] == metrics[f"{name}_high"] == pytest.approx(1)
        assert 0.75 < metrics[f"{name}_low"] < 0.95


def test_one_class_alone():
    metrics = classifier_metrics(Classified.of([0] * 12, model(np.zeros(12, dtype=int), 9, 0)))
    assert (metrics["accuracy"], metrics["f1_macro"], metrics["mcc"]) == (1, 1, 0)  # nothing to correlate
    assert "f1_low" not in metrics  # one class is always given: no width, no interval
    assert metrics["accuracy_low"] == wilson(12, 12)[0]


def test_a_class_that_is_never_given_and_one_that_never_occurs():
    rows = Classified.of([0, 0, 1, 1], [[0.6, 0.1, 0.3], [0.6, 0.1, 0.3], [0.6, 0.1, 0.3], [0.3, 0.1, 0.6]])
    metrics = classifier_metrics(rows)
    # class 0: precision 2/3, recall 1; class 1: 0, 0; class 2 is given once and never right
    assert metrics["precision_macro"] == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert metrics["recall_macro"] == pytest.approx(1 / 3)
    assert metrics["accuracy"] == 0.5


def test_a_single_row_has_no_bootstrap():
    metrics = classifier_metrics(Classified.of([1], [[0.4, 0.6]]))
    assert (metrics["n"], metrics["accuracy"]) == (1, 1)
    assert metrics["loss"] == pytest.approx(-math.log(0.6))
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == wilson(1, 1)
    assert not {"loss_low", "brier_low", "overconfidence_low", "aurc_low"} & set(metrics)
    assert all(math.isfinite(value) for value in metrics.values())


def test_a_model_that_gives_no_numbers_has_no_calibration():
    probabilities = model(LABELS, 1.5, 0)
    probabilities[3] = np.nan
    metrics = classifier_metrics(Classified.of(LABELS, probabilities))
    assert math.isnan(metrics["loss"])
    assert not {"ece", "brier", "aurc", "loss_low"} & set(metrics)
    assert 0 < metrics["accuracy_low"] < metrics["accuracy"]
    impossible = classifier_metrics(Classified.of([0, 1], [[0.0, 1.0], [0.2, 0.8]]))
    assert impossible["loss"] == math.inf
    assert "ece" not in impossible


def test_losses_are_taken_as_they_are_known():
    assert Classified.of([0], [[0.5, 0.5]]).losses.tolist() == pytest.approx([math.log(2)])
    assert Classified.of([0], [[0.5, 0.5]], [0.7]).losses.tolist() == [0.7]


def test_what_is_no_set_of_rows():
    with pytest.raises(DataError) as caught:
        Classified.of([], np.empty((0, 2)))
    assert caught.value.key == "evaluation.no_rows"
    for labels, probabilities in (([0], [0.5, 0.5]), ([0, 1], [[0.5, 0.5]])):
        with pytest.raises(ValueError, match="expected \\(rows, classes\\)"):
            Classified.of(labels, probabilities)


# -- intervals of averages ---------------------------------------------------------------------------------------------


def coverage(cells: np.ndarray, n: int, simulations: int) -> dict[str, float]:
    """How often the intervals hold the scores of the population, whose rows fall into `cells` (C, C) with these shares."""
    truth = class_scores(np.diagonal(cells), cells.sum(1), cells.sum(0))
    generator, classes = np.random.default_rng(7), len(cells)
    covered = dict.fromkeys(AVERAGES, 0)
    for seed in range(simulations):
        drawn = generator.choice(cells.size, size=n, p=cells.ravel())
        intervals = average_intervals(drawn // classes, drawn % classes, resamples=400, seed=seed)
        for name, (low, high) in intervals.items():
            covered[name] += low - 1e-12 <= truth[name] <= high + 1e-12
    return {name: count / simulations for name, count in covered.items()}


def two_classes(first: float, recalls: tuple[float, float]) -> np.ndarray:
    shares = np.array([first, 1 - first])[:, None]
    return shares * np.array([[recalls[0], 1 - recalls[0]], [1 - recalls[1], recalls[1]]])


@pytest.mark.parametrize("cells", [two_classes(0.5, (0.8, 0.8)), two_classes(0.5, (0.97, 0.97))], ids=["wrong", "rare"])
def test_intervals_cover_the_population(cells):
    # 300 simulations leave a standard error of 0.013
    assert all(0.91 <= share <= 0.99 for share in coverage(cells, 60, 300).values())


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 200])
@pytest.mark.parametrize("recalls", [(0.8, 0.8), (0.97, 0.97), (0.95, 0.6)])
def test_intervals_cover_the_population_at_full_size(n, recalls):
    assert all(0.925 <= share <= 0.975 for share in coverage(two_classes(0.6, recalls), n, 2000).values())


def test_intervals_of_many_rows_are_the_normal_ones():
    labels = np.random.default_rng(1).integers(2, size=4000)
    predictions = np.where(np.random.default_rng(2).random(4000) < 0.8, labels, 1 - labels)
    low, high = average_intervals(labels, predictions)["f1_macro"]
    error = math.sqrt(0.8 * 0.2 / 4000)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)


# -- by class ----------------------------------------------------------------------------------------------------------


def test_reports_by_class():
    good, bad, unseen = class_reports([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], ["bom", "mau", "neutro"])
    assert (good.label, good.support, good.predicted) == ("bom", 3, 2)
    assert (good.precision, good.recall, good.f1) == (1, pytest.approx(2 / 3), pytest.approx(4 / 5))
    assert good.precision_interval == wilson(2, 2)
    assert bad.recall_interval == wilson(2, 2)
    # F1 = 2 J / (1 + J), J the share of right rows among those with the label or given it
    assert bad.f1_interval == pytest.approx([2 * share / (1 + share) for share in wilson(2, 3)])
    assert (unseen.support, unseen.predicted, unseen.f1, unseen.f1_interval) == (0, 0, 0.0, None)


def test_an_f1_by_class_covers_the_population():
    generator = np.random.default_rng(3)
    cells = two_classes(0.3, (0.7, 0.9))
    truth = 2 * cells[0, 0] / (cells[0].sum() + cells[:, 0].sum())
    covered = 0
    for _ in range(1000):
        drawn = generator.choice(4, size=60, p=cells.ravel())
        low, high = class_reports((drawn // 2).tolist(), (drawn % 2).tolist(), ["a", "b"])[0].f1_interval or (0, 1)
        covered += low <= truth <= high
    assert 0.93 <= covered / 1000 <= 0.98


# -- two classifiers ---------------------------------------------------------------------------------------------------


def test_a_comparison_says_what_changed():
    before, after = model(LABELS, 0.5, 0), model(LABELS, 3.0, 0)
    found = compare_classifiers(LABELS, before, after)
    assert set(found) == {"accuracy", *COMPARED, "loss", "brier", "aurc"}
    was, now = classifier_metrics(Classified.of(LABELS, before)), classifier_metrics(Classified.of(LABELS, after))
    for name, difference in found.items():
        assert difference.difference == pytest.approx(now[name] - was[name]), name
        assert (difference.finding, difference.n) == ("better", 80), name
        assert difference.low is not None
        assert difference.high is not None
        assert difference.low <= difference.difference <= difference.high
    assert found["accuracy"] == compare_flips(before.argmax(1) == LABELS, after.argmax(1) == LABELS)
    losses = [-np.log(probabilities[np.arange(80), LABELS]) for probabilities in (before, after)]
    assert found["loss"] == compare_means(*losses, higher_is_better=False)
    worse = compare_classifiers(LABELS, after, before)
    assert {difference.finding for difference in worse.values()} == {"worse"}


def test_the_same_model_twice_differs_in_nothing():
    found = compare_classifiers(LABELS, model(LABELS, 1, 0), model(LABELS, 1, 0))
    assert {difference.difference for difference in found.values()} == {0}
    assert {difference.finding for difference in found.values()} == {"too_few"}


def test_five_flips_are_too_few_to_tell():
    labels = np.zeros(40, dtype=int)
    before, after = np.tile([0.9, 0.1], (40, 1)), np.tile([0.9, 0.1], (40, 1))
    before[:5] = [0.1, 0.9]
    found = compare_classifiers(labels, before, after)
    assert (found["accuracy"].finding, found["accuracy"].fixed, found["f1"].finding) == ("too_few", 5, "too_few")
    before[:6] = [0.1, 0.9]
    assert compare_classifiers(labels, before, after)["accuracy"].finding == "better"


def false_alarms(simulations: int, n: int) -> dict[str, float]:
    """How often two classifiers of the same skill are told apart."""
    alarms: dict[str, int] = {}
    for seed in range(simulations):
        generator = np.random.default_rng(seed)
        labels = generator.integers(2, size=n)
        shared = generator.normal(size=(n, 2))
        shared[np.arange(n), labels] += 1.5
        models = [np.exp(shared + 0.5 * generator.normal(size=(n, 2))) for _ in range(2)]
        before, after = (weights / weights.sum(1, keepdims=True) for weights in models)
        for name, difference in compare_classifiers(labels, before, after, seed=seed).items():
            alarms[name] = alarms.get(name, 0) + (difference.finding in ("better", "worse"))
    return {name: count / simulations for name, count in alarms.items()}


@pytest.mark.slow
def test_classifiers_of_the_same_skill_are_seldom_told_apart():
    assert max(false_alarms(400, 60).values()) <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_models_without_numbers_are_compared_by_their_labels():
    before, after = model(LABELS, 0.5, 0), model(LABELS, 3, 0)
    after[0] = np.nan
    assert set(compare_classifiers(LABELS, before, after)) == {"accuracy", *COMPARED}


def test_two_models_must_know_the_same_classes():
    with pytest.raises(ValueError, match="expected the same classes"):
        compare_classifiers(LABELS, model(LABELS, 1, 0), model(LABELS, 1, 0, classes=4))


def test_vectorised_scores_are_those_of_the_rows():
    generator = np.random.default_rng(0)
    for _ in range(20):
        labels, predictions = generator.integers(4, size=(2, 30))
        matrix = np.zeros((4, 4))
        np.add.at(matrix, (labels, predictions), 1)
        scores = class_scores(np.diagonal(matrix), matrix.sum(1), matrix.sum(0))
        assert {name: float(value) for name, value in scores.items()} == pytest.approx(
            classification_metrics(labels.tolist(), predictions.tolist())
        )
