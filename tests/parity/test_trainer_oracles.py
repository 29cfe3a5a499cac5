"""SFTTrainer beside transformers' Trainer and TRL's SFTTrainer: the same rows in the same order, step by step.

Where both are right, the losses of every step and the weights at the end are equal. The second half shows where they differ,
and measures each against what the whole step in one batch gives: the table in the documentation comes from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, Trainer, TrainingArguments

from afinar import LoRA, SFTConfig, SFTTrainer
from afinar.errors import NonFiniteLossError
from tests.models.test_router import COEFFICIENT, MIXTURES, mixture
from tests.rows import causal_rows, class_rows
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

ROWS, STEP = 21, 8  # three steps, the last of five rows
Run = tuple[list[float], dict[str, Tensor]]


def _settings(folder: Path, rows: int, **settings: Any) -> dict[str, Any]:
    """What all trainers are told; `rows` go into one micro-batch, as many micro-batches as STEP needs into a step."""
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": STEP // rows,
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.05,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 3,
        **settings,
    }


def _ours(model: Any, rows: list[dict[str, Any]], folder: Path, micro: int = STEP, **settings: Any) -> tuple[Run, list[int]]:
    """Our losses and weights, and the order in which the rows were taken."""
    method, start = settings.pop("method", None), settings.pop("start", None)
    # transformers lets the weights of embeddings decay; told so, ours does too
    args = SFTConfig(**_settings(folder, micro, **settings), no_decay=["bias", "norm"])
    losses: list[float] = []

    class Recorded(SFTTrainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss = super().training_step(*args, **kwargs)
            losses.append(loss.item())
            return loss

    trainer = Recorded(model, args, train_dataset=rows, processing_class=tiny_tokenizer(), method=method)
    if start is not None:
        for weight, value in zip((w for n, w in trainer.model.named_parameters() if n.endswith(".A")), start, strict=True):
            weight.data.copy_(value)
    order = _order(trainer)
    trainer.train()
    return (losses, trained(trainer.model)), order


def _order(trainer: SFTTrainer) -> list[int]:
    """The rows as they are taken, epoch after epoch."""
    steps, order = trainer.get_train_dataloader().dataset, []
    for epoch in range(int(trainer.args.num_train_epochs)):
        steps.set_epoch(epoch)
        order += [int(row) for row in steps.order]
    return order


def _theirs(model: Any, rows: list[dict[str, Any]], folder: Path, micro: int = STEP, **settings: Any) -> Run:
    """transformers' losses and weights over `rows` in the order given."""
    args = TrainingArguments(**_settings(folder, micro, **settings))
    recorded = in_order(Trainer)
    trainer = recorded(model, args, train_dataset=[plain(row) for row in rows], data_collator=_collator(rows))
    trainer.train()
    return list(trainer.losses.values()), trained(model)


def _trl(model: Any, rows: list[dict[str, Any]], folder: Path, micro: int, **settings: Any) -> Run:
    """TRL's, over `rows` in the order given."""
    import trl

    args = trl.SFTConfig(**_settings(folder, micro, gradient_checkpointing=False, bf16=False, packing=False, **settings))
    data = Dataset.from_list([plain(row) for row in rows])
    trainer = in_order(trl.SFTTrainer)(model, args, train_dataset=data, processing_class=tiny_tokenizer())
    trainer.train()
    return list(trainer.losses.values()), trained(trainer.model)


def in_order(base: Any) -> Any:
    """`base` without shuffling, with the loss of each optimizer step, summed over its micro-batches."""

    class InOrder(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.losses: dict[int, float] = {}

        def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss = super().training_step(*args, **kwargs)
            self.losses[self.state.global_step] = self.losses.get(self.state.global_step, 0.0) + loss.item()
            return loss

    return InOrder


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else value.tolist() for name, value in row.items()}


def trained(model: Any) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad}


