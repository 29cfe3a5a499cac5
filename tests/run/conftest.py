"""A tiny base model in a folder, small data files, and a config over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afinar.config import RunConfig, from_mapping
from tests.tiny import tiny_model, tiny_tokenizer

SUBJECTS = ("livro", "filme", "hotel", "curso", "celular", "jogo", "bolo", "parque", "show", "sapato", "sofá", "vinho")
PRAISE, BLAME = ("ótimo", "adorei", "lindo"), ("péssimo", "odiei", "feio")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with its tokenizer, saved as `from_pretrained` reads it."""
    folder = tmp_path_factory.mktemp("base")
    model = tiny_model("llama", hidden_size=48, intermediate_size=64, seed=3)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> tuple[Path, Path]:
    """Training and held-out reviews whose last word tells the label."""
    rows = [
        {"text": f"{subject} {word}", "label": label}
        for subject in SUBJECTS
        for label, words in (("positivo", PRAISE), ("negativo", BLAME))
        for word in words
    ]
    return write_lines(tmp_path / "train.jsonl", rows[:60]), write_lines(tmp_path / "valid.jsonl", rows[60:])


@pytest.fixture
def questions(tmp_path: Path) -> tuple[Path, Path]:
    """Training and held-out conversations of one turn each."""
    rows = [
        {"messages": [{"role": "user", "content": f"{s}?"}, {"role": "assistant", "content": f"o {s} é bom"}]}
        for s in SUBJECTS
    ]
    return write_lines(tmp_path / "train.jsonl", rows[:9]), write_lines(tmp_path / "valid.jsonl", rows[9:])


@pytest.fixture
def configure(base: Path, tmp_path: Path) -> Callable[..., RunConfig]:
    """A config over the tiny base: `configure(files, method={...}, training={...})`."""

    def make(files: tuple[Path, Path], method: dict[str, Any], **sections: dict[str, Any]) -> RunConfig:
        training = {"epochs": 2.0, "batch_size": 8, "learning_rate": 1e-2, "save_every_steps": 3, "log_every_steps": 1}
        data = {"train": str(files[0]), "valid": str(files[1]), "max_length": 64}
        return from_mapping(
            {
                "model": {"name": str(base), "device": "cpu"},
                "data": {**data, **sections.get("data", {})},
                "method": method,
                "training": {**training, **sections.get("training", {})},
                "evaluation": sections.get("evaluation", {}),
                "output": str(tmp_path / "runs"),
            }
        )

    return make
