"""The pipeline: a config in, a run folder out; and what runs are used for afterwards.

run = afinar.fine_tune("afinar-mini", train="train.jsonl", method=afinar.LoRA(r=8))
run.results["adapted"]          # measured on held-out rows
afinar.load(run.folder).generate("Por que o céu é azul?")
"""

from afinar.run.comparing import Answers, Comparison, compare
from afinar.run.evaluating import evaluate
from afinar.run.exporting import export, merge
from afinar.run.pipeline import Run, fine_tune, train
from afinar.run.resolving import resolve
from afinar.run.session import Session, load
from afinar.training.reporting import Reporter, Silent

__all__ = [
    "Answers",
    "Comparison",
    "Reporter",
    "Run",
    "Session",
    "Silent",
    "compare",
    "evaluate",
    "export",
    "fine_tune",
    "load",
    "merge",
    "resolve",
    "train",
]
