"""Loading a config: what is read, what wins, and what each mistake is told."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afinar.config import (
    AuditConfig,
    RunConfig,
    checks,
    from_mapping,
    load,
    load_with_origins,
    split_settings,
    to_mapping,
    to_yaml,
    validate,
)
from afinar.data.config import DataConfig
from afinar.errors import ConfigError
from afinar.evaluation.config import EvaluationConfig
from afinar.methods.base import METHODS, Entry
from afinar.methods.config import Full, Head, LoRA
from afinar.models.config import ModelConfig
from afinar.options import FrozenDict
from afinar.training.config import TrainingConfig
from afinar.yaml12 import read, scalar


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A method's config as another package may write it: plain fields, one without a default."""

    name: ClassVar[str] = "scale"
    factor: float
    layers: tuple[str, ...] = ()


DESIGN_EXAMPLE = """\
model:      {name: afinar-mini, task: causal, quantize: none, double_quant: true, dtype: auto, device: auto, attention: auto}
            # task: causal | classification
data:       {train: a/train.jsonl, valid: a/valid.jsonl, format: auto, valid_fraction: 0.1, max_length: 512, packing: auto}
method:     {name: lora, r: 8, alpha: 16, dropout: 0.0, target_modules: auto}
training:   {epochs: 3, max_steps: null, batch_size: 16, micro_batch_size: auto, learning_rate: 1e-5, optimizer: adamw,
             schedule: cosine, warmup_ratio: 0.03, weight_decay: 0.01, max_grad_norm: 1.0, label_smoothing: 0.0,
             gradient_checkpointing: auto, seed: 0, log_every_steps: 10, save_every_steps: epoch, report_to: none}
evaluation: {generate: false, metrics: auto, max_new_tokens: 64}
audit:      {suite: null}
output:     runs
"""


def written(folder: Path, text: str, name: str = "train.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def failure(folder: Path, text: str, name: str = "train.yaml", flags: Any = (), environ: Any = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text, name), flags=flags, environ=environ or {})
    return caught.value


class TestFiles:
    def test_design_example(self, tmp_path: Path) -> None:
        config = validate(load(written(tmp_path, DESIGN_EXAMPLE), environ={}))
        assert config.method == LoRA(r=8, alpha=16.0)
        assert config.training.learning_rate == 1e-5
        assert config.training.save_every_steps == "epoch"
        assert config.training.epochs == 3.0
        assert config.data.valid == "a/valid.jsonl"

    def test_toml_means_the_same(self, tmp_path: Path) -> None:
        text = 'output = "x"\n[data]\ntrain = "a.jsonl"\n[method]\nname = "lora"\ntarget_modules = ["q_proj"]\n'
        yaml = "output: x\ndata: {train: a.jsonl}\nmethod: {name: lora, target_modules: [q_proj]}\n"
        assert load(written(tmp_path, text, "a.toml"), environ={}) == load(written(tmp_path, yaml), environ={})

    def test_empty_file_is_the_defaults(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, ""), environ={}) == RunConfig()
        assert load(written(tmp_path, "# nothing\n"), environ={}) == RunConfig()
        assert load(written(tmp_path, "training:\n"), environ={}) == RunConfig()

    def test_byte_order_mark(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, "\ufeffoutput: x\n"), environ={}).output == "x"

    def test_method_as_a_name(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, "method: full\n"), environ={}).method == Full()

    def test_lists_become_tuples(self, tmp_path: Path) -> None:
        config = load(written(tmp_path, "method: {name: lora, target_modules: [q_proj, v_proj]}"), environ={})
        assert config.method == LoRA(target_modules=("q_proj", "v_proj"))

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "no.yaml", environ={})
        assert caught.value.key == "config.no_file"

    def test_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, environ={})
        assert caught.value.key == "config.unreadable"

    def test_wrong_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_bytes("output: saída".encode("latin-1"))
        with pytest.raises(ConfigError) as caught:
            load(path, environ={})
        assert caught.value.key == "config.unreadable"


