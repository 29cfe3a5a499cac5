"""SFTTrainer on models under PEFT, quantised models, and models spread by `device_map`: whole trainings."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, TrainingArguments

from afinar import LoRA, SFTConfig, SFTTrainer
from afinar.errors import ConfigError
from afinar.methods.lora import lora_layers
from afinar.methods.peft_bridge import PeftWrapped
from tests.rows import causal_rows
from tests.tiny import tiny_model, tiny_tokenizer
from tests.trajectories.training import Losses

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults

PROMPTS: dict[str, Any] = {
    "prompt": peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
    "prefix": peft.PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
    "p-tuning": peft.PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=16, task_type="CAUSAL_LM"),
}


def make(model: Any, folder: Path, *, settings: dict[str, Any] | None = None, **options: Any) -> SFTTrainer:
    rows = options.pop("rows", causal_rows(8))
    quiet = {"use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1, "max_steps": 3}
    args = SFTConfig(str(folder), learning_rate=1e-2, **{**quiet, **(settings or {})})
    return SFTTrainer(model, args, train_dataset=rows, eval_dataset=rows, processing_class=tiny_tokenizer(), **options)


def losses(run: SFTTrainer) -> list[float]:
    seen = Losses()
    run.add_callback(seen)
    run.train()
    return seen.values


# --- what is on ----------------------------------------------------------------------------------------------------


def test_the_usual_lora_example_runs_as_pasted(tmp_path: Path) -> None:
    config = peft.LoraConfig(task_type=peft.TaskType.CAUSAL_LM, r=8, lora_alpha=32, lora_dropout=0.1)
    args = TrainingArguments(str(tmp_path), warmup_steps=1, weight_decay=0.01, logging_steps=1, max_steps=2, use_cpu=True)
    run = SFTTrainer(
        model=tiny_model(), tokenizer=tiny_tokenizer(), args=args, train_dataset=causal_rows(8), peft_config=config
    )
    run.train()
    assert lora_layers(run.model).keys() == {f"model.layers.{i}.self_attn.{name}_proj" for i in (0, 1) for name in "qv"}
    assert run.use_peft
    assert run.peft_config is config
    assert run.state.global_step == 2


def test_what_is_on_is_told(tmp_path: Path) -> None:
    wrapped = peft.get_peft_model(tiny_model(), peft.IA3Config(task_type="CAUSAL_LM"))
    run = make(wrapped, tmp_path)
    assert isinstance(run.method, PeftWrapped)
    assert run.model is wrapped
    assert run.use_peft
    assert run.peft_config is wrapped.peft_config["default"]
    assert make(tiny_model(), tmp_path, method=LoRA(r=2)).peft_config == LoRA(r=2)
    assert not make(tiny_model(), tmp_path, method="full").use_peft
    added = tiny_model()
    added.add_adapter(peft.LoraConfig(r=2))
    assert make(added, tmp_path).peft_config.r == 2


def test_an_adapter_that_was_loaded_for_reading_only_is_refused(tmp_path: Path) -> None:
    peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(ConfigError) as error:
        make(peft.PeftModel.from_pretrained(tiny_model(), str(tmp_path / "adapter")), tmp_path)
    assert error.value.key == "training.nothing_trains"
    make(peft.PeftModel.from_pretrained(tiny_model(), str(tmp_path / "adapter"), is_trainable=True), tmp_path)


def test_that_peft_wraps_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tiny_model(), tmp_path, peft_config=peft.LoraConfig(r=2, init_lora_weights="orthogonal")).train()
    assert capsys.readouterr().err.count("init_lora_weights='orthogonal'") == 1
    make(tiny_model(), tmp_path, peft_config=peft.LoraConfig(r=2)).train()
    assert "PEFT" not in capsys.readouterr().err


# --- prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prompt", "p-tuning"])
def test_prompts_learn_the_same_under_checkpointing(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = losses(make(tiny_model(), tmp_path, peft_config=PROMPTS[name]))
    torch.manual_seed(0)
    run = make(tiny_model(), tmp_path, peft_config=PROMPTS[name], settings={"gradient_checkpointing": True})
    assert losses(run) == pytest.approx(plain, rel=1e-6)


def test_a_prefix_under_checkpointing_is_refused_in_training(tmp_path: Path) -> None:
    wrapped = peft.get_peft_model(
        tiny_model(), copy.deepcopy(PROMPTS["prefix"])
    )  # the config alone would become our own prefix
    run = make(wrapped, tmp_path, settings={"gradient_checkpointing": True})
    with pytest.raises(ConfigError) as error:
        run.train()
    assert error.value.key == "methods.prefix_checkpointing"


@pytest.mark.parametrize("name", list(PROMPTS))
def test_long_rows_leave_room_for_the_prompt(name: str, tmp_path: Path) -> None:
    """GPT-2 has a table of 128 positions; three of them are the prompt's."""
    raw = [{"text": "a b c " * 60}] * 4
    run = make(tiny_model("gpt2"), tmp_path, peft_config=PROMPTS[name], rows=raw, settings={"max_steps": 1})
    run.train()
    assert max(len(row["input_ids"]) for row in run.train_dataset) == 125


