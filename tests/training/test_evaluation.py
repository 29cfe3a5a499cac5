"""Evaluation by SFTTrainer: what is measured, what `compute_metrics` is given, and what is not held."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments

from afinar import SFTConfig, SFTTrainer, default_compute_metrics
from afinar.data.collate import Collator
from afinar.errors import ConfigError
from afinar.metrics.classification import classification_metrics
from afinar.training.evaluating import Pass, stacked
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer

RAW = [{"prompt": f"Quanto é {n} mais {n}?", "completion": f"É {n + n}, é claro."} for n in range(9)]


def _evaluator(
    folder: Path, rows: Any, *, model: Any = None, settings: dict[str, Any] | None = None, **options: Any
) -> SFTTrainer:
    args = SFTConfig(str(folder), use_cpu=True, disable_tqdm=True, per_device_eval_batch_size=4, **(settings or {}))
    return SFTTrainer(model or tiny_model(), args, eval_dataset=rows, **options)


@torch.no_grad()
def _logits(rows: list[dict[str, Any]], model: Any = None) -> list[np.ndarray]:
    """Each row alone: no padding, no batch."""
    model = model or tiny_model()
    return [model(input_ids=torch.as_tensor(row["input_ids"], dtype=torch.long)[None]).logits[0].numpy() for row in rows]


class Seen:
    """A `compute_metrics` that keeps what it was given."""

    def __call__(self, prediction: Any) -> dict[str, float]:
        self.prediction = prediction
        return {"mine": 1.5}


def test_compute_metrics_is_given_the_logits_in_the_order_of_the_rows(tmp_path: Path) -> None:
    rows, seen = causal_rows(11), Seen()
    metrics = _evaluator(tmp_path, rows, compute_metrics=seen).evaluate()
    assert metrics["eval_mine"] == 1.5
    assert {"eval_loss", "eval_perplexity", "eval_token_accuracy"} <= metrics.keys()
    predictions, labels = seen.prediction  # unpacks as transformers' does
    assert predictions.shape[:2] == labels.shape
    for row, logits, given, kept in zip(rows, _logits(rows), predictions, labels, strict=True):
        length = len(row["input_ids"])
        np.testing.assert_allclose(given[:length], logits, atol=2e-5)
        assert (given[length:] == -100).all() or length <= given.shape[0]
        assert kept[:length].tolist() == row["labels"].tolist()
        assert (kept[length:] == -100).all()


def test_only_what_the_preprocessing_leaves_is_held(tmp_path: Path) -> None:
    rows, seen = causal_rows(6), Seen()
    trainer = _evaluator(
        tmp_path, rows, compute_metrics=seen, preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1)
    )
    trainer.evaluate()
    assert seen.prediction.predictions.ndim == 2
    for row, logits, given in zip(rows, _logits(rows), seen.prediction.predictions, strict=True):
        assert given[: len(row["input_ids"])].tolist() == logits.argmax(-1).tolist()


def test_a_preprocessing_that_loses_the_rows_is_refused(tmp_path: Path) -> None:
    trainer = _evaluator(
        tmp_path, causal_rows(6), compute_metrics=Seen(), preprocess_logits_for_metrics=lambda logits, labels: logits.mean()
    )
    with pytest.raises(ConfigError) as caught:
        trainer.evaluate()
    assert caught.value.key == "training.metric_rows"


@pytest.mark.parametrize("compute_metrics", [None, default_compute_metrics])
def test_no_logits_are_made_unless_asked_for(compute_metrics: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = _evaluator(tmp_path, causal_rows(6), compute_metrics=compute_metrics)
    shapes: list[tuple[int, ...]] = []
    trainer.model.lm_head.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    monkeypatch.setattr(Pass, "_keep", lambda *arguments: pytest.fail("logits were kept"))
    assert trainer.evaluate()["eval_loss"] > 0
    rows = causal_rows(6)
    supervised = sum(int((row["labels"][1:] != -100).sum()) for row in rows)
    assert sum(shape[0] for shape in shapes) == supervised  # the head saw those positions and no others
    assert {len(shape) for shape in shapes} == {2}


def test_the_default_metrics_are_those_of_the_logits_that_transformers_holds(tmp_path: Path) -> None:
    rows = causal_rows(8)
    options = {"per_device_eval_batch_size": 8, "use_cpu": True, "disable_tqdm": True, "report_to": "none"}
    stock = Trainer(
        tiny_model(), TrainingArguments(str(tmp_path), **options), data_collator=Collator(0), eval_dataset=rows,
        compute_metrics=default_compute_metrics,
    ).evaluate()  # fmt: skip
    ours = _evaluator(tmp_path, rows).evaluate()
    for name in ("loss", "perplexity", "token_accuracy"):
        assert ours[f"eval_{name}"] == pytest.approx(stock[f"eval_{name}"], rel=1e-5), name


def test_reduced_logits_cannot_be_measured() -> None:
    with pytest.raises(ConfigError) as caught:
        default_compute_metrics(EvalPrediction(np.zeros((2, 5)), np.zeros((2, 5))))
    assert caught.value.key == "training.no_logits"


def test_a_classifier_from_logits_as_from_totals(tmp_path: Path) -> None:
    rows = class_rows(10)
    trainer = _evaluator(tmp_path, rows, model=tiny_model("llama", "classification", num_labels=3))
    output = trainer.predict(rows)
    again = default_compute_metrics(EvalPrediction(output.predictions, output.label_ids))
    assert output.predictions.shape == (10, 3)
    assert output.label_ids.tolist() == [row["labels"] for row in rows]
    plain = classification_metrics(output.label_ids.tolist(), output.predictions.argmax(-1).tolist())
    for name in ("accuracy", "precision", "recall", "f1", "f1_macro"):
        assert output.metrics[f"test_{name}"] == pytest.approx(plain[name])
        assert again[name] == pytest.approx(plain[name])
    assert again["loss"] == pytest.approx(output.metrics["test_loss"], rel=1e-5)


def test_several_sets_are_measured_apart(tmp_path: Path) -> None:
    sets = {"first": causal_rows(5), "second": causal_rows(7, seed=3)}
    metrics = _evaluator(tmp_path, sets).evaluate()
    for name, rows in sets.items():
        alone = _evaluator(tmp_path, rows).evaluate()
        assert metrics[f"eval_{name}_loss"] == pytest.approx(alone["eval_loss"], rel=1e-6)


def test_rows_may_be_handed_to_evaluate_as_they_come(tmp_path: Path) -> None:
    trainer = _evaluator(tmp_path, None, processing_class=tiny_tokenizer())
    assert trainer.evaluate(RAW)["eval_loss"] > 0
    with pytest.raises(ConfigError) as caught:
        trainer.evaluate()
    assert caught.value.key == "core.missing"


def test_bits_per_byte_count_the_bytes_of_the_answers(tmp_path: Path) -> None:
    metrics = _evaluator(tmp_path, RAW, processing_class=tiny_tokenizer()).evaluate()
    rows = _evaluator(tmp_path, RAW, processing_class=tiny_tokenizer()).eval_dataset
    tokens = sum(int((np.asarray(row["labels"])[1:] != -100).sum()) for row in rows)
    n_bytes = sum(len(row["completion"].encode()) for row in RAW)
    expected = metrics["eval_loss"] * tokens / (math.log(2) * n_bytes)
    assert metrics["eval_bits_per_byte"] == pytest.approx(expected, rel=1e-6)


def test_the_users_loss_is_what_is_reported_and_the_perplexity_stays_one(tmp_path: Path) -> None:
    def doubled(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        targets = labels[:, 1:].flatten()
        return (
            2
            * torch.nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), targets, reduction="sum")
            / (num_items_in_batch)
        )

    rows = causal_rows(9)
    plain = _evaluator(tmp_path, rows).evaluate()
    metrics = _evaluator(tmp_path, rows, compute_loss_func=doubled).evaluate()
    assert metrics["eval_loss"] == pytest.approx(2 * plain["eval_loss"], rel=1e-5)
    assert metrics["eval_perplexity"] == pytest.approx(plain["eval_perplexity"], rel=1e-5)


def test_inputs_are_given_where_they_are_asked_for(tmp_path: Path) -> None:
    rows, seen = causal_rows(5), Seen()
    _evaluator(tmp_path, rows, compute_metrics=seen, settings={"include_for_metrics": ["inputs"]}).evaluate()
    for row, given in zip(rows, seen.prediction.inputs, strict=True):
        assert given[: len(row["input_ids"])].tolist() == row["input_ids"].tolist()


def test_half_precision_evaluation_leaves_the_weights_alone(tmp_path: Path) -> None:
    rows = causal_rows(5)
    trainer = _evaluator(tmp_path, rows, settings={"bf16_full_eval": True})
    loss = trainer.evaluate()["eval_loss"]
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
    exact = _evaluator(tmp_path, rows).evaluate()["eval_loss"]
    assert loss != exact  # bfloat16's rounding shows
    assert loss == pytest.approx(exact, rel=1e-2)


def test_rows_of_different_lengths_become_one_array() -> None:
    whole = stacked([np.array([[1, 2]]), np.array([[3], [4]])])
    assert whole.tolist() == [[[1, 2], [-100, -100]], [[3, -100], [4, -100]]]