def assert_equal(ours: Run, theirs: Run, rtol: float = 2e-6, atol: float = 1e-5, steps: int = 3) -> None:
    """Losses to the last digits of float32; weights to a hundredth of a step of 1e-3 (AdamW's first steps are signs)."""
    assert len(ours[0]) == len(theirs[0]) == steps
    assert ours[0] == pytest.approx(theirs[0], rel=rtol)
    assert ours[1].keys() == theirs[1].keys()
    for name, weight in ours[1].items():
        torch.testing.assert_close(weight, theirs[1][name], rtol=0, atol=atol, msg=lambda text, name=name: f"{name}: {text}")


ADAMW = {"learning_rate": 1e-3}
# Plain and unclipped, so that a gradient of the wrong size shows in the weights; AdamW and clipping would hide it.
SGD = {"optim": "sgd", "learning_rate": 0.5, "max_grad_norm": 0.0, "weight_decay": 0.0}
QUICK = ("llama", "gpt2")


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ARCHITECTURES]
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_causal_with_accumulation(architecture: str, smoothing: float, tmp_path: Path) -> None:
    rows, settings = causal_rows(ROWS), {**SGD, "label_smoothing_factor": smoothing}
    ours, order = _ours(tiny_model(architecture), rows, tmp_path, 2, **settings)
    theirs = _theirs(tiny_model(architecture), [rows[i] for i in order], tmp_path, 2, **settings)
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(ADAMW, id="adamw"),
        pytest.param({**ADAMW, "optim": "adafactor"}, id="adafactor", marks=pytest.mark.slow),
        pytest.param({**SGD, "gradient_checkpointing": True}, id="checkpointing", marks=pytest.mark.slow),
    ],
)
def test_causal_in_one_batch(settings: dict[str, Any], tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    ours, order = _ours(tiny_model(), rows, tmp_path, **settings)
    theirs = _theirs(tiny_model(), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs)


@pytest.mark.slow
def test_bf16(tmp_path: Path) -> None:
    """The products are the same to their rounding, which differs with the rows that are multiplied together."""
    rows, settings = causal_rows(ROWS), {**SGD, "bf16": True}
    ours, order = _ours(tiny_model(), rows, tmp_path, **settings)
    theirs = _theirs(tiny_model(), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs, rtol=1e-4, atol=1e-3)


def test_several_epochs_and_a_schedule(tmp_path: Path) -> None:
    rows = causal_rows(24)
    ours, order = _ours(tiny_model(), rows, tmp_path, 4, **SGD, num_train_epochs=2, warmup_steps=2)
    assert sorted(order[:24]) == sorted(order[24:]) == list(range(24))
    theirs = _theirs(tiny_model(), [rows[i] for i in order], tmp_path, 4, **SGD, warmup_steps=2)
    assert_equal(ours, theirs, steps=6)


def test_a_model_wrapped_by_peft(tmp_path: Path) -> None:
    rows, settings = causal_rows(ROWS), {**SGD, "learning_rate": 5.0}
    ours, order = _ours(_wrapped(), rows, tmp_path, 2, **settings)
    theirs = _theirs(_wrapped(), [rows[i] for i in order], tmp_path, 2, **settings)
    assert any("lora_B" in name and weight.abs().max() > 1e-3 for name, weight in ours[1].items())  # it trains
    assert_equal(ours, theirs)


def test_our_lora_beside_pefts(tmp_path: Path) -> None:
    """From the same A: the adapter has the same weights after training, in another trainer and other code."""
    rows, settings = causal_rows(ROWS), {**SGD, "learning_rate": 5.0}
    peft = _wrapped()
    start = {name: weight for name, weight in trained(peft).items() if "lora_A" in name}
    model = LoRA(r=4, alpha=8, target_modules=["q_proj", "v_proj"])
    ours, order = _ours(tiny_model(), rows, tmp_path, 2, method=model, start=list(start.values()), **settings)
    theirs = _theirs(peft, [rows[i] for i in order], tmp_path, 2, **settings)
    assert_equal((ours[0], dict(zip(theirs[1], ours[1].values(), strict=True))), theirs)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classification_in_one_batch(architecture: str, smoothing: float, tmp_path: Path) -> None:
    rows, settings = class_rows(ROWS), {**SGD, "label_smoothing_factor": smoothing}
    ours, order = _ours(_classifier(architecture), rows, tmp_path, **settings)
    theirs = _theirs(_classifier(architecture), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=() if name == "mixtral" else pytest.mark.slow) for name in MIXTURES]
)
def test_a_mixture_of_experts_in_one_batch(architecture: str, tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    ours, order = _ours(mixture(architecture), rows, tmp_path, **SGD)
    theirs = _theirs(mixture(architecture), [rows[i] for i in order], tmp_path, **SGD)
    assert_equal(ours, theirs)


@pytest.mark.parametrize("loss_type", ["nll", "chunked_nll"])
@pytest.mark.parametrize("micro", [8, 2])
def test_trl(loss_type: str, micro: int, tmp_path: Path) -> None:
    """Packing off, no checkpointing, float32, the same labels: TRL's own tokenised rows."""
    rows = causal_rows(ROWS)
    ours, order = _ours(tiny_model(), rows, tmp_path, micro, **SGD)
    theirs = _trl(tiny_model(), [rows[i] for i in order], tmp_path, micro, **SGD, loss_type=loss_type)
    assert_equal(ours, theirs)


# --- where they differ --------------------------------------------------------------------------------------------------


def test_transformers_multiplies_a_classifiers_loss_by_the_accumulation(tmp_path: Path) -> None:
    rows = class_rows(ROWS)
    once, order = _ours(_classifier(), rows, tmp_path, 8, **SGD)
    ours, _ = _ours(_classifier(), rows, tmp_path, 2, **SGD)
    theirs = _theirs(_classifier(), [rows[i] for i in order], tmp_path, 2, **SGD)
    assert_equal(ours, once)
    assert theirs[0][0] == pytest.approx(4 * once[0][0], rel=1e-5)


def test_transformers_counts_a_routers_loss_once_for_every_micro_batch(tmp_path: Path) -> None:
    rows = causal_rows(8)
    once, order = _ours(mixture("mixtral"), rows, tmp_path, 8, **SGD)
    ours, _ = _ours(mixture("mixtral"), rows, tmp_path, 2, **SGD)
    theirs = _theirs(mixture("mixtral"), [rows[i] for i in order], tmp_path, 2, **SGD)
    # A router is balanced over what it sees at a time, so its loss over four small batches is near that over one, not equal.
    assert ours[0][0] == pytest.approx(once[0][0], rel=0.03)
    assert theirs[0][0] > once[0][0] + 2.5 * COEFFICIENT


class MeanLoss(torch.nn.Module):
    """A model of somebody's own, whose forward knows nothing of `num_items_in_batch`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = _peaked()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> Any:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask, labels=labels)


def test_transformers_averages_the_means_of_uneven_micro_batches_where_the_model_averages_itself(tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    once, order = _ours(_peaked(), rows, tmp_path, 8, **ADAMW)
    ours, _ = _ours(MeanLoss(), rows, tmp_path, 2, **ADAMW)
    theirs = _theirs(MeanLoss(), [rows[i] for i in order], tmp_path, 2, **ADAMW)
    assert ours[0] == pytest.approx(once[0], rel=2e-6)
    assert abs(theirs[0][0] - once[0][0]) > 5e-3


def test_transformers_evaluation_depends_on_the_batches(tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    with torch.no_grad():
        whole = tiny_model()(**_collated(rows)).loss.item()
    ours, theirs = [], []
    for size in (21, 2):
        args = SFTConfig(**_settings(tmp_path, 2, per_device_eval_batch_size=size))
        ours.append(SFTTrainer(tiny_model(), args, eval_dataset=rows, tokenizer=tiny_tokenizer()).evaluate()["eval_loss"])
        plain_args = TrainingArguments(**_settings(tmp_path, 2, per_device_eval_batch_size=size))
        trainer = Trainer(tiny_model(), plain_args, eval_dataset=[plain(row) for row in rows], data_collator=_collator(rows))
        theirs.append(trainer.evaluate()["eval_loss"])
    assert ours == pytest.approx([whole, whole], rel=1e-6)
    assert theirs[0] == pytest.approx(whole, rel=1e-6)
    assert abs(theirs[1] - whole) > 1e-3


def test_transformers_smooths_the_labels_of_an_evaluation_too(tmp_path: Path) -> None:
    """Then exp(eval_loss) is no perplexity, and runs with other factors cannot be compared."""
    rows, ours, theirs = causal_rows(ROWS), [], []
    for factor in (0.0, 0.3):
        model = _peaked()
        args = SFTConfig(**_settings(tmp_path, 1, label_smoothing_factor=factor))
        ours.append(SFTTrainer(model, args, eval_dataset=rows, tokenizer=tiny_tokenizer()).evaluate()["eval_loss"])
        settings = _settings(tmp_path, 1, label_smoothing_factor=factor, per_device_eval_batch_size=ROWS)
        rows_of_lists = [plain(row) for row in rows]
        trainer = Trainer(_peaked(), TrainingArguments(**settings), eval_dataset=rows_of_lists, data_collator=_collator(rows))
        theirs.append(trainer.evaluate()["eval_loss"])
    assert ours[0] == ours[1] == pytest.approx(theirs[0], rel=1e-6)
    assert abs(theirs[1] - theirs[0]) > 0.02


def test_transformers_goes_on_after_a_loss_that_is_no_number(tmp_path: Path) -> None:
    def broken() -> Any:
        model = tiny_model()
        model.lm_head.weight.data[0, 0] = float("nan")
        return model

    rows = causal_rows(ROWS)
    losses, _ = _theirs(broken(), rows, tmp_path)
    assert len(losses) == 3
    with pytest.raises(NonFiniteLossError):
        _ours(broken(), rows, tmp_path)


def test_transformers_lets_embeddings_decay(tmp_path: Path) -> None:
    args = _settings(tmp_path, 8)
    ours = SFTTrainer(tiny_model(), SFTConfig(**args), train_dataset=causal_rows(8), tokenizer=tiny_tokenizer())
    theirs = Trainer(tiny_model(), TrainingArguments(**args), train_dataset=causal_rows(8))
    assert _decays(ours, "model.embed_tokens.weight") == 0
    assert _decays(theirs, "model.embed_tokens.weight") == 0.05
    for trainer in (ours, theirs):
        assert _decays(trainer, "model.layers.0.self_attn.q_proj.weight") == 0.05
        assert _decays(trainer, "model.norm.weight") == 0


# --- models and figures ---------------------------------------------------------------------------------------------------


def _wrapped() -> Any:
    torch.manual_seed(7)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    return get_peft_model(tiny_model(), config)


def _classifier(architecture: str = "llama") -> Any:
    return tiny_model(architecture, "classification", num_labels=3)


def _peaked() -> Any:
    """A model that is sure of itself, so that some tokens cost much and others little."""
    model = tiny_model()
    model.lm_head.weight.data *= 20
    return model


def _collator(rows: list[dict[str, Any]]) -> Any:
    tokenizer = tiny_tokenizer()
    return (
        DataCollatorWithPadding(tokenizer)
        if isinstance(rows[0]["labels"], int)
        else DataCollatorForTokenClassification(tokenizer)
    )


def _collated(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    return dict(_collator(rows)([plain(row) for row in rows]))


def _decays(trainer: Trainer, name: str) -> float:
    parameter = dict(trainer.model.named_parameters())[name]
    groups = trainer.create_optimizer().param_groups
    return next(group["weight_decay"] for group in groups if any(other is parameter for other in group["params"]))
