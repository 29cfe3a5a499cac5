"""QLoRA from a config, from Python and in SFTTrainer: written out, loaded again in 4 bits, resumed bit for bit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.trainer_callback import TrainerCallback

import afinar
from afinar import config as configs
from afinar.config import RunConfig, load_with_origins, validate
from afinar.errors import ConfigError
from afinar.methods.base import config_class, create
from afinar.methods.config import LoRA, QLoRA
from afinar.models.quantize import kind_of, quantised_layers
from afinar.run.pipeline import train
from afinar.training import from_config
from afinar.training.config import TrainingConfig
from tests.rows import causal_rows
from tests.tiny import tiny_model, tiny_quantised, tiny_tokenizer

Configure = Callable[..., RunConfig]
CUSTOMARY = {"r": 16, "alpha": 32.0, "dropout": 0.05, "target_modules": "all-linear"}


# --- what the name stands for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["qlora", {"name": "qlora"}])
def test_a_config_writes_it_out(written: Any) -> None:
    config = configs.from_mapping({"method": written})
    assert config.method == LoRA(**CUSTOMARY)
    assert type(config.method) is LoRA
    assert (config.model.quantize, config.model.double_quant) == ("nf4", True)
    assert configs.from_mapping(configs.to_mapping(config)) == config


def test_what_was_set_stays_and_each_value_has_its_origin() -> None:
    source = {"method": {"name": "qlora", "r": 4}, "model": {"quantize": "int8"}}
    config, origins = load_with_origins(source, flags=["--method.alpha", "8"], environ={})
    assert (config.method.r, config.method.alpha, config.method.dropout) == (4, 8.0, 0.05)
    assert config.model.quantize == "int8"
    assert [str(origins[f"method.{name}"]) for name in ("alpha", "dropout", "rank_stabilised")] == [
        "--method.alpha",
        "dict",
        "default",
    ]


def test_another_method_on_the_command_line_takes_all_of_it_away() -> None:
    config = configs.load({"method": {"name": "qlora"}}, flags=["--method.name", "lora"], environ={})
    assert (config.method, config.model.quantize) == (LoRA(), "none")


def test_on_a_float_base_it_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        configs.load({"method": "qlora"}, flags=["--model.quantize", "none"], environ={})
    assert error.value.key == "config.at"
    assert error.value.values["where"] == "--model.quantize"
    assert error.value.values["problem"].key == "quantised.qlora_on_float"


def test_full_fine_tuning_of_a_quantised_base_is_refused() -> None:
    config = configs.from_mapping({"method": "full", "model": {"quantize": "nf4"}, "data": {"train": "x"}})
    with pytest.raises(ConfigError) as error:
        validate(config)
    assert (error.value.key, error.value.values["got"]) == ("quantised.full", "nf4")


def test_fine_tune_takes_settings_of_the_model() -> None:
    with pytest.raises(ConfigError) as error:  # before anything is loaded
        afinar.fine_tune("afinar-mini", train="x.jsonl", method="full", quantize="int8")
    assert (error.value.key, error.value.values["got"]) == ("quantised.full", "int8")


def test_its_config_is_lora_s_with_customary_values() -> None:
    assert config_class("qlora") is QLoRA
    assert QLoRA.customary() == CUSTOMARY
    assert QLoRA(r=4).lora() == LoRA(**{**CUSTOMARY, "r": 4})
    assert create(QLoRA()).config == LoRA(**CUSTOMARY)


@pytest.mark.parametrize(
    ("method", "quantised", "rate"),
    [("lora", True, 2e-4), ("lora", False, 5e-4), ("head", True, None), ("prompt", True, None)],
)
def test_the_learning_rate_of_quantised_bases(method: str, quantised: bool, rate: float | None) -> None:
    chosen = from_config.resolve(TrainingConfig(), method=method, longest=9, hidden_size=4096, quantised=quantised)
    assert chosen.learning_rate == (from_config.LEARNING_RATES[method] if rate is None else rate)


# --- runs ----------------------------------------------------------------------------------------------------------


def test_a_run_is_loaded_again_in_4_bits(configure: Configure, questions: tuple[Path, Path]) -> None:
    pytest.importorskip("bitsandbytes")
    config = configure(questions, method={"name": "qlora", "r": 2})
    run = train(replace(config, model=replace(config.model, dtype="float32")))
    saved = configs.load(run.folder / "config.yaml", environ={})
    assert (saved.method.name, saved.model.quantize, saved.model.double_quant) == ("lora", "nf4", True)
    assert run.results["training"]["total_parameters"] > 2 * 48 * 48  # weights, not the bytes that hold two of them
    loaded = afinar.load(run.folder)
    assert kind_of(loaded.model) == "nf4"
    ids = torch.tensor([[5, 9, 40]])
    with torch.no_grad():
        run.model.eval()
        assert torch.equal(loaded.model(input_ids=ids).logits, run.model(input_ids=ids).logits)
        with loaded.base() as base, run.base() as own:
            assert torch.equal(base(input_ids=ids).logits, own(input_ids=ids).logits)
    alone = afinar.load(run.folder / "adapter")  # without the run's config: its card says how the base was
    assert (kind_of(alone.model), alone.base_model.quantize, alone.base_model.double_quant) == ("nf4", "nf4", True)


def test_a_base_that_was_stored_in_4_bits_is_named_in_the_run_s_config(
    configure: Configure, questions: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    tiny_quantised(double_quant=False).save_pretrained(tmp_path / "stored")
    tiny_tokenizer().save_pretrained(tmp_path / "stored")
    config = configure(questions, method={"name": "lora", "r": 2})
    run = train(replace(config, model=replace(config.model, name=str(tmp_path / "stored"), dtype="float32")))
    assert (run.config.model.quantize, run.config.model.double_quant) == ("nf4", False)


# --- SFTTrainer ----------------------------------------------------------------------------------------------------


class StopAt(TrainerCallback):
    """Ends training after a step, as a crash would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            control.should_training_stop = True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    tiny_model(hidden_size=48, intermediate_size=100).save_pretrained(path)  # shapes that are no multiples of a block
    tiny_tokenizer().save_pretrained(path)
    return path


