from __future__ import annotations

import json
import math
from typing import Any

import pytest

from afinar.evaluation.harness_scores import Samples, TaskResult, compare_tasks, read_results
from afinar.metrics.intervals import mean_interval, wilson
from afinar.metrics.paired import compare_flips, compare_means

RIGHT = (1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0)
NATS = (-9.0, -4.0, -7.5, -3.0)
BYTES = (10.0, 5.0, 6.0, 4.0)


def result(samples: dict[str, Samples], higher: dict[str, bool] | None = None, **metrics: float) -> TaskResult:
    values = {name: each.metric for name, each in samples.items()} | metrics
    better = dict.fromkeys(values, True) if higher is None else higher
    return TaskResult("t", len(next(iter(samples.values())).values), "1.0", 0, values, {}, samples, better)


def test_shares_have_wilsons_interval_and_other_means_the_bootstraps():
    found = result({"acc": Samples(RIGHT), "f": Samples((0.25, 0.5, 1.0, 0.0))}).as_dict()
    assert found["acc"] == 5 / 8
    assert (found["acc_low"], found["acc_high"]) == wilson(5, 8)
    assert (found["f_low"], found["f_high"]) == mean_interval((0.25, 0.5, 1.0, 0.0))
    assert (found["n"], found["version"], found["shots"]) == (8, "1.0", 0)


def test_log_likelihoods_become_bits_and_perplexities():
    bits, power = Samples(NATS, BYTES, "bits"), Samples(NATS, BYTES, "perplexity")
    assert bits.metric == pytest.approx(-sum(NATS) / sum(BYTES) / math.log(2))
    assert power.metric == pytest.approx(math.exp(-sum(NATS) / sum(BYTES)))
    low, high = mean_interval(NATS, weights=BYTES)
    assert bits.interval(0) == pytest.approx((-high / math.log(2), -low / math.log(2)))
    assert power.interval(0) == pytest.approx((math.exp(-high), math.exp(-low)))


def test_a_statistic_that_is_no_mean_has_the_harness_standard_error():
    found = TaskResult("t", 50, "1", None, {"bleu": 20.0}, {"bleu": 2.0}).as_dict()
    assert found["bleu_stderr"] == 2.0
    assert (found["bleu_low"], found["bleu_high"]) == pytest.approx((20 - 3.92, 20 + 3.92), abs=1e-3)
    assert "shots" not in found


def test_json_can_write_what_one_sample_gives():
    found = result({"f": Samples((0.25,))}).as_dict()
    assert "f_low" not in found
    json.dumps(found, allow_nan=False)
    same = compare_tasks([result({"f": Samples((0.25,))})], [result({"f": Samples((0.5,))})])
    json.dumps(same["t"]["f"].as_dict(), allow_nan=False)


def test_comparisons_are_paired_by_sample():
    after = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)
    found = compare_tasks([result({"acc": Samples(RIGHT)})], [result({"acc": Samples(after)})])
    assert found["t"]["acc"] == compare_flips([v == 1 for v in RIGHT], [v == 1 for v in after])
    assert (found["t"]["acc"].fixed, found["t"]["acc"].broke) == (3, 1)


@pytest.mark.parametrize("link", ["bits", "perplexity"])
def test_less_of_a_perplexity_is_better(link):
    before = tuple(-3.0 - 0.1 * index for index in range(20))
    after = tuple(value + 0.5 + 0.01 * index for index, value in enumerate(before))
    weights = tuple(4.0 for _ in before)
    first, second = (Samples(values, weights, link) for values in (before, after))
    found = compare_tasks([result({"m": first}, {"m": False})], [result({"m": second}, {"m": False})])["t"]["m"]
    assert found.finding == "better"
    assert found.difference == pytest.approx(second.metric - first.metric)
    assert found.low < found.difference < found.high < 0
    assert found.p == compare_means(before, after, weights=weights).p


def test_what_cannot_be_paired_is_left_out():
    first, other = result({"acc": Samples(RIGHT)}), result({"acc": Samples(RIGHT[:4])})
    assert compare_tasks([first], [other]) == {}
    assert compare_tasks([], [first]) == {}
    assert compare_tasks([first], [result({"acc": Samples(RIGHT)}, {})]) == {}  # nobody knows what is better


def found_by_the_harness() -> dict[str, Any]:
    """As simple_evaluate returns it: two tasks of a nested group, one filter beside "none", an F1, documents out of order."""

    def rows(values: list[float], filter: str = "none") -> list[dict[str, Any]]:
        numbered = [
            {"doc_id": index, "metrics": ["acc"], "filter": filter, "acc": value} for index, value in enumerate(values)
        ]
        return numbered[::-1]

    figures = {"name": "x", "alias": "x", "sample_len": 3}
    return {
        "results": {
            "a": {**figures, "acc,none": 2 / 3, "acc_stderr,none": 0.3, "acc,strict": 1 / 3, "acc_stderr,strict": "N/A"},
            "b": {**figures, "sample_len": 2, "acc,none": 0.5, "f1,none": 0.4, "f1_stderr,none": 0.1},
        },
        "groups": {"outer": {**figures, "sample_len": 5, "acc,none": 3 / 5, "sample_count": {"acc,none": 5}}},
        "group_subtasks": {"outer": ["inner"], "inner": ["a", "b"]},
        "versions": {"a": 1.0, "b": 2.0, "outer": "1.0"},
        "n-shot": {"a": 0, "b": 5},
        "higher_is_better": {"a": {"acc": True}, "b": {"acc": True, "f1": None}, "outer": {"acc": True}},
        "samples": {"a": rows([1.0, 0.0, 1.0]) + rows([0.0, 0.0, 1.0], "strict"), "b": rows([1.0, 0.0])},
    }


def test_the_harness_results_are_read_with_their_samples():
    a, b, outer = read_results(found_by_the_harness())
    assert a.metrics == {"acc": 2 / 3, "acc,strict": 1 / 3}
    assert a.errors == {"acc": 0.3}
    assert a.samples == {"acc": Samples((1.0, 0.0, 1.0)), "acc,strict": Samples((0.0, 0.0, 1.0))}
    assert a.higher_is_better == {"acc": True, "acc,strict": True}
    assert (b.n, b.version, b.shots) == (2, "2.0", 5)
    assert set(b.samples) == {"acc"}  # F1 is no mean of its samples
    assert b.higher_is_better == {"acc": True}
    assert outer.samples == {"acc": Samples((1.0, 0.0, 1.0, 1.0, 0.0))}


def test_a_group_that_weighs_its_tasks_alike_is_not_taken_for_the_mean_of_all_samples():
    found = found_by_the_harness()
    found["groups"]["outer"]["acc,none"] = (2 / 3 + 1 / 2) / 2
    assert read_results(found)[2].samples == {}
