"""The whole story on the embedded model, offline, in about two minutes on two cores.

LoRA on instructions and a sentiment classifier by full fine-tuning, each measured before and after on held-out rows, and one
answer before and after. The figures are those of this very run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afinar.config import from_mapping
from afinar.run import Reporter, Silent, load, train

QUESTION = "O que é a chuva?"
INSTRUCTIONS = {
    "data": {"train": "afinar/instrucoes", "max_length": 160},
    "method": {"name": "lora", "r": 16, "alpha": 32.0, "target_modules": "all-linear"},
    "training": {"epochs": 5.0, "learning_rate": 3e-3, "evaluate_every_steps": "epoch", "save_every_steps": "epoch"},
}
SENTIMENT = {
    "data": {"train": "afinar/sentimento", "max_length": 160},
    "method": {"name": "full"},  # LoRA takes twice the steps here for the same accuracy
    "training": {
        "epochs": 4.0,
        "learning_rate": 4e-4,
        "warmup_ratio": 0.06,
        "evaluate_every_steps": "epoch",
        "save_every_steps": "epoch",
    },
}


def quickstart(folder: str | Path = "afinar-quickstart", *, on_event: Reporter | None = None) -> dict[str, Any]:
    """Run both fine-tunings under `folder`.

    Returns `{"instructions": results, "sentiment": results, "answer": {"prompt", "before", "after"}, "runs": {...}}`, with
    results as in results.json.
    """
    reporter = on_event or Silent()
    reporter.on_stage("quickstart.instructions")
    before = load("afinar-mini", offline=True).generate(QUESTION, max_new_tokens=40, chat=True)
    writer = train(from_mapping({**INSTRUCTIONS, "output": str(folder)}), offline=True, on_event=reporter)
    after = writer.generate(QUESTION, max_new_tokens=40)
    reporter.on_stage("quickstart.sentiment")
    classifier = train(from_mapping({**SENTIMENT, "output": str(folder)}), offline=True, on_event=reporter)
    return {
        "instructions": writer.results,
        "sentiment": classifier.results,
        "answer": {"prompt": QUESTION, "before": before, "after": after},
        "runs": {"instructions": str(writer.folder), "sentiment": str(classifier.folder)},
    }
