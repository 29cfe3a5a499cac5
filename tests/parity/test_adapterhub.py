"""Bottleneck adapters against AdapterHub's own library: its files load here and compute what they computed there.

The folders and logits were made by reference/make_adapterhub.py with `adapters` 1.3.0 on transformers 4.57, from bases that
are drawn anew here by name.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from afinar.errors import ModelError
from afinar.methods import adapterhub_format, saved
from afinar.methods.base import create
from afinar.methods.config import AdapterConfig, LoRA
from tests.parity.reference.shared import LABELS, base_model, logits

REFERENCE = Path(__file__).parent / "reference"
FOLDERS = REFERENCE / "adapterhub"
EXPECTED = load_file(REFERENCE / "adapterhub.safetensors")


def restored(folder: Path, architecture: str, task: str = "causal") -> Any:
    """The model with the adapter of `folder` on it, its method made from the files alone."""
    return create(saved.read(folder).config).restore(base_model(architecture, task), folder)


def test_every_architecture_and_placement_is_there() -> None:
    kinds = {tuple(key.split("-", 1)) for key in EXPECTED}
    assert {architecture for architecture, _ in kinds} >= {"llama", "mistral", "gpt2", "qwen2", "qwen3", "phi", "gemma2"}
    assert {name for _, name in kinds} >= {"houlsby-causal", "pfeiffer-causal", "parallel-causal", "houlsby-classification"}


@pytest.mark.parametrize("key", sorted(EXPECTED))
def test_its_files_load_and_compute_the_same(key: str) -> None:
    architecture, task = key.split("-")[0], key.split("-")[-1]
    model = restored(FOLDERS / key, architecture, task)
    torch.testing.assert_close(logits(model), EXPECTED[key], atol=1e-5, rtol=1e-5)
    assert (logits(base_model(architecture, task)) - EXPECTED[key]).abs().max() > 0.1  # the adapters matter


def test_the_card_of_a_foreign_folder() -> None:
    card = saved.read(FOLDERS / "gpt2-pfeiffer-classification")
    assert (card.task, card.labels) == ("classification", ("LABEL_0", "LABEL_1", "LABEL_2"))
    assert len(card.labels) == LABELS
    config = card.config
    assert (config.placement, config.reduction_factor, config.activation, config.reads) == ("pfeiffer", 8, "relu", "sum")
    assert saved.read(FOLDERS / "llama-norms-causal").config.leave_out == (0,)
    assert saved.read(FOLDERS / "gemma2-houlsby-causal").config.before_post_norm


@pytest.mark.parametrize("key", ["llama-both-sum-causal", "gpt2-norms-causal", "llama-houlsby-classification"])
def test_what_is_written_again_has_its_names_and_values(key: str, tmp_path: Path) -> None:
    architecture, task = key.split("-")[0], key.split("-")[-1]
    model = restored(FOLDERS / key, architecture, task)
    create(saved.read(FOLDERS / key).config).export(model, tmp_path, base="some/base", task=task)
    theirs, ours = load_file(FOLDERS / key / "adapter.safetensors"), load_file(tmp_path / "adapter.safetensors")
    assert ours.keys() == {name.replace(".reference.", ".afinar.") for name in theirs}
    assert all(torch.equal(ours[name.replace(".reference.", ".afinar.")], tensor) for name, tensor in theirs.items())
    settings = [json.loads((folder / "adapter_config.json").read_text()) for folder in (FOLDERS / key, tmp_path)]
    assert {name: settings[0]["config"][name] for name in settings[1]["config"]} == settings[1]["config"]
    assert settings[0].keys() == settings[1].keys()
    if task == "classification":
        head = [json.loads((folder / "head_config.json").read_text()) for folder in (FOLDERS / key, tmp_path)]
        same = ("label2id", "num_labels", "model_class", "model_type", "name", "hidden_size")
        assert {name: head[0][name] for name in same} == {name: head[1][name] for name in same}


class TestRefusals:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        shutil.copytree(FOLDERS / "llama-houlsby-causal", tmp_path / "copy")
        return tmp_path / "copy"

    def change(self, folder: Path, **values: Any) -> None:
        path = folder / "adapter_config.json"
        settings = json.loads(path.read_text())
        settings["config"] |= {name: value for name, value in values.items() if name not in settings}
        settings |= {name: value for name, value in values.items() if name in settings}
        path.write_text(json.dumps(settings))

    @pytest.mark.parametrize(
        "values",
        [
            {"phm_layer": True}, {"inv_adapter": "nice"}, {"use_gating": True}, {"stochastic_depth": 0.1},
            {"reduction_factor": {"0": 4, "default": 8}}, {"original_ln_after": False}, {"residual_before_ln": "post_add"},
            {"original_ln_before": True, "residual_before_ln": False},
            {"ln_after": True, "adapter_residual_before_ln": True}, {"is_parallel": True, "original_ln_after": False},
        ],
    )  # fmt: skip
    def test_what_would_compute_something_else(self, folder: Path, values: dict[str, Any]) -> None:
        self.change(folder, **values)
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert error.value.key == "bottleneck.unsupported"
        name = next(reversed(values)) if "residual_before_ln" not in values else "residual_before_ln"
        assert name in error.value.values["got"]

    def test_files_older_than_versions(self, folder: Path) -> None:
        path = folder / "adapter_config.json"
        settings = json.loads(path.read_text())
        del settings["version"]
        path.write_text(json.dumps(settings))
        with pytest.raises(ModelError, match="version=None"):
            saved.read(folder)

    @pytest.mark.parametrize(
        ("architecture", "reads"), [("opt", "original_ln_before"), ("gemma2", "original_ln_before"), ("gptj", "is_parallel")]
    )
    def test_streams_that_are_not_ours(self, folder: Path, architecture: str, reads: str) -> None:
        self.change(folder, **{"model_type": architecture, reads: True})
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert error.value.key == "bottleneck.other_stream"

    def test_adapters_of_other_kinds(self, folder: Path) -> None:
        self.change(folder, config={"architecture": "lora", "r": 8})
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert (error.value.key, error.value.values["got"]) == ("bottleneck.other_kind", "lora")

    def test_unknown_activations(self, folder: Path) -> None:
        self.change(folder, non_linearity="prelu")
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert error.value.key == "methods.broken_file"
        assert "prelu" in str(error.value)

    def test_files_of_peft(self, tmp_path: Path) -> None:
        method = create(LoRA(r=2))
        method.export(method.attach(base_model("llama")), tmp_path, base="some/base", task="causal")
        with pytest.raises(ModelError) as error:
            adapterhub_format.read(tmp_path)
        assert (error.value.key, error.value.values["got"]) == ("bottleneck.other_kind", "LORA")

    def test_pickles(self, folder: Path) -> None:
        (folder / "adapter.safetensors").rename(folder / "pytorch_adapter.bin")
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert error.value.key == "bottleneck.pickle"

    @pytest.mark.parametrize("name", ["model.layers.0.output_adapters.adapters.reference.gate.weight", "shared.phm"])
    def test_tensors_of_other_kinds(self, folder: Path, name: str) -> None:
        tensors = load_file(folder / "adapter.safetensors")
        save_file({**tensors, name: torch.ones(1)}, folder / "adapter.safetensors")
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert error.value.key == "bottleneck.strange_tensors"
        assert name in error.value.values["got"]

    def test_several_adapters(self, folder: Path) -> None:
        tensors = load_file(folder / "adapter.safetensors")
        other = {name.replace("reference", "other"): tensor.clone() for name, tensor in tensors.items()}
        save_file({**tensors, **other}, folder / "adapter.safetensors")
        with pytest.raises(ModelError) as error:
            saved.read(folder)
        assert (error.value.key, error.value.values["got"]) == ("bottleneck.strange_tensors", "other, reference")

    def test_a_trained_lm_head(self, folder: Path) -> None:
        assert restored(folder, "llama") is not None
        head = load_file(folder / "model_head.safetensors")
        save_file({name: tensor + 0.1 for name, tensor in head.items()}, folder / "model_head.safetensors")
        with pytest.raises(ModelError) as error:
            restored(folder, "llama")
        assert error.value.key == "bottleneck.other_lm_head"

    def test_a_method_of_another_config(self, folder: Path) -> None:
        with pytest.raises(ModelError) as error:
            create(AdapterConfig(reduction_factor=8, activation="relu")).restore(base_model("llama"), folder)
        assert error.value.key == "methods.other_config"
        assert error.value.values["field"] == "method.activation"
        with pytest.raises(ModelError) as error:
            create(AdapterConfig(reduction_factor=4)).restore(base_model("llama"), folder)
        assert error.value.key == "methods.state_shape"
