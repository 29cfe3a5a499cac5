"""What an audit leaves behind: `audit.jsonl`, a line per case and model, and `audit.json`, the summary.

Both carry `afinar_audit`, the version of their shape, which grows when a reader of the old one would misread the new one.
Nothing in them depends on the clock or the machine: the same suite, model and seed give the same bytes.

A line of audit.jsonl::

    {"afinar_audit": 1, "suite": "afinar/sentimento", "sha256": "...", "case": "elogio", "category": "capacidade",
     "kind": "Check", "role": "model", "model": "runs/2026-11-23_1", "status": "fail", "leaked": null,
     "reasons": [{"key": "...", "values": {...}, "text": "..."}], "values": {"share": 0.5},
     "expansions": [{"kind": "input", "text": "...", "response": "...", "status": "fail", "truncated": false, "reasons": []}],
     "observations": [{"attribute": "...", "group": "...", "case": "...", "block": "...", "value": 0.7, "words": ""}]}
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from afinar.audit.gates import exit_code, gates
from afinar.audit.loading import content_hash
from afinar.audit.summary import Summary
from afinar.audit.verdicts import Reason, Verdict
from afinar.audit.wording import told
from afinar.errors import ConfigError

SHAPE = 1
LINES, SUMMARY = "audit.jsonl", "audit.json"


@dataclass(frozen=True)
class Report:
    """The audits of one model by one suite or more, for a person, a program or a file."""

    summaries: tuple[Summary, ...]
    strict: bool = False
    seed: int = 0
    own_base: bool = False
    """Whether the baseline is the model's own base: a classifier's then has an untrained head."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or what the gates say: 3 failed, 4 inconclusive where strict, 5 no case ran."""
        return exit_code(self.summaries, strict=self.strict)

    def as_dict(self) -> dict[str, Any]:
        """What audit.json holds: JSON without NaN and infinities."""
        first = self.summaries[0].audit
        found: dict[str, Any] = finite(
            {
                "afinar_audit": SHAPE,
                "model": first.model,
                "baseline": first.baseline,
                "own_base": self.own_base,
                "task": first.task,
                "strict": self.strict,
                "seed": self.seed,
                "exit_code": self.exit_code,
                "suites": [_suite(summary) for summary in self.summaries],
                "versions": dict(self.versions),
            }
        )
        return found

    def lines(self) -> Iterator[dict[str, Any]]:
        """What audit.jsonl holds: for each suite and case the model's line, then the baseline's."""
        for summary in self.summaries:
            digest = content_hash(summary.audit.suite)
            for outcome in summary.audit.outcomes:
                sides = (
                    ("model", summary.audit.model, outcome.verdict),
                    ("baseline", summary.audit.baseline, outcome.baseline),
                )
                for role, name, verdict in sides:
                    if verdict is None:
                        continue
                    line = {
                        "afinar_audit": SHAPE,
                        "suite": summary.audit.suite.name,
                        "sha256": digest,
                        "case": outcome.case.id,
                        "category": outcome.case.category,
                        "kind": type(outcome.case).__name__,
                        "role": role,
                        "model": name,
                        "leaked": None if outcome.leak is None else outcome.leak.how,
                        **_verdict(verdict),
                    }
                    yield finite(line)

    def write(self, target: str | Path) -> list[Path]:
        """Write both files into the folder `target`, or one of them as the file `target` (.jsonl or .json); returns them.

        Each is written whole or not at all. Raises ConfigError for a file of another kind.
        """
        kind = output_kind(target)
        place = Path(target)
        lines, summary = place, place
        if kind == "folder":
            lines, summary = place / LINES, place / SUMMARY
        written = []
        if kind != "json":
            text = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in self.lines())
            written.append(write_whole(lines, text))
        if kind != "jsonl":
            text = json.dumps(self.as_dict(), ensure_ascii=False, indent=2, default=str) + "\n"
            written.append(write_whole(summary, text))
        return written


def output_kind(target: str | Path) -> str:
    """folder | json | jsonl, by the name. Raises ConfigError for a file of another kind."""
    path = Path(target)
    if path.suffix in (".json", ".jsonl"):
        return path.suffix.removeprefix(".")
    if path.is_file():
        raise ConfigError("audit.output", got=str(target))
    return "folder"


def write_whole(path: Path, text: str) -> Path:
    """Write a text file beside its place and put it there at the end; folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def finite(value: Any) -> Any:
    """The value with null in place of numbers that JSON lacks."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, str) or not isinstance(value, Sequence):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    return [finite(item) for item in value]


def _suite(summary: Summary) -> dict[str, Any]:
    suite = summary.audit.suite
    known = {"name": suite.name, "version": suite.version, "language": suite.language, "sha256": content_hash(suite)}
    stands = [{**gate.as_dict(), "reason": told(gate.reason)} for gate in gates(summary)]
    return {**known, **summary.as_dict(), "gates": stands}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": str(verdict.status),
        "reasons": [_reason(reason) for reason in verdict.reasons],
        "values": dict(verdict.values),
        "expansions": [
            {
                "kind": each.kind,
                "text": each.text,
                "response": each.response,
                "status": str(each.status),
                "truncated": each.truncated,
                "reasons": [_reason(reason) for reason in each.reasons],
            }
            for each in verdict.expansions
        ],
        "observations": [asdict(each) for each in verdict.observations],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"key": reason.key, "values": dict(reason.values), "text": told(reason)}
