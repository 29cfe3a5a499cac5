"""TRL's own preparation of the same rows: equal tokens and labels where both mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from afinar import SFTConfig
from afinar.training.rows import training_rows
from tests.data.vocabularies import MARKED_CHATML, merging_tokenizer
from tests.tiny import tiny_model

trl = pytest.importorskip("trl")

TEXTS = [{"text": f"O rato número {number} roeu a roupa."} for number in range(3)]
STRINGS = [{"prompt": f"Quanto é {number}? ", "completion": f"É {number}."} for number in range(3)]
TALK = [
    {"role": "user", "content": "Tudo bem?"},
    {"role": "assistant", "content": "Tudo bem, obrigado."},
    {"role": "user", "content": "Não sei."},
    {"role": "assistant", "content": "São Paulo"},
]
TOKENS = [
    {
        "input_ids": [10, 11, 12, 13, 14, 15],
        "completion_mask": [0, 0, 1, 1, 1, 1],
        "assistant_masks": [0, 1, 1, 0, 1, 1],
    }
]


def pick(*columns: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("input_ids", *columns)} for row in TOKENS]


def theirs(rows: list[dict], tokenizer: Any, folder: Path, **settings: Any) -> list[tuple[list[int], list[int]]]:
    args = trl.SFTConfig(output_dir=str(folder), use_cpu=True, report_to="none", **settings)
    dataset = datasets.Dataset.from_list(rows)
    trainer = trl.SFTTrainer(tiny_model(vocab_size=400), args=args, train_dataset=dataset, processing_class=tokenizer)
    return [(row["input_ids"], row["labels"]) for row in trainer.train_dataset]


def ours(rows: list[dict], tokenizer: Any, folder: Path, **settings: Any) -> list[tuple[list[int], list[int]]]:
    args = SFTConfig(output_dir=str(folder), use_cpu=True, **settings)
    found: Any = training_rows(rows, tokenizer, args, task="causal", limit=128)
    return [(row["input_ids"].tolist(), row["labels"].tolist()) for row in found]


@pytest.mark.parametrize(
    ("rows", "template", "settings"),
    [
        (TEXTS, None, {}),
        (TEXTS, None, {"max_length": 8}),
        (STRINGS, None, {}),
        (STRINGS, None, {"completion_only_loss": False}),
        ([{"messages": TALK}], MARKED_CHATML, {"assistant_only_loss": False}),
        ([{"messages": TALK}], MARKED_CHATML, {"assistant_only_loss": True}),
        ([{"prompt": TALK[:3], "completion": TALK[3:]}], MARKED_CHATML, {"completion_only_loss": False}),
        ([{"prompt": TALK[:3], "completion": TALK[3:]}], MARKED_CHATML, {"assistant_only_loss": False}),
        (pick("completion_mask"), None, {"completion_only_loss": True}),
        (pick("completion_mask"), None, {"completion_only_loss": False}),
        (pick("assistant_masks"), None, {}),
        (pick("completion_mask", "assistant_masks"), None, {"completion_only_loss": True}),
        (pick(), None, {}),
        (pick(), None, {"max_length": 4}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tokens_and_labels(rows: list[dict], template: str | None, settings: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = merging_tokenizer(template)
    assert ours(rows, tokenizer, tmp_path, **settings) == theirs(rows, tokenizer, tmp_path, **settings)


@pytest.mark.filterwarnings("ignore")
def test_where_they_differ(tmp_path: Path) -> None:
    """Of a completion in messages TRL also learns the line feed after the end of the turn, which no server ever waits for;
    and it joins strings where there is a chat template, so that a chat never asks as in training.
    """
    tokenizer = merging_tokenizer(MARKED_CHATML)
    talk = [{"prompt": TALK[:3], "completion": TALK[3:]}]
    ((ids, labels),), ((their_ids, their_labels),) = ours(talk, tokenizer, tmp_path), theirs(talk, tokenizer, tmp_path)
    assert ids == their_ids
    assert labels[:-1] == their_labels[:-1]
    assert (labels[-1], tokenizer.decode(their_labels[-1:])) == (-100, "\n")
    ((ids, labels),), ((their_ids, their_labels),) = (make(STRINGS[:1], tokenizer, tmp_path) for make in (ours, theirs))
    assert tokenizer.decode(their_ids) == "Quanto é 0? É 0.<eos>"
    assert tokenizer.decode(ids) == ("<|im_start|>user\nQuanto é 0? <|im_end|>\n<|im_start|>assistant\nÉ 0.<|im_end|>\n")
