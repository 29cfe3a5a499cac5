"""Every name that people bring along is understood with its effect, or refused with what to write."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig, HfArgumentParser, Seq2SeqTrainingArguments, TrainingArguments

from afinar import SFTConfig
from afinar.errors import ConfigError
from afinar.training import names
from afinar.training.arguments import as_sft_config


def config(**settings: Any) -> SFTConfig:
    return SFTConfig("out", use_cpu=True, **settings)


def plain(**settings: Any) -> TrainingArguments:
    return TrainingArguments("out", use_cpu=True, **settings)


UNDERSTOOD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"evaluation_strategy": "epoch"}, {"eval_strategy": "epoch"}),
    ({"per_gpu_train_batch_size": 3}, {"per_device_train_batch_size": 3}),
    ({"per_gpu_eval_batch_size": 3}, {"per_device_eval_batch_size": 3}),
    ({"push_to_hub_model_id": "a/b"}, {"hub_model_id": "a/b"}),
    ({"push_to_hub_token": "t"}, {"hub_token": "t"}),
    ({"torchdynamo": "aot_eager"}, {"torch_compile_backend": "aot_eager", "torch_compile": True}),
    ({"generation_num_beams": 4}, {"num_beams": 4}),
    ({"max_seq_length": 77}, {"max_length": 77}),
    ({"adafactor": True}, {"optim": "adafactor"}),
    ({"adafactor": False}, {"optim": "adamw_torch_fused"}),
    ({"group_by_length": True}, {"train_sampling_strategy": "group_by_length"}),
    ({"include_inputs_for_metrics": True}, {"include_for_metrics": ["inputs"]}),
    ({"trust_remote_code": True}, {"model_init_kwargs": {"trust_remote_code": True}}),
    (
        {"trust_remote_code": True, "model_init_kwargs": {"dtype": "float32"}},
        {"model_init_kwargs": {"dtype": "float32", "trust_remote_code": True}},
    ),
    ({"trust_remote_code": False}, {"model_init_kwargs": None}),
    ({"packing": True, "packing_strategy": "wrapped"}, {"packing": "blocks"}),
    ({"packing": True, "packing_strategy": "wrapped", "eval_packing": True}, {"packing": "blocks"}),
    ({"packing": False, "packing_strategy": "bfd"}, {"packing": False}),
    ({"dataset_kwargs": {"skip_prepare_dataset": True}}, {}),
    ({"generation_config": GenerationConfig(num_beams=3, max_new_tokens=9, eos_token_id=2)},
     {"gen_kwargs": {"num_beams": 3, "max_new_tokens": 9}}),
    ({"per_gpu_train_batch_size": None}, {"per_device_train_batch_size": 8}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "meant"), UNDERSTOOD, ids=lambda value: ",".join(value) or "nothing")
def test_an_older_name_has_the_new_one_s_effect(given: dict[str, Any], meant: dict[str, Any]) -> None:
    args = config(**given)
    assert {name: getattr(args, name) for name in meant} == meant


def test_no_cuda_is_use_cpu() -> None:
    assert SFTConfig("out", no_cuda=True).device.type == "cpu"
    assert config(no_cuda=False).use_cpu  # not at odds with use_cpu=True, which config() gives


def test_every_old_name_leads_to_a_field() -> None:
    known = {item.name for item in dataclasses.fields(SFTConfig)}
    for old, new in names.RENAMED.items():
        assert names.sft_settings({old: "value"}, known - {old}) == {new: "value"}
        assert new in known


@pytest.mark.parametrize(("steps", "share", "expected"), [(1000, 0.03, 30), (10, 0.5, 5)])
def test_warmup_ratio_is_a_share_of_the_steps(steps: int, share: float, expected: int) -> None:
    assert config(warmup_ratio=share).get_warmup_steps(steps) == expected


def test_checkpointing_goes_by_either_name_and_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        args = config(gradient_checkpointing=True, gradient_checkpointing_kwargs={"use_reentrant": False})
        new = config(activation_checkpointing=True)
    assert args.gradient_checkpointing is True
    assert args.gradient_checkpointing_kwargs == {"use_reentrant": False}
    assert new.gradient_checkpointing is True


def test_tensorboard_finds_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "elsewhere")
    config()
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == "elsewhere"
    config(logging_dir=str(tmp_path))
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path)


@pytest.mark.parametrize("name", sorted(names.IDLE))
def test_names_without_effect_pass(name: str) -> None:
    with_it = {key: value for key, value in vars(config(**{name: True})).items() if not key.startswith("_")}
    without = {key: value for key, value in vars(config()).items() if not key.startswith("_")}
    assert str(with_it) == str(without)


@pytest.mark.parametrize("name", sorted(names.ASKS_NOTHING))
def test_values_that_ask_for_nothing_pass_and_others_are_refused(name: str) -> None:
    for value in names.ASKS_NOTHING[name]:
        config(**{name: value})
    with pytest.raises(ConfigError) as error:
        config(**{name: "something else"})
    assert error.value.key == f"names.{name}"
    assert name in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("average_tokens_across_devices", False),
        ("dataloader_drop_last", True),
        ("train_sampling_strategy", "batch_rebalance"),
        ("use_liger_kernel", True),
    ],
)
def test_settings_that_would_be_ignored_are_refused_in_plain_arguments_too(name: str, value: Any) -> None:
    for make in (config, lambda **settings: as_sft_config(plain(**settings))):
        with pytest.raises(ConfigError) as error:
            make(**{name: value})
        assert error.value.key == f"names.{name}"


@pytest.mark.parametrize("name", ["split_batches", "dispatch_batches"])
def test_accelerate_s_ways_of_sharing_batches_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(accelerator_config={name: True})
    assert error.value.key == f"names.{name}"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"packing": True}, "names.packing_strategy"),
        ({"packing": True, "packing_strategy": "bfd_split"}, "names.packing_strategy"),
        ({"eval_packing": True}, "names.eval_packing"),
        ({"dataset_kwargs": {"add_special_tokens": False}}, "names.dataset_kwargs"),
        ({"max_seq_length": 3, "max_length": 4}, "names.twice"),
        ({"evaluation_strategy": "no", "eval_strategy": "epoch"}, "names.twice"),
        ({"learning_rat": 1.0}, "names.unknown_setting"),
    ],
    ids=str,
)
def test_what_has_no_meaning_here_is_refused(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(**given)
    assert error.value.key == key


@pytest.mark.parametrize(("name", "near"), [("learning_rat", "learning_rate"), ("evaluation_stratgy", "evaluation_strategy")])
def test_an_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}.*{near}"):
        config(**{name: 1})
    with pytest.raises(ConfigError) as error:
        config(zzzzqqq=1)
    assert error.value.values["near"] == ""


def test_two_names_that_agree_are_no_conflict() -> None:
    assert config(max_seq_length=4, max_length=4).max_length == 4


# --- the dataclass stays one ---------------------------------------------------------------------------------------


def test_the_signature_is_the_fields() -> None:
    parameters = list(inspect.signature(SFTConfig).parameters)
    assert parameters == [item.name for item in dataclasses.fields(SFTConfig) if item.init]
    assert SFTConfig("positional", use_cpu=True).output_dir == "positional"
    assert dataclasses.replace(config(max_length=9), seed=3).max_length == 9


def test_the_command_line_parser_of_transformers_reads_it() -> None:
    line = ["--output_dir", "out", "--use_cpu", "--max_length", "12", "--head_learning_rate", "0.1", "--num_beams", "2"]
    (args,) = HfArgumentParser(SFTConfig).parse_args_into_dataclasses(line)
    assert (args.max_length, args.head_learning_rate, args.num_beams, args.report_to) == (12, 0.1, 2, [])


def test_other_arguments_keep_their_meaning() -> None:
    args = as_sft_config(plain(learning_rate=3e-4, weight_decay=0.1, warmup_steps=5, logging_steps=7, report_to="none"))
    assert (args.learning_rate, args.weight_decay, args.warmup_steps, args.logging_steps) == (3e-4, 0.1, 5, 7)
    seq = Seq2SeqTrainingArguments("out", use_cpu=True, predict_with_generate=True, generation_num_beams=2)
    assert (as_sft_config(seq).num_beams, as_sft_config(seq).predict_with_generate) == (2, True)
    mine = config(packing="blocks", gen_kwargs={"top_k": 3}, seed=5)
    assert as_sft_config(mine) == mine
    assert as_sft_config(mine) is not mine


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_trl_s_own_arguments_are_understood() -> None:
    trl = pytest.importorskip("trl")
    given = trl.SFTConfig(
        "out", use_cpu=True, bf16=False, max_length=33, assistant_only_loss=True, dataset_num_proc=2, learning_rate=1e-3
    )
    args = as_sft_config(given)
    assert (args.max_length, args.assistant_only_loss, args.learning_rate) == (33, True, 1e-3)
    # TRL's default is to learn every turn; ours, left alone, is to learn the assistant's
    assert as_sft_config(trl.SFTConfig("out", use_cpu=True, bf16=False)).assistant_only_loss is False
    assert config().assistant_only_loss is None


def test_every_setting_of_trl_and_transformers_is_known() -> None:
    trl = pytest.importorskip("trl")
    known = {item.name for item in dataclasses.fields(SFTConfig)}
    named = {*known, *names.RENAMED, *names.IDLE, *names.ASKS_NOTHING, *names._SPECIAL}
    for cls in (trl.SFTConfig, Seq2SeqTrainingArguments, TrainingArguments):
        assert {item.name for item in dataclasses.fields(cls)} <= named


# --- keywords of SFTTrainer ----------------------------------------------------------------------------------------


def test_keywords_of_earlier_trainers_are_settings() -> None:
    given = {"max_seq_length": 12, "dataset_text_field": "body", "packing": False, "neftune_noise_alpha": 5}
    args = config(**names.trainer_settings(given))
    assert (args.max_length, args.dataset_text_field, args.neftune_noise_alpha) == (12, "body", 5)
    for name in names.TRAINER_SETTINGS:
        assert names.trainer_settings({name: None}) == {name: None}


@pytest.mark.parametrize("name", ["quantization_config", "model_init", "infinite", "num_of_sequences", "chars_per_token"])
def test_keywords_with_another_place_say_so(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        names.trainer_settings({name: 1})
    assert error.value.key == f"names.{name}"


def test_an_unknown_keyword_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"dataset_text_feild.*dataset_text_field") as error:
        names.trainer_settings({"dataset_text_feild": "x"})
    assert error.value.key == "names.unknown_keyword"