def trainer(model: Any, output: Path, *, callbacks: Any = (), method: Any = "qlora", **settings: Any) -> afinar.SFTTrainer:
    options = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "save_strategy": "steps",
               "save_steps": 1, "seed": 11, "use_cpu": True, "report_to": "none", "disable_tqdm": True}  # fmt: skip
    rows = causal_rows()
    args = afinar.SFTConfig(output_dir=str(output), **options, model_init_kwargs={"dtype": "float32", **settings})
    return afinar.SFTTrainer(model, args, train_dataset=rows, eval_dataset=rows, method=method, callbacks=list(callbacks))


@pytest.mark.parametrize("settings", [{}, {"quantize": "int8"}], ids=["nf4", "int8"])
def test_resumed_is_uninterrupted_bit_for_bit(settings: dict[str, str], folder: Path, tmp_path: Path) -> None:
    """With dropout, and an evaluation before the training."""
    pytest.importorskip("bitsandbytes")
    whole = trainer(str(folder), tmp_path / "whole", **settings)
    assert kind_of(whole.model) == settings.get("quantize", "nf4")
    assert whole.method.config == LoRA(**CUSTOMARY)
    whole.evaluate()
    whole.train()
    trainer(str(folder), tmp_path / "cut", callbacks=[StopAt(2)], **settings).train()
    torch.manual_seed(999)
    resumed = trainer(str(folder), tmp_path / "cut", **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "cut" / "checkpoint-2"))
    expected = whole.method.state(whole.model)
    state = resumed.method.state(resumed.model)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    assert all(tensor.abs().max() > 0 for tensor in expected.values())


def test_an_evaluation_in_between_changes_nothing(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    plain = trainer(str(folder), tmp_path / "a")
    torch.manual_seed(5)  # dropout
    plain.train()
    watched = trainer(str(folder), tmp_path / "b")
    for layer in (layer for _, layer in quantised_layers(watched.model)):
        layer.support_avx512bf16_for_cpu = True  # where bitsandbytes' own layer would repack
    watched.evaluate()
    torch.manual_seed(5)
    watched.train()
    for name, tensor in plain.method.state(plain.model).items():
        assert torch.equal(watched.method.state(watched.model)[name], tensor), name


def test_a_model_in_float_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        trainer(tiny_model(), tmp_path)
    assert (error.value.key, error.value.values["got"]) == ("quantised.float_base", "LlamaForCausalLM")


def test_a_model_that_is_quantised_already_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    run = trainer(tiny_quantised(), tmp_path, method=QLoRA(r=2))
    assert run.method.config.r == 2


# --- its page ------------------------------------------------------------------------------------------------------

PAGES = [Path(__file__).parents[2] / "docs" / language / "methods" / "qlora.md" for language in ("en", "pt")]


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=["en", "pt"])
def test_the_page_s_two_ways_of_writing_it_are_one(page: Path, tmp_path: Path) -> None:
    loaded = []
    for text in blocks(page, "yaml"):
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        loaded.append(configs.load(tmp_path / "config.yaml", environ={}))
    assert loaded[0] == loaded[1]
    assert loaded[0].method == LoRA(**CUSTOMARY)


@pytest.mark.parametrize("page", PAGES, ids=["en", "pt"])
def test_the_page_s_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bitsandbytes")
    monkeypatch.chdir(tmp_path)
    names = {"model": tiny_model(), "inputs": {"input_ids": torch.tensor([[5, 6]])}}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), names)
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()
