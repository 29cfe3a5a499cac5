"""SFTTrainer: the loss of a step, evaluation, what it writes, and when it stops."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import afinar
from afinar import SFTConfig, SFTTrainer
from afinar.data.collate import Collator
from afinar.errors import ConfigError, NonFiniteLossError
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer
from tests.trajectories.training import Losses, trained, trainer


def _plain_losses(model: Any, rows: list[dict[str, Any]]) -> torch.Tensor:
    """Token losses one row at a time: no padding, no batch, no accumulation."""
    losses = []
    for row in rows:
        ids, labels = (torch.as_tensor(row[key], dtype=torch.long)[None] for key in ("input_ids", "labels"))
        logits = model(input_ids=ids).logits
        losses.append(
            F.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="none", ignore_index=-100)[labels[0, 1:] != -100]
        )
    return torch.cat(losses)


def test_a_step_is_normalised_by_the_supervised_tokens_of_the_whole_step(tmp_path: Path) -> None:
    rows = causal_rows(8)
    losses = Losses()
    model = tiny_model()
    expected = _plain_losses(tiny_model(), rows).mean().item()
    arguments = SFTConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=2, gradient_accumulation_steps=4, max_steps=1,
        logging_steps=1, save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    run = SFTTrainer(model, arguments, train_dataset=rows, callbacks=[losses])
    run.train()
    assert losses.values == [pytest.approx(expected, rel=1e-5)]
    assert run.supervised_tokens_seen == sum(int((row["labels"][1:] != -100).sum()) for row in rows)
    assert run.tokens_seen == sum(len(row["input_ids"]) for row in rows)
    assert arguments.gradient_accumulation_steps == 4  # the caller's own arguments are left alone


def test_evaluation_is_weighted_by_tokens_and_holds_no_logits(tmp_path: Path) -> None:
    rows = causal_rows(13)
    run = SFTTrainer(tiny_model(), _quiet(tmp_path), eval_dataset=rows)
    losses = _plain_losses(tiny_model(), rows)
    metrics = run.evaluate()
    assert metrics["eval_loss"] == pytest.approx(losses.mean().item(), rel=1e-6)
    assert metrics["eval_perplexity"] == pytest.approx(math.exp(losses.mean().item()), rel=1e-5)
    assert 0 <= metrics["eval_token_accuracy"] <= 1
    output = run.evaluation_loop(run.get_eval_dataloader(), "Evaluation", prediction_loss_only=True)
    assert output.predictions is None
    assert output.num_samples == 13


def test_evaluation_of_a_classifier(tmp_path: Path) -> None:
    rows = class_rows(10)
    model = tiny_model("llama", "classification", num_labels=3)
    run = SFTTrainer(model, _quiet(tmp_path), eval_dataset=rows)
    metrics = run.evaluate()
    with torch.no_grad():  # without padding the stock forward pools rightly
        plain = tiny_model("llama", "classification", num_labels=3)
        logits = torch.cat([plain(torch.as_tensor(row["input_ids"], dtype=torch.long)[None]).logits for row in rows])
    labels = torch.tensor([row["labels"] for row in rows])
    assert metrics["eval_accuracy"] == pytest.approx((logits.argmax(-1) == labels).float().mean().item())
    assert metrics["eval_loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)


def test_label_smoothing_trains_on_the_smoothed_loss_and_reports_the_plain_one(tmp_path: Path) -> None:
    rows = causal_rows(4)
    losses = Losses()
    run = SFTTrainer(
        tiny_model(),
        _quiet(tmp_path, label_smoothing_factor=0.2, max_steps=1, logging_steps=1, per_device_train_batch_size=4),
        train_dataset=rows,
        eval_dataset=rows,
        callbacks=[losses],
    )
    plain = run.evaluate()["eval_loss"]
    run.train()
    batch = Collator(0)(rows)
    logits = tiny_model()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    smoothed = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), label_smoothing=0.2)
    assert losses.values == [pytest.approx(smoothed.item(), rel=1e-5)]
    assert plain == pytest.approx(_plain_losses(tiny_model(), rows).mean().item(), rel=1e-5)


def test_checkpoints_hold_the_adapter_and_the_tokenizer_and_no_pickle(tmp_path: Path) -> None:
    trained("lora", tmp_path, max_steps=1)
    checkpoint = tmp_path / "checkpoint-1"
    names = {path.name for path in checkpoint.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert "model.safetensors" not in names  # the base is never copied
    assert not {path.suffix for path in checkpoint.iterdir()} & {".bin", ".pt", ".pth", ".pkl"}


def test_a_checkpoint_of_full_fine_tuning_is_a_model(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    state, _ = trained("full", tmp_path, max_steps=2)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint-2")
    assert model.config.use_cache  # whoever generates with it has a cache
    loaded = model.state_dict()
    for name, value in state.items():
        assert torch.equal(loaded[name], value), name


def test_a_non_finite_loss_stops_training_and_leaves_the_checkpoints(tmp_path: Path) -> None:
    run = trainer("full", tmp_path)
    with torch.no_grad():
        run.model.model.norm.weight.fill_(math.nan)
    with pytest.raises(NonFiniteLossError) as caught:
        run.train()
    assert caught.value.key == "training.non_finite_loss"
    assert caught.value.values["step"] == 1
    assert caught.value.exit_code == 7
    assert "learning_rate" in str(caught.value)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_without_a_method_what_requires_grad_trains(tmp_path: Path) -> None:
    model = tiny_model()
    model.requires_grad_(False)
    model.model.layers[1].requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    SFTTrainer(model, _quiet(tmp_path, max_steps=2), train_dataset=causal_rows()).train()
    for name, value in model.state_dict().items():
        assert torch.equal(before[name], value) is not name.startswith("model.layers.1."), name


@pytest.mark.parametrize("method", ["full", "full-classification", "head", "lora", "lora-classification"])
def test_gradient_checkpointing_gives_the_same_losses(method: str, tmp_path: Path) -> None:
    name = "activation_checkpointing" if hasattr(SFTConfig, "activation_checkpointing") else "gradient_checkpointing"
    _, losses = trained(method, tmp_path / "off", max_steps=3)
    _, same = trained(method, tmp_path / "on", max_steps=3, **{name: True})
    assert same == pytest.approx(losses, rel=1e-5)


def test_the_llama_name_is_the_same_class() -> None:
    assert afinar.LlamaSFTTrainer is afinar.SFTTrainer


def test_training_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train_dataset"):
        SFTTrainer(tiny_model(), _quiet(tmp_path)).train()


def test_a_step_need_not_be_a_multiple_of_the_micro_batch(tmp_path: Path) -> None:
    settings = {"examples_per_step": 7, "per_device_train_batch_size": 3, "num_train_epochs": 1}
    run = SFTTrainer(tiny_model(), _quiet(tmp_path, **settings), train_dataset=causal_rows(21))
    run.train()
    assert run.state.global_step == 3


def test_an_evaluation_batch_has_room_for_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="eval_batch_tokens=0"):
        _quiet(tmp_path, eval_batch_tokens=0)


def test_the_tokenizer_fills_padding_but_an_id_is_never_what_masks(tmp_path: Path) -> None:
    """pad == eos: the rows' own EOS stays attended and learned."""
    tokenizer = tiny_tokenizer(pad_is_eos=True)
    rows = [{"input_ids": [9, 10, tokenizer.eos_token_id], "labels": [-100, 10, tokenizer.eos_token_id]}]
    rows.append({"input_ids": [9, 11], "labels": [-100, 11]})
    run = SFTTrainer(tiny_model(), _quiet(tmp_path), eval_dataset=rows, processing_class=tokenizer)
    (batches,) = list(run.get_eval_dataloader())
    ((_, supervised),) = [(batch["attention_mask"].sum(), (batch["labels"] != -100).sum()) for batch in batches]
    assert supervised == 3
    assert batches[0]["attention_mask"].sum() == 5


def _quiet(folder: Path, **settings: Any) -> SFTConfig:
    options = {"save_strategy": "no", "use_cpu": True, "disable_tqdm": True, **settings}
    return SFTConfig(output_dir=str(folder), **options)
