"""Where transformers' Trainer and TRL's SFTTrainer are right, ours gives their losses and weights, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from afinar import LoRA
from tests.models.test_router import MIXTURES, mixture
from tests.parity.oracles import (
    ADAMW,
    ANSWER,
    QUESTION,
    ROWS,
    SGD,
    TURNS,
    assert_equal,
    classifier,
    tokens_of_ours,
    tokens_of_trl,
    train_ours,
    train_theirs,
    train_trl,
    trained,
    wrapped_by_peft,
)
from tests.rows import causal_rows, class_rows
from tests.tiny import ARCHITECTURES, tiny_model

QUICK = ("llama", "gpt2")


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ARCHITECTURES]
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_causal_with_accumulation(architecture: str, smoothing: float, tmp_path: Path) -> None:
    rows, settings = causal_rows(ROWS), {**SGD, "label_smoothing_factor": smoothing}
    ours, order = train_ours(tiny_model(architecture), rows, tmp_path, 2, **settings)
    theirs = train_theirs(tiny_model(architecture), [rows[i] for i in order], tmp_path, 2, **settings)
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
    ours, order = train_ours(tiny_model(), rows, tmp_path, **settings)
    theirs = train_theirs(tiny_model(), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs)


@pytest.mark.slow
def test_bf16(tmp_path: Path) -> None:
    """The products are the same to their rounding, which differs with the rows that are multiplied together."""
    rows, settings = causal_rows(ROWS), {**SGD, "bf16": True}
    ours, order = train_ours(tiny_model(), rows, tmp_path, **settings)
    theirs = train_theirs(tiny_model(), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_compiled(task: str, tmp_path: Path) -> None:
    rows, make = (causal_rows(ROWS), tiny_model) if task == "causal" else (class_rows(ROWS), classifier)
    eager, _ = train_ours(make(), rows, tmp_path, 4, **SGD)
    torch._dynamo.reset()
    counters.clear()
    compiled, _ = train_ours(make(), rows, tmp_path, 4, **SGD, torch_compile=True, torch_compile_backend="aot_eager")
    assert counters["frames"]["ok"] > 0
    assert_equal(compiled, eager)


def test_several_epochs_and_a_schedule(tmp_path: Path) -> None:
    rows = causal_rows(24)
    ours, order = train_ours(tiny_model(), rows, tmp_path, 4, **SGD, num_train_epochs=2, warmup_steps=2)
    assert sorted(order[:24]) == sorted(order[24:]) == list(range(24))
    theirs = train_theirs(tiny_model(), [rows[i] for i in order], tmp_path, 4, **SGD, warmup_steps=2)
    assert_equal(ours, theirs, steps=6)


def test_a_model_wrapped_by_peft(tmp_path: Path) -> None:
    rows, settings = causal_rows(ROWS), {**SGD, "learning_rate": 5.0}
    ours, order = train_ours(wrapped_by_peft(), rows, tmp_path, 2, **settings)
    theirs = train_theirs(wrapped_by_peft(), [rows[i] for i in order], tmp_path, 2, **settings)
    assert any("lora_B" in name and weight.abs().max() > 1e-3 for name, weight in ours[1].items())  # it trains
    assert_equal(ours, theirs)


def test_our_lora_beside_pefts(tmp_path: Path) -> None:
    """From the same A: the adapter has the same weights after training, in another trainer and other code."""
    rows, settings = causal_rows(ROWS), {**SGD, "learning_rate": 5.0}
    peft = wrapped_by_peft()
    start = {name: weight for name, weight in trained(peft).items() if "lora_A" in name}
    model = LoRA(r=4, alpha=8, target_modules=["q_proj", "v_proj"])
    ours, order = train_ours(tiny_model(), rows, tmp_path, 2, method=model, start=list(start.values()), **settings)
    theirs = train_theirs(peft, [rows[i] for i in order], tmp_path, 2, **settings)
    assert_equal((ours[0], dict(zip(theirs[1], ours[1].values(), strict=True))), theirs)


@pytest.mark.parametrize(("architecture", "smoothing"), [("llama", 0.0), ("gpt2", 0.1)])
def test_classification_in_one_batch(architecture: str, smoothing: float, tmp_path: Path) -> None:
    rows, settings = class_rows(ROWS), {**SGD, "label_smoothing_factor": smoothing}
    ours, order = train_ours(classifier(architecture), rows, tmp_path, **settings)
    theirs = train_theirs(classifier(architecture), [rows[i] for i in order], tmp_path, **settings)
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=() if name == "mixtral" else pytest.mark.slow) for name in MIXTURES]
)
def test_a_mixture_of_experts_in_one_batch(architecture: str, tmp_path: Path) -> None:
    rows = causal_rows(ROWS)
    ours, order = train_ours(mixture(architecture), rows, tmp_path, **SGD)
    theirs = train_theirs(mixture(architecture), [rows[i] for i in order], tmp_path, **SGD)
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    ("loss_type", "micro"),
    [("nll", 2), ("chunked_nll", 2), *(pytest.param(kind, 8, marks=pytest.mark.slow) for kind in ("nll", "chunked_nll"))],
)
def test_trl(loss_type: str, micro: int, tmp_path: Path) -> None:
    """Packing off, no checkpointing, float32, the same labels: TRL's own tokenised rows."""
    rows = causal_rows(ROWS)
    ours, order = train_ours(tiny_model(), rows, tmp_path, micro, **SGD)
    theirs = train_trl(tiny_model(), [rows[i] for i in order], tmp_path, micro, **SGD, loss_type=loss_type)
    assert_equal(ours, theirs)


@pytest.mark.slow
def test_trl_smoothing(tmp_path: Path) -> None:
    """TRL runs a second forward pass for it, and arrives where ours is after one."""
    rows, settings = causal_rows(ROWS), {**SGD, "label_smoothing_factor": 0.1}
    ours, order = train_ours(tiny_model(), rows, tmp_path, 2, **settings)
    theirs = train_trl(tiny_model(), [rows[i] for i in order], tmp_path, 2, **settings, loss_type="nll")
    assert_equal(ours, theirs)


@pytest.mark.parametrize(
    ("rows", "chat", "settings"),
    [
        pytest.param([{"text": "O livro é bom."}, {"text": "Não."}], True, {}, id="text"),
        pytest.param([{"prompt": "P: e aí? R:", "completion": " tudo"}], False, {}, id="completion"),
        pytest.param([{"prompt": "P: e aí? R:", "completion": " tudo"}], False, {"completion_only_loss": False}, id="both"),
        pytest.param([{"prompt": [QUESTION], "completion": [ANSWER]}], True, {}, id="completion of turns"),
        pytest.param([{"messages": TURNS}], True, {"assistant_only_loss": True}, id="messages"),
    ],
)
def test_trl_makes_the_same_tokens_and_labels_of_raw_rows(
    rows: list[dict[str, Any]], chat: bool, settings: dict[str, Any], tmp_path: Path
) -> None:
    assert tokens_of_ours(rows, chat, tmp_path, **settings) == tokens_of_trl(rows, chat, tmp_path, **settings)
