"""Writing a run for use elsewhere, and proving that what was written answers as the run does.

    merge("runs/a", "merged")                              one plain model of transformers
    export("runs/a", "adapter", format="peft")             the adapter, as plain PEFT loads it
    export("runs/a", "gguf", format="gguf", dtype="q8_0")  one file for llama.cpp and what is built on it

Each is written beside its place, read back from there, compared with the adapted model on held-out rows
(:mod:`afinar.run.parity`), and only then moved into its place with the comparison as parity.json. One model is in memory at a
time: the adapted model's logits are kept, not the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afinar.data.examples import Examples
from afinar.errors import ConfigError
from afinar.run import folder as files
from afinar.run.export_card import report_lines, write_card
from afinar.run.gguf_export import check_gguf, write_gguf
from afinar.run.held_out import held_out_rows
from afinar.run.merging import Choices, Source, Written, check_mergeable, open_source, write_merged
from afinar.run.parity import Parity, compare, record
from afinar.run.peft_export import check_peft, write_peft
from afinar.run.writing import check_free, whole_folder
from afinar.training.reporting import Reporter, Silent

DTYPES = ("auto", "float32", "bfloat16", "float16")
PARITY = "parity.json"
TOLERANCE = 0.1
"""Largest change that is accepted unless the caller says otherwise (see :attr:`afinar.run.parity.Parity.change`)."""


@dataclass(frozen=True)
class Format:
    """A format: what must hold before anything is computed, how it is written and read back, and its precisions."""

    check: Callable[[Source, Choices], None]
    write: Callable[[Path, Source, Choices, Examples], Written]
    dtypes: tuple[str, ...] = DTYPES


FORMATS = {
    "peft": Format(check_peft, write_peft, ("auto",)),
    "safetensors": Format(check_mergeable, write_merged),
    "gguf": Format(check_gguf, write_gguf, (*DTYPES, "q8_0")),
}


@dataclass(frozen=True)
class Exported:
    """What was written where, and how it compares with the adapted model that was in memory."""

    directory: Path
    format: str
    dtype: str
    """Precision of the weights that were written; for an adapter, of the base that it was compared over."""
    adapted_dtype: str
    """Precision in which the adapted model computed."""
    read_with: str
    """What read the files back for the comparison: transformers, peft or afinar."""
    data: str
    """The source of the rows that were compared."""
    rows_there: int
    """Rows of that source; the comparison keeps to as many as its logits fit into memory."""
    parity: Parity
    notes: dict[str, Any] = field(default_factory=dict)
    """What the format adds; see its writer."""

    def as_json(self) -> dict[str, Any]:
        """The object of parity.json, and of `--json`."""
        named = ("format", "dtype", "adapted_dtype", "read_with", "data", "rows_there")
        return {**{name: getattr(self, name) for name in named}, **self.notes, "parity": self.parity.as_json()}

    def lines(self) -> list[str]:
        """The comparison for a person: a verdict, then the figures, in the language in force."""
        return report_lines(self.as_json())


def merge(source: str | Path, directory: str | Path, **options: Any) -> Exported:
    """:func:`export` of the format safetensors. Raises ConfigError where `source` has no adapter to merge."""
    return export(source, directory, format="safetensors", adapted=True, **options)


def export(
    source: str | Path,
    directory: str | Path,
    *,
    format: str,
    dtype: str = "auto",
    onto: str = "base",
    data: str | None = None,
    tolerance: float = TOLERANCE,
    shard_size: str | None = None,
    adapted: bool = False,
    offline: bool = False,
    on_event: Reporter | None = None,
) -> Exported:
    """Write `source` (a run, an adapter folder of ours or PEFT's, a model) into the new or empty folder `directory`.

    format: peft (the adapter), safetensors (merged) or gguf (merged).
    dtype: of the merged weights: auto (that of the base's files), float32, bfloat16, float16; for gguf q8_0 too.
    onto: for a run on a 4-bit or 8-bit base, whether to merge into the float base or into its dequantised weights.
    data: the rows to compare on; else those that the run held out, else bundled ones.
    tolerance: the largest change accepted: of perplexity, relative; for a classifier the share of other answers.
    shard_size: the most bytes of one file of weights, such as 5GB.
    adapted: refuse a plain model.

    Raises RefusedError for a folder in use, ResourceError for too little space, ConfigError for a choice that is none,
    ModelError for a technique or architecture that this format cannot hold, and for a written model that is not the same.
    """
    reporter = on_event if on_event is not None else Silent()
    check_choices(format, dtype, tolerance)
    check_free(directory)
    reporter.on_stage("exporting.stage_load", source=str(source))
    opened = open_source(source, offline=offline)
    if adapted and opened.session.method is None:
        raise ConfigError("run.nothing_to_merge", got=str(source))
    choices = Choices(dtype=dtype, onto=onto, shard_size=shard_size, offline=offline)
    FORMATS[format].check(opened, choices)
    rows = held_out_rows(opened.session, opened.config, data, offline=offline)
    reporter.on_stage("exporting.stage_record", n=len(rows.examples), data=rows.source)
    collator, adapted_dtype = opened.session.collator, str(opened.session.model.dtype).removeprefix("torch.")
    recorded = record(opened.session.model, rows.examples, collator, labelled=rows.labelled, on_batch=reporter.on_progress)
    with whole_folder(directory) as part:
        reporter.on_stage("exporting.stage_write", directory=str(directory), format=format)
        written = FORMATS[format].write(part, opened, choices, rows.examples)
        reporter.on_stage("exporting.stage_compare", reader=written.read_with)
        parity = compare(recorded, written.model, collator, on_batch=reporter.on_progress)
        parity.check(tolerance)
        made = Exported(
            directory=Path(directory),
            format=format,
            dtype=written.dtype,
            adapted_dtype=adapted_dtype,
            read_with=written.read_with,
            data=rows.source,
            rows_there=len(rows.examples),
            parity=parity,
            notes=written.notes,
        )
        files.write_json(part / PARITY, made.as_json())
        write_card(part, opened, made.as_json())
    reporter.on_done()
    return made


def check_choices(format: str, dtype: str, tolerance: float) -> None:
    """Raise ConfigError for a format, a precision of it or a tolerance that is none; nothing is loaded for it."""
    if format not in FORMATS:
        raise ConfigError("core.choice", field="format", got=format, allowed=", ".join(FORMATS))
    if dtype not in FORMATS[format].dtypes:
        raise ConfigError("core.choice", field="dtype", got=dtype, allowed=", ".join(FORMATS[format].dtypes))
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ConfigError("core.range", field="tolerance", got=tolerance, allowed=">= 0")
