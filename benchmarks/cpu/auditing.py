"""Can the auditor be trusted? Alarms, powers and coverages, simulated against what the statistics promise.

    python -m benchmarks.cpu.auditing                       # all of it, 1,000 simulations each; no data, no model
    python -m benchmarks.cpu.auditing --only coverage --simulations 4000

Audits: models of a few lines of Python that fail by a known amount (or not at all), through the real runner and the real
summary; tests/audit/planted.py has them. Intervals: samples of known distributions, few rows, rows in clusters. Seeds are
0, 1, ..., so that the figures repeat. Written after each experiment: `auditing.json`, and `auditing.md`, which is made of it.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from afinar.metrics.intervals import bootstrap_interval, mean_interval, wilson
from tests.audit.planted import experiments

RESULTS = Path(__file__).parents[1] / "results"
N = (20, 40, 60)
"""Rows, or clusters of rows."""
Generator = np.random.Generator
Interval = tuple[float, float]


# --- intervals of samples ------------------------------------------------------------------------------------------


def _mean(draw: Callable[[Generator, int], Any], truth: float) -> Callable[[Generator, int, int], bool]:
    def held(generator: Generator, n: int, seed: int) -> bool:
        low, high = mean_interval(draw(generator, n), seed=seed)
        return low <= truth <= high

    return held


def _tokens(generator: Generator, n: int, seed: int) -> bool:
    """Losses per token of documents of very unequal length, longer ones being easier."""
    tokens = np.round(generator.lognormal(4, 0.7, size=n)) + 1
    per_token = 3 - 0.2 * np.log(tokens) + generator.normal(0, 0.4, size=n)
    low, high = mean_interval(tokens * per_token, weights=tokens, seed=seed)
    return low <= _TOKENS <= high


def _true_tokens() -> float:
    tokens = np.round(np.random.default_rng(0).lognormal(4, 0.7, size=2_000_000)) + 1
    return float(np.sum(tokens * (3 - 0.2 * np.log(tokens))) / np.sum(tokens))


_TOKENS = _true_tokens()


def _clusters(generator: Generator, n: int, seed: int) -> bool:
    """n cases of 1 to 8 expansions, which share half of their variance."""
    clusters = np.repeat(np.arange(n), generator.integers(1, 9, size=n))
    values = generator.normal(size=n)[clusters] + generator.normal(size=len(clusters))
    low, high = mean_interval(values, clusters=clusters.tolist(), seed=seed)
    return low <= 0 <= high


def _f1(counts: np.ndarray) -> np.ndarray:
    """Macro F1 of two classes from sums (m, 4): hits of class 1, rows given it, rows of it, rows."""
    hits, given, of_it, rows = np.moveaxis(counts, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        one = 2 * hits / (given + of_it)
        other = 2 * (rows - given - of_it + hits) / (2 * rows - given - of_it)
    return (np.nan_to_num(one) + np.nan_to_num(other)) / 2


def _classified(generator: Generator, n: int) -> np.ndarray:
    label = generator.random(n) < 0.35
    given = np.where(generator.random(n) < 0.75, label, ~label)
    return np.stack([label & given, given, label, np.ones(n, dtype=bool)], axis=1).astype(float)


def _macro_f1(generator: Generator, n: int, seed: int) -> bool:
    rows = _classified(generator, n)
    low, high = bootstrap_interval(lambda counts: _f1(counts @ rows), n, bounds=(0.0, 1.0), seed=seed)
    return low <= _F1 <= high


_F1 = float(_f1(np.array([0.35 * 0.75, 0.35 * 0.75 + 0.65 * 0.25, 0.35, 1.0])))


def _bleu(sums: np.ndarray) -> np.ndarray:
    """BLEU of unigrams and bigrams from sums (m, 4): matches and totals of each."""
    one, ones, two, twos = np.moveaxis(sums, -1, 0)
    return np.sqrt(one / ones * two / twos)


def _two_bleu(generator: Generator, n: int, seed: int) -> bool:
    """The difference of two systems whose word matches differ by five points, on the same rows."""
    rows = np.hstack(_systems(generator, n))
    low, high = bootstrap_interval(lambda c: _bleu((c @ rows)[..., 4:]) - _bleu((c @ rows)[..., :4]), n, seed=seed)
    return low <= _BLEU <= high


def _systems(generator: Generator, n: int) -> list[np.ndarray]:
    words, ease = generator.integers(5, 30, size=n), generator.beta(8, 12, size=n)
    pairs = [
        (generator.binomial(words, ease + more), generator.binomial(words - 1, (ease + more) ** 1.7)) for more in (0, 0.05)
    ]
    return [np.stack([one, words, two, words - 1], axis=1).astype(float) for one, two in pairs]


def _true_bleu() -> float:
    before, after = (_bleu(rows.sum(axis=0)) for rows in _systems(np.random.default_rng(0), 1_000_000))
    return float(after - before)


_BLEU = _true_bleu()

SAMPLES: dict[str, Callable[[Generator, int, int], bool]] = {
    "mean, normal": _mean(lambda generator, n: generator.normal(size=n), 0.0),
    "mean, skewed (exponential)": _mean(lambda generator, n: generator.exponential(size=n), 1.0),
    "mean, heavy tails (t, 3 df)": _mean(lambda generator, n: generator.standard_t(3, size=n), 0.0),
    "mean, three values (-1, 0, 1)": _mean(lambda generator, n: generator.choice([-1.0, 0.0, 1.0], n, p=[0.2, 0.5, 0.3]), 0.1),
    "mean, 80% zeros": _mean(lambda generator, n: generator.normal(0.5, 1, n) * (generator.random(n) < 0.2), 0.1),
    "mean, very skewed (log-normal)": _mean(lambda generator, n: generator.lognormal(size=n), math.exp(0.5)),
    "loss per token of documents": _tokens,
    "mean of cases with 1 to 8 expansions": _clusters,
    "macro F1": _macro_f1,
    "difference of two BLEU scores": _two_bleu,
}


def samples(simulations: int) -> Iterator[dict[str, Any]]:
    """The share of intervals that hold the truth, one entry for each kind of sample, with one share for each of :data:`N`."""
    for name, held in SAMPLES.items():
        shares = {}
        for n in N:
            generator = np.random.default_rng(n)
            shares[str(n)] = sum(held(generator, n, seed) for seed in range(simulations)) / simulations
        yield {"name": name, "covered": shares, "simulations": simulations}


# --- audits --------------------------------------------------------------------------------------------------------


def audits(simulations: int, kind: str) -> Iterator[dict[str, Any]]:
    """The share of audits that find what they are asked for."""
    for each in experiments():
        if each.kind == kind:
            found = each.share(simulations)
            yield {"name": each.name, "promised": each.promised, "found": found, "simulations": simulations}


# --- tables --------------------------------------------------------------------------------------------------------

ABOUT = {
    "alarm": "## Alarms: unbiased and equally good models\n\nA difference is found in at most 5% of simulations.",
    "power": (
        "## Power: planted effects\n\nPromised: the power of the exact test (flips, signs) or of the t test (shifts), "
        "computed from the planted amounts."
    ),
    "coverage": (
        "## Coverage: intervals of audits\n\nPromised: 95%; for a share what Wilson's interval reaches exactly at this n, as "
        "counts are whole; of three groups and more, at least 95%."
    ),
    "samples": (
        "## Coverage: intervals of samples\n\nBy rows, or cases. Promised: 95%. Very skewed numbers need more rows than 60, "
        "and numbers that are mostly zero more than 20: there the intervals are too narrow."
    ),
}


def markdown(found: dict[str, Any]) -> str:
    """The figures as one table for each kind."""
    parts = ["# The auditor, simulated", found["about"]]
    for kind, about in ABOUT.items():
        rows = found["experiments"].get(kind)
        if not rows:
            continue
        parts.append(about)
        if kind == "samples":
            head = [["sample", *(f"n = {n}" for n in N), "simulations"], ["---", *["---:"] * (len(N) + 1)]]
            body = [[row["name"], *(_share(row["covered"][str(n)], row["simulations"]) for n in N)] for row in rows]
        else:
            head = [["model", "promised", "found", "simulations"], ["---", "---:", "---:", "---:"]]
            promised = "at most 5%" if kind == "alarm" else None
            body = [
                [row["name"], promised or f"{100 * row['promised']:.1f}%", _share(row["found"], row["simulations"])]
                for row in rows
            ]
        whole = [*head, *([*cells, f"{row['simulations']:,}"] for cells, row in zip(body, rows, strict=True))]
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in whole))
    return "\n\n".join(parts) + "\n"


def _share(share: float, simulations: int) -> str:
    low, high = wilson(round(share * simulations), simulations)
    return f"{100 * share:.1f}% ({100 * low:.1f}–{100 * high:.1f})"


def about() -> str:
    """How the figures were made."""
    return (
        f"`python -m benchmarks.cpu.auditing` (Python {platform.python_version()}, numpy {np.__version__}); seeds 0, 1, ..., "
        "so that the figures repeat. In brackets the 95% interval (Wilson's) that the number of simulations leaves. What is "
        "simulated: tests/audit/planted.py and benchmarks/cpu/auditing.py."
    )


def main() -> None:
    """Simulate what is asked for, and write both files after each experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--only", default=",".join(ABOUT), help="kinds, with commas: alarm, power, coverage, samples")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    file = options.out / "auditing.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"experiments": {}}
    found["about"] = about()
    options.out.mkdir(parents=True, exist_ok=True)
    for kind in options.only.split(","):
        rows = found["experiments"][kind] = []
        for row in samples(options.simulations) if kind == "samples" else audits(options.simulations, kind):
            rows.append(row)
            print(kind, json.dumps(row), flush=True)
            file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            (options.out / "auditing.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
