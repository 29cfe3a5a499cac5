"""Which run to go on with, and whether it is still the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from afinar.config import RunConfig, to_mapping, to_yaml
from afinar.config import load as load_config
from afinar.data.prepare import Prepared
from afinar.errors import RefusedError
from afinar.run import folder as files
from afinar.training.reporting import Reporter

# A resumed run may change these: they say where and how often to write and what is asked afterwards, not what is trained.
FREE = (
    "output",
    "training.log_every_steps",
    "training.save_every_steps",
    "training.keep_checkpoints",
    "training.report_to",
    "audit.suite",
    "audit.strict",
)


def open_folder(folder: Path, config: RunConfig, data: Prepared) -> None:
    """Write what the run is: config.yaml, resolved, and env.json with versions and the data's fingerprints."""
    environment = {"versions": files.versions(), "threads": torch.get_num_threads(), "data_sha256": _fingerprints(data)}
    files.write_json(folder / files.ENV, environment)
    (folder / files.CONFIG).write_text(to_yaml(config), encoding="utf-8")


def check_unchanged(folder: Path, config: RunConfig, data: Prepared) -> None:
    """Raises RefusedError where a setting that matters, or the data, are not those that the run was started with."""
    before, now = (_flat(to_mapping(c)) for c in (load_config(folder / files.CONFIG, environ={}), config))
    for path in sorted(before.keys() | now.keys()):
        if path not in FREE and before.get(path) != now.get(path):
            raise RefusedError(
                "run.config_changed", folder=str(folder), field=path, got=now.get(path), expected=before.get(path)
            )
    known = json.loads((folder / files.ENV).read_text(encoding="utf-8"))["data_sha256"]
    seen = _fingerprints(data)
    if known != seen:
        changed = ", ".join(name for name in seen if known.get(name) != seen[name])
        raise RefusedError("run.data_changed", folder=str(folder), which=changed)


def _fingerprints(data: Prepared) -> dict[str, str | None]:
    return {"train": files.fingerprint(data.train), "valid": files.fingerprint(data.valid) if data.valid else None}


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def folder_to_resume(config: RunConfig, resume: str | bool, reporter: Reporter) -> Path | None:
    """The run that `resume` names (True: the newest unfinished one; None where there is none), told to `reporter`.

    Raises RefusedError for a folder that is no run, or a run that has finished.
    """
    if resume is True:
        folder = files.newest_unfinished(config.output)
        if folder is None:
            reporter.on_stage("run.nothing_to_resume", output=config.output)
            return None
    else:
        folder = Path(str(resume))
        if not (folder / files.CONFIG).is_file():
            raise RefusedError("run.not_a_run", path=str(folder))
        if (folder / files.RESULTS).exists():
            raise RefusedError("run.finished", path=str(folder))
    checkpoint = files.newest_checkpoint(folder)
    key = "run.resuming" if checkpoint else "run.resuming_from_start"
    reporter.on_stage(key, folder=str(folder), checkpoint=checkpoint.name if checkpoint else "-")
    return folder
