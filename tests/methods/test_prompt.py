"""Prompt tuning: how it starts, its settings, PEFT's files; where the tokens go is tested in test_virtual_tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from afinar import SFTConfig, SFTTrainer
from afinar.errors import ConfigError, ModelError
from afinar.methods import saved
from afinar.methods.config import PromptTuning
from afinar.methods.peft_files import CONFIG_FILE, WEIGHTS_FILE
from afinar.methods.prompt import PromptTuningMethod
from afinar.methods.prompt_format import from_peft
from afinar.methods.virtual_tokens import prompt_of
from afinar.training.setup import longest
from tests.rows import causal_rows
from tests.tiny import VOCAB, tiny_model, tiny_tokenizer

CAUSAL: dict[str, Any] = {"task_type": "CAUSAL_LM"}


def start(config: PromptTuning, architecture: str = "llama", seed: int = 1, tokenizer: Any = None) -> Any:
    """(model, (P, D) values before training)."""
    model = tiny_model(architecture)
    torch.manual_seed(seed)
    method = PromptTuningMethod(config)
    method.use_tokenizer(tokenizer)
    method.attach(model)
    return model, prompt_of(model).embeddings().detach()


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_a_vocabulary_start_is_embeddings_of_tokens(architecture: str) -> None:
    model, values = start(PromptTuning(virtual_tokens=30), architecture)
    looked_up = model.get_input_embeddings()(torch.arange(VOCAB))  # Gemma's are scaled on the way out
    nearest = torch.cdist(values, looked_up).argmin(1)
    assert torch.equal(values, looked_up[nearest])
    assert len(set(nearest.tolist())) > 20
    assert not torch.equal(start(PromptTuning(virtual_tokens=30), architecture, seed=2)[1], values)
    assert torch.equal(start(PromptTuning(virtual_tokens=30), architecture)[1], values)


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_a_random_start_has_the_spread_of_the_embeddings(architecture: str) -> None:
    model, values = start(PromptTuning(virtual_tokens=100, init="random"), architecture)
    spread = model.get_input_embeddings()(torch.arange(VOCAB)).std()
    torch.testing.assert_close(values.std(), spread, rtol=0.05, atol=0)


@pytest.mark.parametrize("count", [3, 5, 12])
def test_a_text_start_is_its_tokens_cut_or_repeated(count: int) -> None:
    tokenizer = tiny_tokenizer()
    model, values = start(PromptTuning(virtual_tokens=count, init="text", init_text="bom ou"), tokenizer=tokenizer)
    ids = (tokenizer("bom ou", add_special_tokens=False)["input_ids"] * 3)[:count]
    assert torch.equal(values, model.get_input_embeddings()(torch.tensor(ids)))


def test_the_trainer_reads_the_text(tmp_path: Path) -> None:
    config = PromptTuning(virtual_tokens=4, init="text", init_text="nota")
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    model = tiny_model()
    SFTTrainer(model, args, train_dataset=causal_rows(), processing_class=tiny_tokenizer(), method=config)
    ids = tiny_tokenizer()("nota", add_special_tokens=False)["input_ids"]
    assert torch.equal(prompt_of(model).embeddings(), model.get_input_embeddings()(torch.tensor(ids)))
    assert longest(model, replace(args, max_length=None)) == 128 - 4  # the rows share the positions with the prompt


def test_a_text_start_needs_a_tokenizer_but_restoring_does_not(tmp_path: Path) -> None:
    config = PromptTuning(virtual_tokens=4, init="text", init_text="nota")
    with pytest.raises(ConfigError) as error:
        PromptTuningMethod(config).attach(tiny_model())
    assert error.value.key == "prompts.no_tokenizer"
    method = PromptTuningMethod(config)
    method.use_tokenizer(tiny_tokenizer())
    model = method.attach(tiny_model())
    method.export(model, tmp_path, base="b", task="causal")
    restored = PromptTuningMethod(config).restore(tiny_model(), tmp_path)
    assert torch.equal(prompt_of(restored).embeddings(), prompt_of(model).embeddings())


def test_a_text_of_no_token_is_refused() -> None:
    class Deaf:
        def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
            return {"input_ids": []}

    with pytest.raises(ConfigError) as error:
        PromptTuningMethod(PromptTuning(init="text", init_text="?")).use_tokenizer(Deaf())  # type: ignore[arg-type]
    assert error.value.key == "prompts.init_text"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"virtual_tokens": 0}, "core.range"),
        ({"virtual_tokens": True}, "core.range"),
        ({"virtual_tokens": 2.5}, "core.range"),
        ({"init": "zero"}, "core.choice"),
        ({"init": "text"}, "prompts.init_text"),
        ({"init": "text", "init_text": "  "}, "prompts.init_text"),
        ({"init": "random", "init_text": "nota"}, "prompts.init_text"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        PromptTuning(**settings)
    assert error.value.key == key


def exported(folder: Path, **config: Any) -> PromptTuningMethod:
    method = PromptTuningMethod(PromptTuning(**{"virtual_tokens": 3, **config}))
    method.export(method.attach(tiny_model()), folder, base="some/base", task="causal")
    return method


def test_the_files_are_peft_s(tmp_path: Path) -> None:
    """Every setting that PEFT itself writes for the same prompt has the same value, but for what it leaves empty."""
    exported(tmp_path / "ours", init="random")
    wrapped = peft.get_peft_model(tiny_model(), peft.PromptTuningConfig(num_virtual_tokens=3, **CAUSAL))
    wrapped.save_pretrained(tmp_path / "theirs")
    ours, theirs = (json.loads((tmp_path / name / CONFIG_FILE).read_text()) for name in ("ours", "theirs"))
    assert {name: value for name, value in theirs.items() if value and name != "peft_version"} == {
        name: value for name, value in ours.items() if value and name != "base_model_name_or_path"
    }
    tensors = [load_file(tmp_path / name / WEIGHTS_FILE) for name in ("ours", "theirs")]
    assert {name: tensor.shape for name, tensor in tensors[0].items()} == {name: t.shape for name, t in tensors[1].items()}


def rewrite(folder: Path, **values: Any) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"peft_type": "P_TUNING"}, "prompts.other_type"),
        ({"num_virtual_tokens": 4}, "methods.other_config"),
        ({"num_virtual_tokens": "many"}, "methods.broken_file"),
        ({"num_transformer_submodules": 2}, "methods.unsupported_peft"),
        ({"prompt_tuning_fusion": "average"}, "methods.unsupported_peft"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], key: str, tmp_path: Path) -> None:
    method = exported(tmp_path)
    rewrite(tmp_path, **values)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == key


def test_another_width_and_other_tensors_are_refused(tmp_path: Path) -> None:
    method = exported(tmp_path)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(hidden_size=64), tmp_path)
    assert error.value.key == "methods.state_shape"
    save_file({"prompt_embeddings": torch.zeros(3, 32), "more": torch.zeros(1)}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == "prompts.strange_tensors"


@pytest.mark.parametrize("init", ["SAMPLE_VOCAB", "RANDOM", "TEXT"])
def test_a_prompt_of_peft_s_is_read_whatever_it_started_from(init: str, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "afinar.json").unlink()
    text = {"prompt_tuning_init_text": "nota", "tokenizer_name_or_path": "some/base"} if init == "TEXT" else {}
    rewrite(tmp_path, prompt_tuning_init=init, **text)
    config = saved.read(tmp_path).config
    assert config.init == {"SAMPLE_VOCAB": "vocabulary", "RANDOM": "random", "TEXT": "text"}[init]
    PromptTuningMethod(config).restore(tiny_model(), tmp_path)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (peft.PromptTuningConfig(num_virtual_tokens=7, **CAUSAL), PromptTuning(virtual_tokens=7, init="random")),
        (
            peft.PromptTuningConfig(num_virtual_tokens=7, prompt_tuning_init="SAMPLE_VOCAB", **CAUSAL),
            PromptTuning(virtual_tokens=7),
        ),
        (
            peft.PromptTuningConfig(
                num_virtual_tokens=7,
                prompt_tuning_init="TEXT",
                prompt_tuning_init_text="nota",
                tokenizer_name_or_path="some/base",
                **CAUSAL,
            ),
            None,
        ),
        (peft.PromptTuningConfig(num_virtual_tokens=7, num_transformer_submodules=2, **CAUSAL), None),
        (peft.PromptTuningConfig(**CAUSAL), None),
    ],
)
def test_a_config_of_peft_s_becomes_ours_where_ours_says_the_same(config: Any, expected: Any) -> None:
    assert from_peft(config.to_dict()) == expected