@pytest.mark.parametrize("name", [*PROMPTS, "ia3"])
def test_answers_are_generated_through_the_wrapper(name: str, tmp_path: Path) -> None:
    config = PROMPTS.get(name, peft.IA3Config(task_type="CAUSAL_LM"))
    run = make(tiny_model(), tmp_path, peft_config=config, settings={"predict_with_generate": True, "max_new_tokens": 4})
    output = run.predict(causal_rows(5))
    assert np.shape(output.predictions) == (5, 4)
    for row, answer in zip(causal_rows(5), output.predictions, strict=True):
        prompt = torch.as_tensor(row["input_ids"][: len(row["input_ids"]) // 3], dtype=torch.long)[None]
        mask = torch.ones_like(prompt)
        expected = run.model.generate(input_ids=prompt, attention_mask=mask, max_new_tokens=4, do_sample=False)[0]
        new = expected.tolist()[-4:]
        assert answer.tolist()[: len(new)] == new


# --- quantised and spread models -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    tiny_model(hidden_size=64, intermediate_size=128).save_pretrained(path)
    return path


KINDS = {"4bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "8bit": {"load_in_8bit": True}}
ADAPTERS: dict[str, dict[str, Any]] = {
    "ours": {"method": LoRA(r=4)},
    "lora-config": {"peft_config": peft.LoraConfig(r=4, task_type="CAUSAL_LM")},
    "prompt": {"peft_config": PROMPTS["prompt"]},
}


@pytest.mark.parametrize("adapter", list(ADAPTERS))
@pytest.mark.parametrize("kind", list(KINDS))
def test_adapters_train_on_a_quantised_base(kind: str, adapter: str, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    model = AutoModelForCausalLM.from_pretrained(base, quantization_config=BitsAndBytesConfig(**KINDS[kind]))
    frozen = model.model.layers[0].self_attn.q_proj.weight.clone()
    run = make(model, tmp_path, **ADAPTERS[adapter], settings={"eval_strategy": "steps", "eval_steps": 1})
    before = {name: value.clone() for name, value in run.method.state(run.model).items()}
    seen = losses(run)
    assert seen[-1] < seen[0]
    for name, value in run.method.state(run.model).items():
        assert not torch.equal(value, before[name]), name
    weights = {name.removesuffix(".weight"): value for name, value in run.model.named_parameters()}
    (kept,) = [value for name, value in weights.items() if "layers.0" in name and name.endswith(("q_proj", "q_proj.base"))]
    assert torch.equal(kept, frozen)
    run.save_model(str(tmp_path / "out"))
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("options", [{}, {"method": "full"}], ids=str)
def test_a_quantised_model_without_an_adapter_is_refused(options: dict[str, Any], base: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    model = AutoModelForCausalLM.from_pretrained(base, quantization_config=BitsAndBytesConfig(load_in_4bit=True))
    with pytest.raises(ConfigError) as error:
        make(model, tmp_path, **options)
    assert error.value.key == "models.quantised_needs_adapter"


def test_a_model_with_a_device_map_is_taken_as_it_is(base: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = losses(make(AutoModelForCausalLM.from_pretrained(base), tmp_path, method=LoRA(r=4)))
    torch.manual_seed(0)
    mapped = AutoModelForCausalLM.from_pretrained(base, device_map={"": "cpu"})
    assert losses(make(mapped, tmp_path, method=LoRA(r=4))) == plain


# --- settings of other trainers, in a whole training ---------------------------------------------------------------


def test_neftune_reaches_the_embeddings(tmp_path: Path) -> None:
    plain = losses(make(tiny_model(), tmp_path, method=LoRA(r=2)))
    noisy = losses(make(tiny_model(), tmp_path, method=LoRA(r=2), neftune_noise_alpha=5))  # TRL's keyword
    assert noisy[0] != plain[0]


def test_tokens_seen_are_logged_where_asked(tmp_path: Path) -> None:
    run = make(tiny_model(), tmp_path, settings={"include_num_input_tokens_seen": True, "max_steps": 1})
    run.train()
    assert run.state.num_input_tokens_seen == sum(len(row["input_ids"]) for row in causal_rows(8))


def test_sequential_means_the_data_set_s_order(tmp_path: Path) -> None:
    settings = {"train_sampling_strategy": "sequential", "per_device_train_batch_size": 1}
    run = make(tiny_model(), tmp_path, settings=settings)
    seen = [step[0]["input_ids"][0].tolist() for step in run.get_train_dataloader()]
    assert seen == [row["input_ids"].tolist() for row in causal_rows(8)]


def test_a_keyword_of_an_earlier_trainer_is_a_setting(tmp_path: Path) -> None:
    run = make(tiny_model(), tmp_path, rows=[{"body": "um dois três " * 9}] * 3, dataset_text_field="body", max_seq_length=11)
    assert {len(row["input_ids"]) for row in run.train_dataset} == {11}
    with pytest.raises(ConfigError) as error:
        make(tiny_model(), tmp_path, quantization_config=BitsAndBytesConfig(load_in_4bit=True))
    assert error.value.key == "names.quantization_config"
