"""The fields of the methods' configs: what they accept and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest

from afinar.errors import ConfigError
from afinar.methods.config import LoRA


@pytest.mark.parametrize("r", [0, -1, 2.0, "8", True, None])
def test_rank_is_a_positive_integer(r: Any) -> None:
    with pytest.raises(ConfigError) as error:
        LoRA(r=r)
    assert error.value.key == "methods.rank"
    assert "method.name: full" in error.value.hint


@pytest.mark.parametrize("alpha", [0, -1.0, math.nan])
def test_alpha_is_positive(alpha: float) -> None:
    with pytest.raises(ConfigError, match=r"method\.alpha"):
        LoRA(alpha=alpha)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, math.nan])
def test_dropout_is_a_share(dropout: float) -> None:
    with pytest.raises(ConfigError, match=r"method\.dropout"):
        LoRA(dropout=dropout)


@pytest.mark.parametrize("targets", [(), [], ""])
def test_targets_are_not_empty(targets: Any) -> None:
    with pytest.raises(ConfigError, match=r"method\.target_modules"):
        LoRA(target_modules=targets)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("auto", "auto"), ("all-linear", "all-linear"), ("q_proj", ("q_proj",)), (["q_proj", "v_proj"], ("q_proj", "v_proj"))],
)
def test_targets_are_hashable_and_equal_however_they_are_written(given: Any, kept: Any) -> None:
    assert LoRA(target_modules=given).target_modules == kept
    hash(LoRA(target_modules=given))


def test_scale() -> None:
    assert LoRA(r=16, alpha=32).scale == 2
    assert LoRA(r=16, alpha=32, rank_stabilised=True).scale == 8


@pytest.mark.parametrize(
    ("field", "value", "key", "named"),
    [
        ("rank_pattern", {"q_proj": 0}, "core.range", "method.rank_pattern.q_proj"),
        ("alpha_pattern", {"q_proj": -1.0}, "core.range", "method.alpha_pattern.q_proj"),
        ("rank_pattern", {"(": 4}, "lora.bad_pattern", "method.rank_pattern"),
        ("rank_pattern", 4, "lora.pattern_mapping", "method.rank_pattern"),
        ("initialisation", "eva", "core.choice", "method.initialisation"),
        ("bias", "all", "core.choice", "method.bias"),
        ("trainable_tokens", (-1,), "lora.tokens", "method.trainable_tokens"),
        ("trainable_tokens", ("<new>",), "lora.tokens", "method.trainable_tokens"),
    ],
)
def test_the_family_s_fields_say_what_is_wrong(field: str, value: Any, key: str, named: str) -> None:
    with pytest.raises(ConfigError) as error:
        LoRA(**{field: value})
    assert error.value.key == key
    assert named in error.value.message


def test_patterns_are_matched_as_peft_matches_them() -> None:
    config = LoRA(
        r=8, alpha=16, rank_pattern={r"layers\.0\..*q_proj": 2, "q_proj": 4}, alpha_pattern={"^model.layers.1.mlp": 6}
    )
    assert [config.rank_of(f"model.layers.{i}.self_attn.q_proj") for i in (0, 1)] == [2, 4]
    assert config.rank_of("model.layers.0.self_attn.k_proj") == config.rank_of("seq_proj") == 8
    assert (config.alpha_of("model.layers.1.mlp"), config.alpha_of("x.model.layers.1.mlp")) == (6, 16)
    assert config.scale_of("model.layers.0.self_attn.q_proj") == 8


def test_tokens_are_kept_sorted_and_once() -> None:
    assert LoRA(trainable_tokens=[9, 4, 9]).trainable_tokens == (4, 9)
    hash(LoRA(trainable_tokens=[9, 4], rank_pattern={"q_proj": 2}, modules_to_save="norm"))
