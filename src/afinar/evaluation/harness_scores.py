"""What a task came to: the harness's own figures, each with an interval from its samples, and two models compared on them.

The harness gives a standard error; the interval here is Wilson's for shares (0 or 1 per sample), the studentised bootstrap's
for other means, and the figure ± 1.96 standard errors for statistics that are no mean of samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from afinar.metrics.difference import Difference
from afinar.metrics.intervals import mean_interval, wilson
from afinar.metrics.paired import compare_flips, compare_means
from afinar.metrics.perplexity import perplexity

Z = 1.959963984540054
"""The normal quantile of a 95% interval."""


LINKS: dict[str, Callable[[float], float]] = {
    "mean": lambda mean: mean,
    "bits": lambda mean: -mean / math.log(2),
    "perplexity": lambda mean: perplexity(-mean),
}
"""How the harness makes a metric of the mean of its samples: as it is, or, where they are log-likelihoods in nats, in bits or
exponentiated. The last two fall where the mean rises."""


@dataclass(frozen=True)
class Samples:
    """A metric sample by sample: `link` of sum(values) / sum(weights); weights are None where each counts one."""

    values: tuple[float, ...]
    weights: tuple[float, ...] | None = None
    link: str = "mean"

    @property
    def are_shares(self) -> bool:
        """Whether each is right or wrong."""
        return self.weights is None and self.link == "mean" and set(self.values) <= {0.0, 1.0}

    @property
    def mean(self) -> float:
        """The weighted mean of the values."""
        return math.fsum(self.values) / (len(self.values) if self.weights is None else math.fsum(self.weights))

    @property
    def metric(self) -> float:
        """The metric that they make."""
        return LINKS[self.link](self.mean)

    def interval(self, seed: int) -> tuple[float, float]:
        """Of the metric, 95%."""
        if self.are_shares:
            return wilson(int(sum(self.values)), len(self.values))
        first, second = (LINKS[self.link](end) for end in mean_interval(self.values, weights=self.weights, seed=seed))
        return min(first, second), max(first, second)


@dataclass(frozen=True)
class TaskResult:
    """One task, or a group's aggregate, on one model.

    metrics: name to value, `acc`; those after another filter than "none" as `exact_match,strict-match`. errors: the harness's
    standard errors, where it gives any. samples: of the metrics that are means of them. higher_is_better: where it is known.
    """

    name: str
    n: int
    version: str
    shots: int | None
    metrics: Mapping[str, float]
    errors: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, Samples] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    def as_dict(self, *, seed: int = 0) -> dict[str, Any]:
        """Flat, for JSON: each metric with `_stderr`, `_low` and `_high` where they are known; `n`, `shots`, `version`."""
        found: dict[str, Any] = {}
        for name, value in self.metrics.items():
            found[name] = value
            if name in self.errors:
                found[f"{name}_stderr"] = self.errors[name]
            interval = self._interval(name, seed)
            if interval is not None and all(map(math.isfinite, interval)):
                found[f"{name}_low"], found[f"{name}_high"] = interval
        return {**found, "n": self.n, "version": self.version} | ({} if self.shots is None else {"shots": self.shots})

    def _interval(self, name: str, seed: int) -> tuple[float, float] | None:
        if name in self.samples:
            return self.samples[name].interval(seed)
        if name in self.errors:
            return self.metrics[name] - Z * self.errors[name], self.metrics[name] + Z * self.errors[name]
        return None


def compare_tasks(
    before: Sequence[TaskResult], after: Sequence[TaskResult], *, seed: int = 0
) -> dict[str, dict[str, Difference]]:
    """after - before for each task and metric, paired sample by sample; metrics that are no mean of samples are left out."""
    others = {result.name: result for result in before}
    found = {}
    for result in after:
        pairs = _paired(others[result.name], result) if result.name in others else {}
        compared = {name: _compare(*pair, result.higher_is_better[name], seed) for name, pair in pairs.items()}
        if compared:
            found[result.name] = compared
    return found


def _paired(before: TaskResult, after: TaskResult) -> dict[str, tuple[Samples, Samples]]:
    """The metrics that both have over the same samples, and of which it is known what is better."""
    pairs = {name: (before.samples[name], samples) for name, samples in after.samples.items() if name in before.samples}
    return {
        name: (first, second)
        for name, (first, second) in pairs.items()
        if name in after.higher_is_better and len(first.values) == len(second.values) and first.weights == second.weights
    }


def _compare(before: Samples, after: Samples, higher_is_better: bool, seed: int) -> Difference:
    if before.are_shares and after.are_shares and higher_is_better:
        return compare_flips([value == 1 for value in before.values], [value == 1 for value in after.values])
    rising = higher_is_better if before.link == "mean" else not higher_is_better
    found = compare_means(before.values, after.values, weights=before.weights, higher_is_better=rising, seed=seed)

    def moved(change: float) -> float:
        return LINKS[before.link](before.mean + change) - before.metric

    bounded = found.low is not None and found.high is not None and math.isfinite(found.low) and math.isfinite(found.high)
    low, high = sorted(moved(end) for end in (found.low, found.high) if end is not None) if bounded else (None, None)
    return replace(found, difference=moved(found.difference), low=low, high=high)


# --- from the harness's dictionaries -----------------------------------------------------------------------------------


def read_results(found: Mapping[str, Any]) -> list[TaskResult]:
    """The tasks and groups of what the harness's `simple_evaluate` returns, its samples included."""
    samples = {name: _samples(rows) for name, rows in found["samples"].items()}
    children = found.get("group_subtasks", {})
    for group in children:
        if group not in samples:
            samples[group] = _pooled([samples[leaf] for leaf in _leaves(group, children)])
    results = {**found["results"], **found.get("groups", {})}
    return [_result(name, figures, samples.get(name, {}), found) for name, figures in results.items()]


