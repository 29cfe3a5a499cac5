"""What every method promises, tried on every architecture and task: a new method is held to it by being registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from afinar.errors import ModelError
from afinar.methods import saved
from afinar.methods.base import Method, create, entry, registered
from afinar.methods.config import LoRA
from afinar.methods.exports import CARD_FILE
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

LABELS = 3
# Beside each method's defaults: what else its config can turn on.
VARIANTS: dict[str, Any] = {
    "lora-all-linear": LoRA(r=3, alpha=5.0, target_modules="all-linear", rank_stabilised=True),
}


class Case(NamedTuple):
    config: Any
    architecture: str
    task: str

    def base(self) -> Any:
        return tiny_model(self.architecture, self.task, num_labels=LABELS)

    def method(self) -> Method:
        return create(self.config)

    def adapted(self) -> tuple[Method, Any]:
        """The method on its base, with random values in everything that trains."""
        method = self.method()
        model = method.attach(self.base())
        scramble(method.state(model))
        return method, model


def _cases() -> Iterator[Any]:
    configs = {name: entry(name).config() for name in registered()} | VARIANTS
    for name, config in configs.items():
        for task in sorted(create(config).tasks):
            for architecture in ARCHITECTURES:
                yield pytest.param(Case(config, architecture, task), id=f"{name}-{architecture}-{task}")


@pytest.fixture(params=list(_cases()))
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def scramble(tensors: dict[str, Tensor], seed: int = 7) -> None:
    """Move every tensor by random values about as large as its own, or 0.1 where it is zero."""
    generator = torch.Generator().manual_seed(seed)
    for name in sorted(tensors):
        size = float(tensors[name].std(correction=0)) or 0.1
        tensors[name].add_(torch.randn(tensors[name].shape, generator=generator) * 0.5 * size)


def logits(model: Any) -> Tensor:
    ids = torch.randint(3, VOCAB, (2, 11), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits


def plain_names(model: nn.Module) -> dict[str, type]:
    return {path: type(module) for path, module in model.named_modules()}


def test_output_is_the_base_s_at_initialisation(case: Case) -> None:
    base = case.base()
    before = logits(base)
    assert torch.equal(logits(case.method().attach(base)), before)


def test_exactly_the_declared_parameters_train(case: Case) -> None:
    method, model = case.adapted()
    declared = method.state(model).keys()
    model(input_ids=torch.randint(3, VOCAB, (4, 9))).logits.square().sum().backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient == declared
    matrices = [p.grad for name, p in model.named_parameters() if name in declared and p.dim() == 2]
    assert all(gradient.abs().sum() > 0 for gradient in matrices)


def test_what_trains_has_float32_masters_over_a_bfloat16_base(case: Case) -> None:
    method = case.method()
    model = method.attach(case.base().bfloat16())
    state = method.state(model)
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    frozen = [p for name, p in model.named_parameters() if name not in state]
    assert all(parameter.dtype == torch.bfloat16 and not parameter.requires_grad for parameter in frozen)


def test_trainable_count_is_the_formula_and_the_truth(case: Case) -> None:
    method, model = case.method(), case.base()
    before = method.trainable_count(model)
    method.attach(model)
    counted = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert before == method.trainable_count(model) == counted


def test_state_resumes_bit_for_bit(case: Case) -> None:
    method, model = case.adapted()
    state = {name: tensor.clone() for name, tensor in method.state(model).items()}
    after = logits(model)
    fresh = method.attach(case.base())
    assert not torch.equal(logits(fresh), after)
    method.load_state(fresh, state)
    assert torch.equal(logits(fresh), after)
    assert all(torch.equal(tensor, state[name]) for name, tensor in method.state(fresh).items())


def test_state_of_another_model_is_refused(case: Case) -> None:
    method, model = case.adapted()
    state = dict(method.state(model))
    name = sorted(state)[0]
    wrong = torch.zeros(*state[name].shape, 2)
    with pytest.raises(ModelError) as error:
        method.load_state(model, {**state, name: wrong})
    assert error.value.key == "methods.state_shape"
    assert error.value.values["name"] == name
    with pytest.raises(ModelError) as error:
        method.load_state(model, {"other": state.pop(name), **state})
    assert error.value.key == "methods.state_names"
    assert (error.value.values["missing"], error.value.values["unexpected"]) == (name, "other")


def test_export_and_restore_round_trip_exactly(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    method.export(model, tmp_path, base="some/base", task=case.task)
    restored = case.method().restore(case.base(), tmp_path)
    assert torch.equal(logits(restored), logits(model))
    again = method.restore(method.attach(case.base()), tmp_path)  # onto a model that has the method already
    assert torch.equal(logits(again), logits(model))
    assert method.trainable_count(restored) == sum(p.numel() for p in restored.parameters() if p.requires_grad)


def test_export_says_what_it_is_and_holds_no_pickle(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    method.export(model, tmp_path / "new" / "folder", base="some/base", task=case.task)
    files = {path.suffix for path in (tmp_path / "new" / "folder").iterdir()}
    assert files <= {".json", ".safetensors"}
    assert (tmp_path / "new" / "folder" / CARD_FILE).exists()
    card = saved.read(tmp_path / "new" / "folder")
    assert (card.config, card.base, card.task) == (case.config, "some/base", case.task)
    expected = ("LABEL_0", "LABEL_1", "LABEL_2") if case.task == "classification" else ()
    assert card.labels == expected


def test_merge_preserves_the_output_and_leaves_a_plain_model(case: Case) -> None:
    method, model = case.adapted()
    assert method.mergeable
    before = logits(model)
    merged = method.merge(model)
    torch.testing.assert_close(logits(merged), before, atol=1e-5, rtol=1e-5)
    base = case.base()
    assert plain_names(merged) == plain_names(base)
    assert merged.state_dict().keys() == base.state_dict().keys()


def test_merge_keeps_weights_tied_and_the_rest_untouched(case: Case) -> None:
    method, model = case.adapted()
    trained = {name.removesuffix(".A").removesuffix(".B") for name in method.state(model)}
    merged, base = method.merge(model), case.base()
    embeddings, head = merged.get_input_embeddings(), merged.get_output_embeddings()
    if head is not None:
        tied = base.get_output_embeddings().weight is base.get_input_embeddings().weight
        assert (head.weight is embeddings.weight) == tied
    for name, parameter in base.named_parameters():
        layer = name.rpartition(".")[0]
        if name not in trained and layer not in trained:
            assert torch.equal(merged.get_parameter(name), parameter), name


@pytest.fixture(params=[param for param in _cases() if create(param.values[0].config).switchable])
def switchable(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(params=[param for param in _cases() if not create(param.values[0].config).switchable])
def unswitchable(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_disabled_is_the_base_exactly(switchable: Case) -> None:
    method, model = switchable.adapted()
    after = logits(model)
    base = switchable.base()
    if switchable.task == "classification":
        base.score.load_state_dict(model.score.state_dict())  # the head stays
    with method.disabled(model):
        assert torch.equal(logits(model), logits(base))
    assert torch.equal(logits(model), after)


def test_disabled_ends_with_an_exception_too(switchable: Case) -> None:
    method, model = switchable.adapted()
    after = logits(model)
    with pytest.raises(KeyError), method.disabled(model):
        raise KeyError
    assert torch.equal(logits(model), after)


def test_what_cannot_be_switched_off_says_so(unswitchable: Case) -> None:
    method, model = unswitchable.adapted()
    with pytest.raises(ModelError), method.disabled(model):
        pass
