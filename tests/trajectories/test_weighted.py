"""Weighted rows through the whole trainer: a row of weight 3 is the same row three times, one of weight 0 is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from afinar import SFTConfig, SFTTrainer
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer

TIMES = [1, 3, 0, 2, 1, 1, 2, 0, 1, 3]


def _train(rows: list[dict[str, Any]], task: str, folder: Path, micro: int, **settings: Any) -> tuple[list[float], Any]:
    """Two passes, each one optimizer step over all rows, in micro-batches of `micro` rows."""
    options = {"num_train_epochs": 2, "learning_rate": 0.5, "optim": "sgd", "weight_decay": 0.0, "max_grad_norm": 0.0}
    options |= {"per_device_train_batch_size": micro, "examples_per_step": len(rows), "lr_scheduler_type": "constant"}
    args = SFTConfig(str(folder), use_cpu=True, disable_tqdm=True, save_strategy="no", **options, **settings)
    losses: list[float] = []

    class Recorded(SFTTrainer):
        def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            loss = super().training_step(*args, **kwargs)
            losses.append(loss.item())
            return loss

    model = tiny_model("llama", task, num_labels=3)
    Recorded(model, args, train_dataset=rows, processing_class=tiny_tokenizer()).train()
    return losses, model


def _assert_same(weighted: tuple[list[float], Any], repeated: tuple[list[float], Any]) -> None:
    assert len(weighted[0]) == 2
    assert weighted[0] == pytest.approx(repeated[0], rel=2e-6)
    assert weighted[0][1] < weighted[0][0]  # it learns
    for (name, weight), reference in zip(weighted[1].named_parameters(), repeated[1].parameters(), strict=True):
        torch.testing.assert_close(weight, reference, rtol=0, atol=1e-5, msg=name)


def _repeated(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row, times in zip(rows, TIMES, strict=True) for _ in range(times)]


@pytest.mark.parametrize("micro", [10, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_tokenised_rows(micro: int, smoothing: float, tmp_path: Path) -> None:
    rows = causal_rows(len(TIMES))
    weighted = [
        {**row, "weights": np.full(len(row["labels"]), times, np.float32)} for row, times in zip(rows, TIMES, strict=True)
    ]
    ours = _train(weighted, "causal", tmp_path, micro, label_smoothing_factor=smoothing)
    _assert_same(ours, _train(_repeated(rows), "causal", tmp_path, micro, label_smoothing_factor=smoothing))


def test_raw_rows_with_a_column_of_weights(tmp_path: Path) -> None:
    rows = [{"prompt": f"Conte até {n}.", "completion": " ".join(map(str, range(n)))} for n in range(1, len(TIMES) + 1)]
    weighted = [{**row, "weight": times / 2} for row, times in zip(rows, TIMES, strict=True)]  # their ratio is what counts
    _assert_same(_train(weighted, "causal", tmp_path, 3), _train(_repeated(rows), "causal", tmp_path, 3))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classified_rows(smoothing: float, tmp_path: Path) -> None:
    rows = class_rows(len(TIMES))
    weighted = [{**row, "weights": float(times)} for row, times in zip(rows, TIMES, strict=True)]
    ours = _train(weighted, "classification", tmp_path, 3, label_smoothing_factor=smoothing)
    _assert_same(ours, _train(_repeated(rows), "classification", tmp_path, 3, label_smoothing_factor=smoothing))


def test_weights_of_tokens_by_hand(tmp_path: Path) -> None:
    """The first step's loss, from transformers' own logits."""
    row = causal_rows(1)[0]
    weights = np.linspace(0, 2, len(row["labels"]), dtype=np.float32)
    losses, _ = _train([{**row, "weights": weights}], "causal", tmp_path, 1)
    with torch.no_grad():
        logits = tiny_model()(input_ids=torch.tensor(row["input_ids"][None])).logits[0, :-1]
    labels, counts = torch.tensor(row["labels"][1:]).long(), torch.tensor(weights[1:])
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    counts = counts * (labels != -100)
    assert losses[0] == pytest.approx(((each * counts).sum() / counts.sum()).item(), rel=1e-5)
