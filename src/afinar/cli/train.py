"""`afinar train CONFIG [--section.field VALUE ...] [--resume [RUN]]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from afinar import messages
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.parsing import NEWEST
from afinar.cli.progress import reporting
from afinar.cli.results import HEADLINES, footer, show_scores, whole
from afinar.config import load, validate
from afinar.training.figures import duration

CAUSAL_NEXT = ("cli.next_chat", "cli.next_generate", "cli.next_evaluate", "cli.next_audit")


def train(config: str | None = None, /, *, resume: str | None = None, context: Context) -> dict[str, Any]:
    """Train, evaluate, and write a run folder. Returns results.json's object with `run`, the folder."""
    if config is None and resume not in (None, NEWEST):
        config = str(Path(str(resume)) / "config.yaml")  # a run knows what it was told
    elif config is None and resume == NEWEST:
        config, resume = _newest(context)
    loaded = validate(load(config, flags=context.settings))
    quieten()
    from afinar import run as pipeline
    from afinar.run import group

    with reporting(context) as reporter:
        run = pipeline.train(loaded, resume=True if resume == NEWEST else resume, offline=context.offline, on_event=reporter)
    group.leave()
    show_run(run.results, run.folder, context)
    return {**run.results, "run": str(run.folder), **_audited(run.results, context)}


def _audited(results: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Show what the run's audit found, where it has one; its gates decide with which exit code the command leaves."""
    if "audit" not in results:
        return {}
    from afinar.cli.audit_tables import show_audit  # only now: it reads suites, and `train --help` should answer at once

    show_audit(results["audit"], context)
    return {"exit_code": results["audit"]["exit_code"]}


def _newest(context: Context) -> tuple[str | None, str]:
    """The config and the folder of the newest unfinished run; where there is none, the settings must say what to train."""
    from afinar.run.folder import newest_unfinished

    found = newest_unfinished(load(None, flags=context.settings).output)
    return (None, NEWEST) if found is None else (str(found / "config.yaml"), str(found))


def show_run(results: Mapping[str, Any], folder: Path, context: Context) -> None:
    """The scores before and after, what the training took, and the next commands."""
    training = results["training"]
    context.say()
    if results["n"]:
        show_scores(results, context, names=HEADLINES)
        held_out = messages.text("scores.on_held_out", n=whole(results["n"]))
        context.show(Text(footer(results, held_out, messages.text("scores.seed", seed=results["seed"]))))
    else:
        context.say(messages.text("cli.not_measured"))
    context.say(
        messages.text(
            "cli.trained",
            method=_name(results["method"]),
            task=results["task"],
            trainable=whole(training["trainable_parameters"]),
            total=whole(training["total_parameters"]),
            steps=whole(training["optimizer_steps"]),
            time=duration(training["seconds"]),
            speed=whole(training["tokens_per_second"]),
        )
    )
    context.say(messages.text("cli.run_folder", folder=folder))
    context.say(messages.text("cli.next"))
    causal = results["task"] == "causal"
    for key in CAUSAL_NEXT if causal else ("cli.next_evaluate",):
        context.say("  " + messages.text(key, folder=folder))


def _name(method: Any) -> str:
    return str(method["name"]) if isinstance(method, Mapping) else str(method)