def _result(name: str, figures: Mapping[str, Any], samples: Mapping[str, Samples], found: Mapping[str, Any]) -> TaskResult:
    numbers = {key: float(value) for key, value in figures.items() if "," in key and isinstance(value, Real)}
    metrics = {_named(key): value for key, value in numbers.items() if "_stderr," not in key}
    errors = {_named(key.replace("_stderr,", ",")): value for key, value in numbers.items() if "_stderr," in key}
    better = found["higher_is_better"].get(name, {})
    return TaskResult(
        name=name,
        n=int(figures["sample_len"]),
        version=str(found["versions"].get(name, "")),
        shots=found["n-shot"].get(name),
        metrics=metrics,
        errors=errors,
        samples=_explaining(samples, metrics),
        higher_is_better={key: better[key.split(",")[0]] for key in metrics if better.get(key.split(",")[0]) is not None},
    )


def _named(key: str) -> str:
    return key.removesuffix(",none")


def _explaining(samples: Mapping[str, Samples], metrics: Mapping[str, float]) -> dict[str, Samples]:
    """The samples that make up a metric, with their link; F1, BLEU and their kind are no mean of anything."""
    found = {}
    for name in (name for name in samples if name in metrics):
        linked = [replace(samples[name], link=link) for link in LINKS]
        fitting = [each for each in linked if math.isclose(each.metric, metrics[name], rel_tol=1e-9, abs_tol=1e-12)]
        if fitting:
            found[name] = fitting[0]
    return found


def _samples(rows: Sequence[Mapping[str, Any]]) -> dict[str, Samples]:
    """The numbers of each metric, in the order of the documents; a pair is a log-likelihood over a weight (words, bytes)."""
    values: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda row: row["doc_id"]):
        for metric in row["metrics"]:
            values.setdefault(_named(f"{metric},{row['filter']}"), []).append(row[metric])
    made = {name: _made(each) for name, each in values.items()}
    return {name: each for name, each in made.items() if each is not None}


def _made(values: Sequence[Any]) -> Samples | None:
    if all(isinstance(value, Real) for value in values):
        return Samples(tuple(float(value) for value in values))
    if all(isinstance(value, tuple | list) and len(value) == 2 for value in values):
        return Samples(tuple(float(value[0]) for value in values), tuple(float(value[1]) for value in values))
    return None


def _leaves(group: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    found = []
    for name in children[group]:
        found += _leaves(name, children) if name in children else [name]
    return found


def _pooled(parts: Sequence[Mapping[str, Samples]]) -> dict[str, Samples]:
    """The samples of all tasks of a group together, for metrics that all of them have one by one."""
    shared = set.intersection(*(set(part) for part in parts)) if parts else set()
    plain = [name for name in sorted(shared) if all(part[name].weights is None for part in parts)]
    return {name: Samples(tuple(value for part in parts for value in part[name].values)) for name in plain}
