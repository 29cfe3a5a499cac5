"""`switchable`: while disabled, the base to the bit; afterwards, the adapted model as before."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from afinar.errors import ModelError
from tests.contracts.cases import Case, cases, logits


def base_of(case: Case, model: Any) -> Any:
    """The base with the classification head of `model`: the head stays."""
    base = case.base()
    if case.task == "classification":
        base.score.load_state_dict(model.score.state_dict())
    return base


@cases(switchable=True)
def test_disabled_is_the_base_exactly(case: Case) -> None:
    method, model = case.adapted()
    after = logits(model)
    with method.disabled(model):
        assert torch.equal(logits(model), logits(base_of(case, model)))
        with method.disabled(model):  # nested, it is still the base, and stays so when the inner one ends
            pass
        assert torch.equal(logits(model), logits(base_of(case, model)))
    assert torch.equal(logits(model), after)


@cases(few=True, switchable=True)
def test_disabled_ends_with_an_exception_too(case: Case) -> None:
    method, model = case.adapted()
    after = logits(model)
    with pytest.raises(KeyError), method.disabled(model):
        raise KeyError
    assert torch.equal(logits(model), after)


@cases(few=True, switchable=False)
def test_what_cannot_be_switched_off_says_so(case: Case) -> None:
    method, model = case.adapted()
    with pytest.raises(ModelError), method.disabled(model):
        pass
