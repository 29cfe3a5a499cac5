"""`mergeable`: merge gives a plain model with the same output; a technique that cannot says so."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from afinar.errors import ModelError
from tests.contracts.cases import Case, cases, close, logits


@cases(mergeable=True)
def test_merge_keeps_the_output_and_leaves_a_plain_model(case: Case) -> None:
    method, model = case.adapted()
    before = logits(model)
    merged = method.merge(model)
    close(logits(merged), before)
    base = case.base()
    assert _classes(merged) == _classes(base)
    assert merged.state_dict().keys() == base.state_dict().keys()
    assert merged.config._attn_implementation == base.config._attn_implementation
    assert [name for name, module in merged.named_modules() if module._forward_hooks or module._forward_pre_hooks] == []


@cases(mergeable=True)
def test_merge_keeps_weights_tied_and_the_rest_untouched(case: Case) -> None:
    method, model = case.adapted()
    trained = list(method.state(model))
    merged, base = method.merge(model), case.base()
    embeddings, head = merged.get_input_embeddings(), merged.get_output_embeddings()
    if head is not None:
        tied = base.get_output_embeddings().weight is base.get_input_embeddings().weight
        assert (head.weight is embeddings.weight) == tied
    for name, parameter in base.named_parameters():
        layer = f"{name.rpartition('.')[0]}."
        if not any(other.startswith(layer) for other in trained):
            assert torch.equal(merged.get_parameter(name), parameter), name


@cases(few=True, mergeable=False)
def test_what_cannot_be_merged_says_so_and_is_left_alone(case: Case) -> None:
    method, model = case.adapted()
    before = logits(model)
    with pytest.raises(ModelError) as error:
        method.merge(model)
    assert error.value.key == "methods.no_merge"
    assert torch.equal(logits(model), before)


def _classes(model: nn.Module) -> dict[str, type]:
    return {path: type(module) for path, module in model.named_modules()}
