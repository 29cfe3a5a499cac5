"""Two states: the training state, which resumes bit for bit, and the export, which others load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from afinar.errors import ModelError
from afinar.methods import saved
from afinar.methods.exports import CARD_FILE
from afinar.methods.peft_files import CONFIG_FILE
from tests.contracts.cases import Case, cases, logits, training


@cases()
def test_the_state_resumes_bit_for_bit(case: Case) -> None:
    method, model = case.adapted()
    state = {name: tensor.clone() for name, tensor in method.state(model).items()}
    after = logits(model)
    fresh = method.attach(case.base())
    assert not torch.equal(logits(fresh), after)
    method.load_state(fresh, state)
    assert torch.equal(logits(fresh), after)
    assert all(torch.equal(tensor, state[name]) for name, tensor in method.state(fresh).items())


@cases(few=True)
def test_the_state_shares_memory_with_the_model(case: Case) -> None:
    method, model = case.adapted()
    for name, tensor in method.state(model).items():
        assert tensor.data_ptr() == model.state_dict()[name].data_ptr(), name


@cases(few=True)
def test_the_state_of_another_model_is_refused(case: Case) -> None:
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


@cases()
def test_export_and_restore_round_trip_exactly(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    method.export(model, tmp_path, base="some/base", task=case.task)
    restored = case.method().restore(case.base(), tmp_path)
    assert torch.equal(logits(restored), logits(model))
    again = method.restore(method.attach(case.base()), tmp_path)  # onto a model that has the method already
    assert torch.equal(logits(again), logits(model))
    # complete: what can train on afterwards is all there
    expected = method.state(model)
    assert training(restored).keys() == training(model).keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in method.state(restored).items())


@cases(few=True)
def test_an_export_says_what_it_is_and_holds_no_pickle(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    folder = tmp_path / "new" / "folder"
    method.export(model, folder, base="some/base", task=case.task)
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors"}
    assert (folder / CARD_FILE).exists()
    assert (folder / CONFIG_FILE).exists() >= method.peft_format
    card = saved.read(folder)
    assert (card.config, card.base, card.task) == (case.config, "some/base", case.task)
    expected = ("LABEL_0", "LABEL_1", "LABEL_2") if case.task == "classification" else ()
    assert card.labels == expected


@cases(few=True)
def test_exporting_changes_nothing(case: Case, tmp_path: Path) -> None:
    """Not even random states: a run that saves more often would drop out other values than one that saves less."""
    method, model = case.adapted()
    before, names = logits(model), training(model).keys()
    model.train()
    drawn = torch.get_rng_state()
    method.export(model, tmp_path, base="some/base", task=case.task)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(module.training for module in model.modules())
    assert torch.equal(logits(model.eval()), before)
    assert training(model).keys() == names


@cases(few=True)
def test_an_export_in_the_middle_of_training_holds_no_dropout(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    method.export(model.train(), tmp_path, base="some/base", task=case.task)
    restored = case.method().restore(case.base().train(), tmp_path)
    assert torch.equal(logits(restored.eval()), logits(model.eval()))
