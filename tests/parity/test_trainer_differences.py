"""Where SFTTrainer differs from transformers' Trainer and TRL's SFTTrainer, each against what is right.

Right is, for a loss, the whole step (or the whole evaluation set) in one batch. The table in the documentation comes from
here; where a test fails, the other side may have changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Trainer, TrainingArguments

from afinar import SFTConfig, SFTTrainer
from afinar.errors import NonFiniteLossError
from tests.models.test_router import COEFFICIENT, mixture
from tests.parity.oracles import (
    ADAMW,
    ROWS,
    SGD,
    TURNS,
    assert_equal,
    classifier,
    collator_of,
    peaked,
    plain,
    settings_of,
    tokens_of_ours,
    tokens_of_trl,
    train_ours,
    train_theirs,
)
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer


def test_transformers_multiplies_a_classifiers_loss_by_the_accumulation(tmp_path: Path) -> None:
    rows = class_rows(ROWS)
    once, order = train_ours(classifier(), rows, tmp_path, 8, **SGD)
    ours, _ = train_ours(classifier(), rows, tmp_path, 2, **SGD)
    theirs = train_theirs(classifier(), [rows[i] for i in order], tmp_path, 2, **SGD)
    assert_equal(ours, once)
    assert theirs[0][0] == pytest.approx(4 * once[0][0], rel=1e-5)


def test_transformers_counts_a_routers_loss_once_for_every_micro_batch(tmp_path: Path) -> None:
    rows = causal_rows(8)
    once, order = train_ours(mixture("mixtral"), rows, tmp_path, 8, **SGD)
    ours, _ = train_ours(mixture("mixtral"), rows, tmp_path, 2, **SGD)
    theirs = train_theirs(mixture("mixtral"), [rows[i] for i in order], tmp_path, 2, **SGD)
    # A router is balanced over what it sees at a time, so its loss over four small batches is near that over one, not equal.
    assert ours[0][0] == pytest.approx(once[0][0], rel=0.03)
    assert theirs[0][0] > once[0][0] + 2.5 * COEFFICIENT


class MeanLoss(torch.nn.Module):
    """A model of somebody's own, whose forward knows nothing of `num_items_in_batch`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = peaked()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> Any:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask, labels=labels)


def test_transformers_averages_the_means_of_uneven_micro_batches_where_the_model_averages_itself(tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    once, order = train_ours(peaked(), rows, tmp_path, 8, **ADAMW)
    ours, _ = train_ours(MeanLoss(), rows, tmp_path, 2, **ADAMW)
    theirs = train_theirs(MeanLoss(), [rows[i] for i in order], tmp_path, 2, **ADAMW)
    assert ours[0] == pytest.approx(once[0], rel=2e-6)
    assert abs(theirs[0][0] - once[0][0]) > 5e-3


def test_transformers_evaluation_depends_on_the_batches(tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    with torch.no_grad():
        whole = tiny_model()(**_collated(rows)).loss.item()
    ours, theirs = [], []
    for size in (21, 2):
        args = SFTConfig(**settings_of(tmp_path, 2, per_device_eval_batch_size=size))
        ours.append(SFTTrainer(tiny_model(), args, eval_dataset=rows, tokenizer=tiny_tokenizer()).evaluate()["eval_loss"])
        plain_args = TrainingArguments(**settings_of(tmp_path, 2, per_device_eval_batch_size=size))
        trainer = Trainer(tiny_model(), plain_args, eval_dataset=[plain(row) for row in rows], data_collator=collator_of(rows))
        theirs.append(trainer.evaluate()["eval_loss"])
    assert ours == pytest.approx([whole, whole], rel=1e-6)
    assert theirs[0] == pytest.approx(whole, rel=1e-6)
    assert abs(theirs[1] - whole) > 1e-3


def test_transformers_smooths_the_labels_of_an_evaluation_too(tmp_path: Path) -> None:
    """Then exp(eval_loss) is no perplexity, and runs with other factors cannot be compared."""
    rows, ours, theirs = causal_rows(ROWS), [], []
    for factor in (0.0, 0.3):
        model = peaked()
        args = SFTConfig(**settings_of(tmp_path, 1, label_smoothing_factor=factor))
        ours.append(SFTTrainer(model, args, eval_dataset=rows, tokenizer=tiny_tokenizer()).evaluate()["eval_loss"])
        settings = settings_of(tmp_path, 1, label_smoothing_factor=factor, per_device_eval_batch_size=ROWS)
        rows_of_lists = [plain(row) for row in rows]
        trainer = Trainer(peaked(), TrainingArguments(**settings), eval_dataset=rows_of_lists, data_collator=collator_of(rows))
        theirs.append(trainer.evaluate()["eval_loss"])
    assert ours[0] == ours[1] == pytest.approx(theirs[0], rel=1e-6)
    assert abs(theirs[1] - theirs[0]) > 0.02


def test_transformers_goes_on_after_a_loss_that_is_no_number(tmp_path: Path) -> None:
    def broken() -> Any:
        model = tiny_model()
        model.lm_head.weight.data[0, 0] = float("nan")
        return model

    rows = causal_rows(ROWS)
    losses, _ = train_theirs(broken(), rows, tmp_path)
    assert len(losses) == 3
    with pytest.raises(NonFiniteLossError):
        train_ours(broken(), rows, tmp_path)


def test_transformers_lets_embeddings_decay(tmp_path: Path) -> None:
    args = settings_of(tmp_path, 8)
    ours = SFTTrainer(tiny_model(), SFTConfig(**args), train_dataset=causal_rows(8), tokenizer=tiny_tokenizer())
    theirs = Trainer(tiny_model(), TrainingArguments(**args), train_dataset=causal_rows(8))
    assert _decays(ours, "model.embed_tokens.weight") == 0
    assert _decays(theirs, "model.embed_tokens.weight") == 0.05
    for trainer in (ours, theirs):
        assert _decays(trainer, "model.layers.0.self_attn.q_proj.weight") == 0.05
        assert _decays(trainer, "model.norm.weight") == 0


def test_trl_teaches_the_users_words_too_unless_told_otherwise(tmp_path: Path) -> None:
    ((ids, ours),) = tokens_of_ours([{"messages": TURNS}], True, tmp_path)
    ((their_ids, theirs),) = tokens_of_trl([{"messages": TURNS}], True, tmp_path)
    assert ids == their_ids == theirs
    tokenizer = tiny_tokenizer()
    assert tokenizer.decode([label for label in ours if label != -100]) == "Dom Casmurro.<eos>Não sei.<eos>"


def test_trl_leaves_out_the_chat_template_of_prompts_that_are_strings(tmp_path: Path) -> None:
    """A chat model is asked in its template, by `generate`, `chat` and everyone else, and so it is taught."""
    rows = [{"prompt": "Que livro é bom?", "completion": "Dom Casmurro."}]
    assert tokens_of_ours(rows, True, tmp_path) == tokens_of_ours([{"messages": TURNS[:2]}], True, tmp_path)
    assert tokens_of_trl(rows, True, tmp_path) == tokens_of_trl(rows, False, tmp_path)


def _collated(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    return dict(collator_of(rows)([plain(row) for row in rows]))


def _decays(trainer: Trainer, name: str) -> float:
    parameter = dict(trainer.model.named_parameters())[name]
    groups = trainer.create_optimizer().param_groups
    return next(group["weight_decay"] for group in groups if any(other is parameter for other in group["params"]))
