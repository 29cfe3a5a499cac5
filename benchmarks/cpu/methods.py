"""Every technique on the same data, before and after: quality, what trains, seconds, memory.

    AFINAR_DATA=DATA python -m benchmarks.cpu.methods            # DATA holds resenhas/ and noticias/, {train,valid}.jsonl each
    python -m benchmarks.cpu.methods --only lora,qlora   # measure some anew; the others' figures stay

Two questions for each technique with its default settings and `learning_rate: auto`: does it name the feeling of a held-out
book review (accuracy of the classifier, whose head starts at random), and does it continue held-out news better (perplexity)?
Each run is a process of its own, on one thread, so that its peak memory is its own. Without DATA the bundled sets stand in;
`--longer 3` takes three times the steps.

One seed and few steps: differences of a point or two between techniques are noise; the intervals are written beside.
Written after each run: `methods.json`, and `methods.md`, which is made of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
QUALITY = {"resenhas": "accuracy", "noticias": "perplexity"}
"""The sets, and what is measured on each."""
BUNDLED = {"resenhas": "afinar/sentimento", "noticias": "afinar/instrucoes"}
BATCH, STEPS = {"resenhas": 8, "noticias": 4}, {"resenhas": 120, "noticias": 40}
MAX_LENGTH, HELD_OUT = {"resenhas": 96, "noticias": 192}, {"resenhas": 200, "noticias": 60}


def names() -> list[str]:
    """The techniques that have default settings, in the table's order."""
    from afinar.methods.base import registered
    from afinar.options import OpenConfig

    return [name for name, entry in registered().items() if not issubclass(entry.config, OpenConfig)]


def settings(which: str, data: Path | None, longer: int) -> dict[str, Any]:
    """The arguments of `fine_tune` for one of :data:`QUALITY`."""
    batch, steps = BATCH[which], STEPS[which] * longer
    common = {"max_steps": steps, "log_every_steps": 10, "save_every_steps": steps, "evaluate_every_steps": steps, "seed": 0}
    common |= {"batch_size": batch, "max_truncated": 1.0, "max_length": MAX_LENGTH[which]}
    if which == "resenhas":
        common["task"] = "classification"
    if data is None:  # a share of the bundled rows is held out
        return {"train": BUNDLED[which], **common}
    return {
        "train": _rows(data, which, "train", steps * batch),
        "valid": _rows(data, which, "valid", HELD_OUT[which]),
        **common,
    }


def _rows(data: Path, which: str, split: str, most: int) -> list[dict[str, Any]]:
    """The first rows of a file, whose order is random."""
    with (data / which / f"{split}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in itertools.islice(lines, most)]


def measure(name: str, which: str, data: Path | None, longer: int) -> dict[str, Any]:
    """Train the technique `name` on one set, in this process; the figures of the run."""
    import torch

    torch.set_num_threads(1)
    import afinar
    from afinar.methods.base import create, entry

    if which == "noticias" and name != "qlora" and "causal" not in create(entry(name).config()).tasks:
        return {}
    with tempfile.TemporaryDirectory() as output:
        run = afinar.fine_tune("afinar-mini", method=name, output=output, **settings(which, data, longer))
    results, metric = run.results, QUALITY[which]
    training = results["training"]
    return {
        "metric": metric,
        "base": results["base"][metric],
        "adapted": results["adapted"][metric],
        "interval": [results["adapted"].get(f"{metric}_{end}") for end in ("low", "high")],
        "n": results["n"],
        "learning_rate": run.config.training.learning_rate,
        "steps": training["optimizer_steps"],
        "seconds": training["seconds"],
        "tokens_per_second": training["tokens_per_second"],
        "peak_memory_bytes": training["peak_memory_bytes"],
        "trainable_parameters": training["trainable_parameters"],
        "total_parameters": training["total_parameters"],
        "seed": results["seed"],
        "versions": results["versions"],
    }


def in_its_own_process(name: str, which: str, data: Path | None, longer: int) -> dict[str, Any]:
    """:func:`measure` in a fresh interpreter on one thread."""
    words = ["--one", name, which, "--longer", str(longer), *(["--data", str(data)] if data else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "benchmarks.cpu.methods", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(f"{name} on {which} failed:\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
        return {}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def markdown(found: dict[str, Any]) -> str:
    """The figures as one table for each set, the best first."""
    parts = ["# Techniques side by side, measured", found["about"]]
    for which, metric in QUALITY.items():
        rows = {name: of[which] for name, of in found["techniques"].items() if of.get(which)}
        if not rows:
            continue
        n, base = next((row["n"], row["base"]) for row in rows.values())
        best = sorted(rows, key=lambda name: rows[name]["adapted"], reverse=metric == "accuracy")
        parts.append(f"## {which}: {metric} on {n} held-out rows (untrained: {base:.3f})")
        heads = [
            "technique",
            metric,
            "95% interval",
            "trained weights",
            "share",
            "learning rate",
            "steps",
            "seconds",
            "peak RSS",
        ]
        parts.append("\n".join([_line(heads), _line(["---", *["---:"] * 8]), *(_row(name, rows[name]) for name in best)]))
    return "\n\n".join(parts) + "\n"


def _row(name: str, row: dict[str, Any]) -> str:
    interval = "–".join(f"{bound:.3f}" for bound in row["interval"])
    share = 100 * row["trainable_parameters"] / row["total_parameters"]
    figures = [f"{row['adapted']:.3f}", interval, f"{row['trainable_parameters']:,}", f"{share:.2f} %"]
    rest = [
        f"{row['learning_rate']:.1e}",
        str(row["steps"]),
        f"{row['seconds']:.0f}",
        f"{row['peak_memory_bytes'] / 1e6:.0f} MB",
    ]
    return _line([name, *figures, *rest])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _about(longer: int) -> str:
    import torch

    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return (
        f"`python -m benchmarks.cpu.methods --longer {longer}` on afinar-mini ({platform.machine()}, one thread; {versions}). "
        "Seconds are those of training alone, on a machine that may have had other work; peak RSS is that of the whole "
        "process, of which Python and torch take about 0.5 GB."
    )


def main() -> None:
    """Measure what is asked for, and write both files after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("AFINAR_DATA"))
    parser.add_argument("--longer", type=int, default=1, help="as many times the steps")
    parser.add_argument("--only", default="", help="techniques, with commas; by default all")
    parser.add_argument("--sets", default=",".join(QUALITY))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", nargs=2, metavar=("TECHNIQUE", "SET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options.data, options.longer)))
        return
    file = options.out / "methods.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"techniques": {}}
    found["about"] = _about(options.longer)
    for name in options.only.split(",") if options.only else [*names(), "qlora"]:
        for which in options.sets.split(","):
            figures = in_its_own_process(name, which, options.data, options.longer)
            found["techniques"].setdefault(name, {})[which] = figures
            if figures:
                print(
                    f"{name} {which}: {figures['base']:.3f} -> {figures['adapted']:.3f} in {figures['seconds']:.0f} s",
                    flush=True,
                )
            options.out.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (options.out / "methods.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
