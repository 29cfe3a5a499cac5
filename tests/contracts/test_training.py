"""What trains: exactly what the method declares, counted by its formula, from where it says that it starts."""

from __future__ import annotations

from contextlib import suppress

import torch

from afinar.errors import AfinarError
from afinar.models.heads import classify
from tests.contracts.cases import Case, batch, cases, close, logits, scramble, training


@cases(starts_at_base=True)
def test_the_untrained_model_computes_what_the_base_does(case: Case) -> None:
    base = case.base()
    before = logits(base)
    after = logits(case.method().attach(base))
    if case.rounded:
        close(after, before)
    else:
        assert torch.equal(after, before)


@cases(starts_at_base=False)
def test_a_method_that_starts_elsewhere_does(case: Case) -> None:
    base = case.base()
    before = logits(base)
    assert not torch.allclose(logits(case.method().attach(base)), before, atol=1e-5)


@cases()
def test_attaching_gives_the_same_model(case: Case) -> None:
    base = case.base()
    assert case.method().attach(base) is base


@cases()
def test_exactly_the_declared_parameters_train(case: Case) -> None:
    method, model = case.adapted()
    declared, trained = method.state(model), training(model)
    assert declared.keys() >= trained.keys()
    held = model.state_dict()  # beside what trains, the state may hold buffers that a resume needs
    assert all(name in held for name in declared.keys() - trained.keys())
    model(**batch(rows=4)).logits.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert gradients.keys() == trained.keys()
    assert [name for name, gradient in gradients.items() if gradient.dim() >= 2 and not gradient.abs().sum() > 0] == []


@cases()
def test_every_trained_parameter_matters(case: Case) -> None:
    """Whatever is declared to train changes the output when it changes."""
    _, model = case.adapted()
    before = logits(model)
    for name, tensor in training(model).items():
        if name.endswith("k_proj.bias"):
            continue  # it moves all scores of a query alike, and the softmax takes that out
        kept = tensor.clone()
        scramble({name: tensor}, seed=9)
        changed = logits(model)
        tensor.copy_(kept)
        assert not torch.equal(changed, before), name
    assert torch.equal(logits(model), before)


@cases(few=True)
def test_what_trains_has_float32_masters_over_a_bfloat16_base(case: Case) -> None:
    method = case.method()
    model = method.attach(case.base().bfloat16())
    model = classify(model) if case.task == "classification" else model  # transformers' own casts nothing for the head
    state = method.state(model)
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    frozen = [parameter for name, parameter in model.named_parameters() if name not in state]
    assert all(parameter.dtype == torch.bfloat16 and not parameter.requires_grad for parameter in frozen)
    assert logits(model).isfinite().all()


@cases()
def test_the_count_is_the_formula_and_the_truth(case: Case) -> None:
    method, model = case.method(), case.base()
    before = method.trainable_count(model)
    method.attach(model)
    assert before == method.trainable_count(model) == sum(tensor.numel() for tensor in training(model).values())


@cases(few=True)
def test_the_count_needs_no_weights(case: Case) -> None:
    """On the meta device a model of any size is counted before it is loaded."""
    method, base = case.method(), case.base()
    with torch.device("meta"):
        empty = type(base)(base.config)
    assert method.trainable_count(empty) == method.trainable_count(base)


@cases(few=True)
def test_a_second_attach_is_an_error_or_changes_nothing(case: Case) -> None:
    method, model = case.adapted()
    before, count = logits(model), method.trainable_count(model)
    with suppress(AfinarError):
        method.attach(model)
    assert torch.equal(logits(model), before)
    assert method.trainable_count(model) == count
