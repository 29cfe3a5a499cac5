"""Put the measured figures into the pages of `afinar explain`: `python -m benchmarks.cpu.explained`, then `ruff format`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
PAGE = Path(__file__).parents[2] / "src" / "afinar" / "messages" / "pages" / "figures.py"


def figures() -> dict[str, dict[str, tuple[Any, ...]]]:
    """The rows of the pages' tables by the name of each table; empty where nothing was measured."""
    from afinar.models.config import ModelConfig
    from afinar.run.table import techniques

    measured = _read("methods.json").get("techniques", {})
    extra = {row.name: row.extra_bytes for row in techniques(ModelConfig(name="afinar-mini", dtype="float32", device="cpu"))}
    quantised = _read("quantisation_cpu.json")
    rows: dict[str, tuple[Any, ...]] = {}
    for name, of in sorted(measured.items()):
        best = [of.get(which) or {} for which in ("resenhas", "noticias")]
        trained = (best[1] or best[0])["trainable_parameters"]
        # qlora is lora on another base: 16 bytes for each of its weights
        rows[name] = (trained, extra.get(name, 16 * trained), *(_rounded(figure.get("adapted")) for figure in best))
    return {
        "TECHNIQUES": rows,
        "BASES": {
            row["base"]: (
                row["weight_bytes"],
                round(row["bits_per_byte"], 4),
                _median(row["forward_ratio"]),
                _median(row["training_ratio"]),
            )
            for row in quantised.get("bases", [])
        },
        "METHODS": {
            row["method"]: (round(row["after"], 4), round(row["seconds"]), row["peak_memory_bytes"])
            for row in quantised.get("methods", [])
        },
    }


def _read(name: str) -> dict[str, Any]:
    file = RESULTS / name
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def _median(spread: list[float] | None) -> float | None:
    return None if spread is None else round(spread[1], 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def main() -> None:
    """Write the module of figures."""
    kinds = {
        "TECHNIQUES": "tuple[int, int, float | None, float | None]",
        "BASES": "tuple[int, float, float | None, float | None]",
        "METHODS": "tuple[float, float, float]",
    }
    lines = ['"""Figures of benchmarks/results/, written by `python -m benchmarks.cpu.explained`."""', ""]
    for table, rows in figures().items():
        lines.append(f"{table}: dict[str, {kinds[table]}] = {{")
        lines += [f'    "{name}": {row!r},' for name, row in rows.items()]
        lines.append("}")
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
