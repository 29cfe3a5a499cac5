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