class TestYaml12:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1e-5", 1e-5),
            ("1E3", 1000.0),
            ("-.5", -0.5),
            ("3", 3),
            ("010", 10),
            ("0o17", 15),
            ("0x1F", 31),
            ("true", True),
            ("False", False),
            ("no", "no"),
            ("yes", "yes"),
            ("on", "on"),
            ("null", None),
            ("~", None),
            ("", None),
            ("2020-01-01", "2020-01-01"),
            ("12:30", "12:30"),
            ("1_000", "1_000"),
            ("afinar-mini", "afinar-mini"),
            (".inf", float("inf")),
        ],
    )
    def test_scalars(self, text: str, value: Any) -> None:
        assert scalar(text) == value
        assert type(scalar(text)) is type(value)

    def test_digits_without_end_stay_text(self) -> None:
        assert scalar("9" * 5000) == "9" * 5000

    def test_quoted_is_text(self) -> None:
        assert read("a: '5'", "x").value["a"].value == "5"
        assert read("a: !!str 5", "x").value["a"].value == "5"

    def test_lines(self) -> None:
        assert read("a: 1\n\nb:\n  c: 2\n", "x").value["b"].value["c"].line == 4

    def test_duplicate_key(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "training:\n  seed: 1\n  epochs: 2\n  seed: 3\n")
        assert error.key == "config.duplicate"
        assert error.values["where"].endswith("train.yaml:4")
        assert error.values["first"] == 2

    @pytest.mark.parametrize("text", ["training: {seed: 1", "a: b: c", "\tmodel: x", "a: 'open", "? [a]\n: 1", "a: *x"])
    def test_syntax(self, tmp_path: Path, text: str) -> None:
        error = failure(tmp_path, text)
        assert error.key == "config.syntax"
        assert "train.yaml:" in error.values["where"]

    def test_control_characters(self, tmp_path: Path) -> None:
        assert failure(tmp_path, "output: a\x00b").key == "config.syntax"

    def test_tags_make_no_objects(self, tmp_path: Path) -> None:
        assert failure(tmp_path, "output: !!python/object:os.system {}").key in ("config.syntax", "config.type")
        assert failure(tmp_path, "output: !custom x").key == "config.syntax"

    def test_alias_within_itself(self, tmp_path: Path) -> None:
        assert failure(tmp_path, "training: &a {seed: *a}").key == "config.too_deep"

    def test_deep_nesting(self, tmp_path: Path) -> None:
        assert failure(tmp_path, "output: " + "[" * 700).key in ("config.too_deep", "config.syntax")
        assert failure(tmp_path, "a = " + "[" * 700, "a.toml").key == "config.syntax"
        assert failure(tmp_path, "a = [[[[[[1]]]]]]", "a.toml").key == "config.too_deep"

    @settings(max_examples=100)
    @given(st.text(max_size=60))
    def test_any_text_is_a_config_or_a_config_error(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        path = tmp_path_factory.getbasetemp() / "any.yaml"
        path.write_text(text, encoding="utf-8", errors="replace")
        with suppress(ConfigError):
            assert isinstance(load(path, environ={}), RunConfig)


class TestToml:
    def test_syntax_names_the_line(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "[training]\nseed = \n", "a.toml")
        assert error.key == "config.syntax"
        assert error.values["where"].endswith("a.toml:2")

    def test_unknown_key_names_the_line(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "# first\n[training]\nseed = 1\nepoch = 3\n", "a.toml")
        assert error.key == "config.unknown_near"
        assert error.values["where"].endswith("a.toml:4")
        assert error.values["near"] == "training.epochs"


class TestNames:
    @pytest.mark.parametrize(
        ("text", "near"),
        [
            ("trainning: {seed: 1}", "training"),
            ("training: {sed: 1}", "training.seed"),
            ("learning_rate: 1e-3", "training.learning_rate"),
            ("model: {batch_size: 3}", "training.batch_size"),
            ("data: {trian: x}", "data.train"),
            ("outptu: x", "output"),
        ],
    )
    def test_nearest(self, tmp_path: Path, text: str, near: str) -> None:
        error = failure(tmp_path, text)
        assert error.key == "config.unknown_near"
        assert error.values["near"] == near
        assert error.values["where"].endswith("train.yaml:1")
        assert near in error.hint

    def test_nothing_near_lists_what_there_is(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "training: {xyzzy: 1}")
        assert error.key == "config.unknown"
        assert "training.seed" in error.values["known"]
        assert "model.name" not in error.values["known"]
        assert "model" in failure(tmp_path, "xyzzy: 1").values["known"]

    def test_field_of_another_method(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "method: {name: full, r: 8}")
        assert error.key == "config.method_field"
        error = failure(tmp_path, "method:\n  name: lora\n  alhpa: 8")
        assert error.key == "config.method_field_near"
        assert error.values["near"] == "method.alpha"
        assert error.values["where"].endswith(":3")

    def test_a_section_alone(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "", flags=["--data", "x.jsonl"])
        assert error.key == "config.unknown"
        assert "--data.train" in error.values["known"]
        error = failure(tmp_path, "", environ={"AFINAR__TRAINING": "1"})
        assert "AFINAR__TRAINING__SEED" in error.values["known"]

    def test_method_of_another_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(METHODS, "scale", Entry(Scale, "nowhere:Scale"))
        config = load(written(tmp_path, "method: {name: scale, factor: 2}"), environ={}, flags=["--method.layers", "a,b"])
        assert config.method == Scale(factor=2.0, layers=("a", "b"))
        assert failure(tmp_path, "method: {name: scale, factor: x}").key == "config.type"
        missing = failure(tmp_path, "method: scale")
        assert (missing.key, missing.values["field"]) == ("core.missing", "method.factor")

    def test_unknown_method_says_where(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "model: {task: causal}\nmethod: {name: lorra}")
        assert error.key == "config.at"
        assert error.values["where"].endswith(":2")
        assert "lora" in error.hint

    @pytest.mark.parametrize("text", ["training: 3", "training: [a]", "data: train.jsonl"])
    def test_section_that_is_none(self, tmp_path: Path, text: str) -> None:
        assert failure(tmp_path, text).key == "config.not_section"

    @pytest.mark.parametrize("text", ["just words", "[a, b]", "3"])
    def test_file_without_sections(self, tmp_path: Path, text: str) -> None:
        assert failure(tmp_path, text).key == "config.not_mapping"


class TestTypes:
    @pytest.mark.parametrize(
        "text",
        [
            "training: {batch_size: '16'}",
            "training: {batch_size: 16.0}",
            "training: {batch_size: true}",
            "training: {batch_size: null}",
            "training: {epochs: '3'}",
            "training: {epochs: true}",
            "model: {double_quant: yes}",
            "model: {double_quant: 1}",
            "model: {name: 5}",
            "model: {name: [a]}",
            "data: {train: {a: b}}",
            "method: {name: lora, target_modules: [1, 2]}",
            "method: {name: 5}",
            "output: null",
        ],
    )
    def test_strict(self, tmp_path: Path, text: str) -> None:
        error = failure(tmp_path, text)
        assert error.key == "config.type"
        assert error.values["where"].endswith(":1")

    @pytest.mark.parametrize("value", [".nan", ".inf", "1e999", "9" * 350])
    def test_floats_are_finite(self, tmp_path: Path, value: str) -> None:
        assert failure(tmp_path, f"training: {{weight_decay: {value}}}").key == "config.not_finite"

    def test_an_int_is_taken_for_a_float(self) -> None:
        config = from_mapping({"training": {"epochs": 2, "learning_rate": 1}, "method": {"name": "lora", "alpha": 4}})
        assert isinstance(config.training.epochs, float)
        assert isinstance(config.method, LoRA)
        assert isinstance(config.method.alpha, float)
        assert isinstance(config.training.learning_rate, float)

    def test_wrong_value_says_where(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "training:\n  seed: 1\n  batch_size: 0\n")
        assert error.key == "config.at"
        assert error.values["where"].endswith(":3")
        assert error.values["problem"].key == "core.range"
        assert "batch_size" in error.message

    def test_wrong_value_from_a_flag_says_which(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "", flags=["--training.batch_size", "0"])
        assert error.values["where"] == "--training.batch_size"

    def test_an_audit_needs_the_name_of_its_suite(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            AuditConfig(suite=" ")
        assert caught.value.key == "core.missing"
        assert failure(tmp_path, "audit: {suite: ''}").values["problem"].key == "core.missing"

    def test_output_is_needed(self) -> None:
        with pytest.raises(ConfigError) as caught:
            RunConfig(output=" ")
        assert caught.value.key == "core.missing"


class TestPrecedence:
    def test_defaults_file_environment_flags(self, tmp_path: Path) -> None:
        path = written(tmp_path, "training: {seed: 1, batch_size: 2, epochs: 4}")
        environ = {"AFINAR__TRAINING__SEED": "10", "AFINAR__TRAINING__BATCH_SIZE": "20", "AFINAR_LANG": "pt"}
        loaded = load_with_origins(path, environ=environ, flags=["--training.seed", "100"])
        training = loaded.config.training
        assert (training.seed, training.batch_size, training.epochs) == (100, 20, 4.0)
        assert training.warmup_ratio == TrainingConfig().warmup_ratio
        origins = {name: str(loaded.origins[f"training.{name}"]) for name in ("seed", "batch_size", "epochs", "warmup_ratio")}
        assert origins == {
            "seed": "--training.seed",
            "batch_size": "AFINAR__TRAINING__BATCH_SIZE",
            "epochs": f"{path}:1",
            "warmup_ratio": "default",
        }

    def test_every_field_has_an_origin(self) -> None:
        loaded = load_with_origins(environ={})
        fields = {f"{s}.{f}" for s, v in to_mapping(loaded.config).items() if isinstance(v, dict) for f in v} | {"output"}
        assert set(loaded.origins) == fields

    def test_another_method_replaces_the_fields_of_the_first(self, tmp_path: Path) -> None:
        path = written(tmp_path, "method: {name: lora, r: 4}")
        assert load(path, environ={}, flags=["--method.name", "head"]).method == Head()
        assert load(path, environ={}, flags=["--method", "full"]).method == Full()
        assert load(path, environ={}, flags=["--method.name", "lora", "--method.alpha", "2"]).method == LoRA(r=4, alpha=2.0)

    def test_environment_of_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AFINAR__TRAINING__SEED", "7")
        assert load().training.seed == 7
        assert from_mapping({}).training.seed == 0

    def test_unknown_variable(self, tmp_path: Path) -> None:
        error = failure(tmp_path, "", environ={"AFINAR__TRAINING__SED": "1"})
        assert error.values["where"] == "AFINAR__TRAINING__SED"
        assert error.values["near"] == "AFINAR__TRAINING__SEED"


class TestFlags:
    @pytest.mark.parametrize(
        ("flags", "path", "value"),
        [
            (["--training.seed", "1"], "training.seed", 1),
            (["--training.seed=1"], "training.seed", 1),
            (["--training.seed", "1", "--training.seed=2"], "training.seed", 2),
            (["--training.batch-size", "4"], "training.batch_size", 4),
            (["--training.max_steps", "null"], "training.max_steps", None),
            (["--training.learning_rate", "1e-5"], "training.learning_rate", 1e-5),
            (["--training.learning_rate", "auto"], "training.learning_rate", "auto"),
            (["--training.epochs", "2"], "training.epochs", 2.0),
            (["--training.gradient_checkpointing", "true"], "training.gradient_checkpointing", True),
            (["--training.save_every_steps", "epoch"], "training.save_every_steps", "epoch"),
            (["--evaluation.generate"], "evaluation.generate", True),
            (["--evaluation.generate", "false"], "evaluation.generate", False),
            (["--model.name", "123"], "model.name", "123"),
            (["--model.name", "true"], "model.name", "true"),
            (["--data.train", "a b=c.jsonl"], "data.train", "a b=c.jsonl"),
            (["--data.train=x=y"], "data.train", "x=y"),
            (["--data.valid", "null"], "data.valid", None),
            (["--output", "elsewhere"], "output", "elsewhere"),
            (["--method.target_modules", "q_proj,v_proj"], "method.target_modules", ("q_proj", "v_proj")),
            (["--method.target_modules", "[q_proj, 'v_proj']"], "method.target_modules", ("q_proj", "v_proj")),
            (["--method.target_modules", "all-linear"], "method.target_modules", "all-linear"),
            (["--method.dropout", "0"], "method.dropout", 0.0),
        ],
    )
    def test_values(self, flags: list[str], path: str, value: Any) -> None:
        config: Any = load(environ={}, flags=flags)
        section, _, field = path.partition(".")
        got = getattr(getattr(config, section), field) if field else getattr(config, section)
        assert got == value
        assert type(got) is type(value)

    @pytest.mark.parametrize(
        ("flags", "key"),
        [
            (["--training.sed", "1"], "config.unknown_near"),
            (["--xyzzy.plugh", "1"], "config.unknown"),
            (["--training.seed"], "config.no_value"),
            (["--training.seed", "--training.epochs"], "config.no_value"),
            (["word"], "config.stray"),
            (["--training.seed", "x"], "config.type"),
            (["--training.seed", "1.5"], "config.type"),
            (["--training.seed="], "config.type"),
            (["--model.double_quant", "1"], "config.stray"),
            (["--model.double_quant=yes"], "config.type"),
        ],
    )
    def test_mistakes(self, flags: list[str], key: str) -> None:
        with pytest.raises(ConfigError) as caught:
            load(environ={}, flags=flags)
        assert caught.value.key == key

    def test_a_wrong_flag_is_told_as_a_flag(self) -> None:
        with pytest.raises(ConfigError) as caught:
            load(environ={}, flags=["--training.sed", "1"])
        assert caught.value.values["near"] == "--training.seed"

    def test_split_from_the_other_words(self) -> None:
        words = [
            "a.yaml",
            "--training.seed",
            "1",
            "--evaluation.generate",
            "b",
            "--resume",
            "--output=x",
            "--",
            "--data.train",
        ]
        assert split_settings(words) == (
            ["--training.seed", "1", "--evaluation.generate", "--output=x"],
            ["a.yaml", "b", "--resume", "--", "--data.train"],
        )


class TestValidate:
    @pytest.mark.parametrize(
        ("config", "key"),
        [
            (RunConfig(), "core.missing"),
            (RunConfig(data=DataConfig(train="a", valid="./a")), "config.valid_is_train"),
            (RunConfig(data=DataConfig(train="a"), method=Head(), model=ModelConfig(task="causal")), "config.head_causal"),
            (RunConfig(data=DataConfig(train="a", format="text"), method=Head()), "config.head_causal"),
            (
                RunConfig(data=DataConfig(train="a", format="messages"), model=ModelConfig(task="classification")),
                "config.task_format",
            ),
            (
                RunConfig(data=DataConfig(train="a", format="classification"), model=ModelConfig(task="causal")),
                "config.task_format",
            ),
            (
                RunConfig(data=DataConfig(train="a", packing="blocks"), model=ModelConfig(task="classification")),
                "config.blocks_text_only",
            ),
            (RunConfig(data=DataConfig(train="a", packing="blocks", format="alpaca")), "config.blocks_text_only"),
            (
                RunConfig(data=DataConfig(train="a", format="classification"), evaluation=EvaluationConfig(generate=True)),
                "config.generate_classification",
            ),
            (
                RunConfig(data=DataConfig(train="a"), training=TrainingConfig(batch_size=2, micro_batch_size=4)),
                "config.micro_batch",
            ),
            (RunConfig(data=DataConfig(train="a"), training=TrainingConfig(seed=2**32)), "core.range"),
            (RunConfig(data=DataConfig(train="a"), training=TrainingConfig(seed=-1)), "core.range"),
            (RunConfig(data=DataConfig(train="a"), training=TrainingConfig(report_to="all")), "core.choice"),
        ],
    )
    def test_sections_that_disagree(self, config: RunConfig, key: str) -> None:
        with pytest.raises(ConfigError) as caught:
            validate(config)
        assert caught.value.key == key
        assert caught.value.message

    def test_logger_that_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        config = RunConfig(data=DataConfig(train="a"), training=TrainingConfig(report_to="tensorboard"))
        monkeypatch.setattr(checks, "find_spec", lambda name: None)
        with pytest.raises(ConfigError) as caught:
            validate(config)
        assert (caught.value.key, caught.value.values["package"]) == ("config.no_logger", "tensorboard")
        monkeypatch.setattr(checks, "find_spec", lambda name: name == "tensorboardX")
        assert validate(config) is config

    def test_sections_that_agree(self) -> None:
        config = RunConfig(data=DataConfig(train="a", valid="b", packing="blocks", format="text"))
        assert validate(config) is config


# Printable by construction: letters of every script, marks, numbers, punctuation and symbols, and the space inside.
printable = st.characters(categories=("L", "M", "N", "P", "S"))
texts = st.builds("{}{}".format, printable, st.text(printable | st.just(" "), max_size=11))
configs = st.builds(
    RunConfig,
    model=st.builds(ModelConfig, name=texts, revision=st.none() | texts, double_quant=st.booleans()),
    data=st.builds(DataConfig, train=st.none() | texts, max_length=st.integers(2, 10**9), valid_fraction=st.floats(0, 0.9)),
    method=st.just(Full())
    | st.just(Head())
    | st.builds(
        LoRA,
        r=st.integers(1, 10**6),
        alpha=st.floats(1e-30, 1e30),
        target_modules=st.sampled_from(["auto", "all-linear"]) | st.lists(texts, min_size=1, max_size=3).map(tuple),
    ),
    training=st.builds(
        TrainingConfig,
        learning_rate=st.just("auto") | st.floats(1e-12, 10),
        max_steps=st.none() | st.integers(1, 10**12),
        gradient_checkpointing=st.sampled_from([True, False, "auto"]),
        save_every_steps=st.just("epoch") | st.integers(1, 99),
    ),
    output=texts,
)


@settings(max_examples=60)
@given(configs)
def test_yaml_and_mapping_load_back_to_the_same_config(tmp_path_factory: pytest.TempPathFactory, config: RunConfig) -> None:
    path = written(tmp_path_factory.getbasetemp(), to_yaml(config))
    assert load(path, environ={}) == config
    assert from_mapping(to_mapping(config)) == config


def test_yaml_puts_the_name_of_the_method_first() -> None:
    assert "method:\n  name: lora\n  r: 8" in to_yaml(RunConfig())


@dataclass(frozen=True, kw_only=True)
class Patterned:
    """A method's config with mappings: one of numbers, one that may be left out, and a list of numbers."""

    name: ClassVar[str] = "patterned"
    rank_pattern: Mapping[str, int] = FrozenDict()
    scales: dict[str, float] | None = None
    layers: tuple[int, ...] = ()
    r: int = 8


class TestMappings:
    @pytest.fixture(autouse=True)
    def _known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(METHODS, "patterned", Entry(Patterned, "nowhere:Patterned"))

    FILE = "method:\n  name: patterned\n  rank_pattern:\n    q_proj: 4\n    model.layers.0.v_proj: 2\n"

    def test_file(self, tmp_path: Path) -> None:
        loaded = load_with_origins(written(tmp_path, self.FILE + "  scales: {q_proj: 2}\n"), environ={})
        assert loaded.config.method == Patterned(
            rank_pattern=FrozenDict({"q_proj": 4, "model.layers.0.v_proj": 2}), scales=FrozenDict({"q_proj": 2.0})
        )
        assert isinstance(loaded.config.method.scales["q_proj"], float)
        hash(loaded.config.method)
        assert str(loaded.origins["method.rank_pattern.model.layers.0.v_proj"]).endswith("train.yaml:5")
        assert "method.rank_pattern" not in loaded.origins
        assert loaded.origins["method.layers"].kind == "default"

    def test_toml(self, tmp_path: Path) -> None:
        text = '[method]\nname = "patterned"\nrank_pattern = {q_proj = 4, "a.b" = 2}\n'
        assert load(written(tmp_path, text, "a.toml"), environ={}).method.rank_pattern == {"q_proj": 4, "a.b": 2}

    def test_a_key_is_set_alone(self, tmp_path: Path) -> None:
        flags = ["--method.rank-pattern.q_proj", "16", "--method.rank_pattern.k-proj=1"]
        environ = {"AFINAR__METHOD__RANK_PATTERN__V_PROJ": "3", "AFINAR__METHOD__RANK_PATTERN__Q_PROJ": "9"}
        loaded = load_with_origins(written(tmp_path, self.FILE), environ=environ, flags=flags)
        expected = {"q_proj": 16, "k-proj": 1, "v_proj": 3, "model.layers.0.v_proj": 2}
        assert loaded.config.method.rank_pattern == expected
        assert str(loaded.origins["method.rank_pattern.q_proj"]) == "--method.rank-pattern.q_proj"
        assert str(loaded.origins["method.rank_pattern.v_proj"]) == "AFINAR__METHOD__RANK_PATTERN__V_PROJ"

    @pytest.mark.parametrize("value", ["{Wqkv: 5}", "{}"])
    def test_the_whole_replaces_what_was(self, tmp_path: Path, value: str) -> None:
        path = written(tmp_path, self.FILE)
        expected = {"Wqkv": 5} if "5" in value else {}
        assert load(path, environ={"AFINAR__METHOD__RANK_PATTERN": value}).method.rank_pattern == expected
        flags = ["--method.rank_pattern.q_proj", "1", "--method.rank_pattern", value]
        assert load(path, environ={}, flags=flags).method.rank_pattern == expected
        after = [*flags, "--method.rank_pattern.v_proj", "7"]
        assert load(path, environ={}, flags=after).method.rank_pattern == {**expected, "v_proj": 7}

    def test_null_is_a_value_where_it_may_be(self, tmp_path: Path) -> None:
        path = written(tmp_path, self.FILE + "  scales: {q_proj: 2}\n")
        assert load(path, environ={}, flags=["--method.scales", "null"]).method.scales is None
        assert failure(tmp_path, self.FILE, flags=["--method.rank_pattern", "null"]).key == "config.type"

    def test_lists_of_numbers(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, self.FILE + "  layers: [1, 2]"), environ={}).method.layers == (1, 2)
        assert load(written(tmp_path, self.FILE), environ={}, flags=["--method.layers", "1,2"]).method.layers == (1, 2)
        assert failure(tmp_path, self.FILE + "  layers: [1, a]").key == "config.type"

    @pytest.mark.parametrize(
        ("text", "key", "line"),
        [
            ("  rank_pattern:\n    q_proj: four\n", "config.type", ":4"),
            ("  rank_pattern: {q_proj: 1.5}\n", "config.type", ":3"),
            ("  rank_pattern: {q_proj: {a: 1}}\n", "config.type", ":3"),
            ("  rank_pattern: [q_proj]\n", "config.type", ":3"),
            ("  rank_pattern: 4\n", "config.type", ":3"),
            ("  scales: {q_proj: .nan}\n", "config.not_finite", ":3"),
            ("  r: {q_proj: 1}\n", "config.type", ":3"),
            ("  rank_patern: {q_proj: 1}\n", "config.method_field_near", ":3"),
        ],
    )
    def test_mistakes_say_where(self, tmp_path: Path, text: str, key: str, line: str) -> None:
        error = failure(tmp_path, "method:\n  name: patterned\n" + text)
        assert error.key == key
        assert error.values["where"].endswith(line)

    @pytest.mark.parametrize("more", [[], ["--method.r", "4"]])
    def test_a_key_of_what_holds_one_value(self, tmp_path: Path, more: list[str]) -> None:
        error = failure(tmp_path, self.FILE, flags=[*more, "--method.r.q_proj", "4"])
        assert error.key == "config.not_mapping_field"
        assert error.values["key"] == "method.r"

    @pytest.mark.parametrize("value", ["{q_proj", "{q_proj: 1, q_proj: 2}"])
    def test_a_mapping_in_a_flag_that_is_none(self, value: str) -> None:
        with pytest.raises(ConfigError) as caught:
            load(environ={}, flags=["--method", "patterned", "--method.rank_pattern", value])
        assert caught.value.key in ("config.syntax", "config.duplicate")

    def test_written_back(self, tmp_path: Path) -> None:
        config = load(written(tmp_path, self.FILE), environ={})
        assert to_mapping(config)["method"]["rank_pattern"] == {"q_proj": 4, "model.layers.0.v_proj": 2}
        assert load(written(tmp_path, to_yaml(config), "again.yaml"), environ={}) == config


def test_a_frozen_dict_does_not_change() -> None:
    values = FrozenDict({"a": [1, {"b": 2}]})
    assert values["a"] == (1, {"b": 2})
    for change in (
        lambda: values.update(a=1),
        lambda: values.__setitem__("a", 1),
        lambda: values.pop("a"),
        lambda: values.__ior__({"b": 1}),
    ):
        with pytest.raises(TypeError):
            change()
    assert copy.deepcopy(values) == values == pickle.loads(pickle.dumps(values))
    assert hash(values) == hash(FrozenDict({"a": (1, {"b": 2})}))
