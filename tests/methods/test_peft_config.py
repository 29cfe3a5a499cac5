"""`method: {name: peft, peft_type: ...}`: fields of PEFT's own classes, with types and nearest names."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import peft
import pytest

import afinar
from afinar.config import from_mapping, load, load_with_origins, to_mapping, to_yaml
from afinar.errors import ConfigError
from afinar.methods.base import create
from afinar.methods.config import IA3, LoRA, Peft, PrefixTuning, PromptTuning, PTuning
from afinar.methods.config import peft as peft_config
from afinar.methods.peft_bridge import method_for, own_config
from afinar.methods.peft_injected import PeftInjected
from afinar.options import FrozenDict
from tests.tiny import tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults

YAML = """\
method:
  name: peft
  peft_type: LOKR
  r: 4
  target_modules: [q_proj, v_proj]
  rank_pattern:
    q_proj: 2
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "train.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_s_fields_are_peft_s(tmp_path: Path) -> None:
    loaded = load_with_origins(written(tmp_path, YAML), environ={}, flags=["--method.rank_pattern.v_proj", "3"])
    expected = Peft(peft_type="LOKR", r=4, target_modules=["q_proj", "v_proj"], rank_pattern={"q_proj": 2, "v_proj": 3})
    assert loaded.config.method == expected
    hash(loaded.config.method)
    assert str(loaded.origins["method.r"]).endswith(":4")
    assert str(loaded.origins["method.rank_pattern.v_proj"]) == "--method.rank_pattern.v_proj"
    assert to_mapping(loaded.config)["method"] == {
        "name": "peft",
        "peft_type": "LOKR",
        "r": 4,
        "target_modules": ["q_proj", "v_proj"],
        "rank_pattern": {"q_proj": 2, "v_proj": 3},
    }
    assert from_mapping(to_mapping(loaded.config)) == loaded.config
    assert load(written(tmp_path, to_yaml(loaded.config)), environ={}) == loaded.config


def test_flags_alone_are_enough() -> None:
    flags = ["--method", "peft", "--method.peft_type", "VERA", "--method.r", "16", "--method.vera_dropout", "0"]
    config: Any = load(environ={}, flags=flags)
    assert config.method == Peft(peft_type="VERA", r=16, vera_dropout=0.0)
    assert config.method.made().r == 16
    assert afinar.Peft is Peft


@pytest.mark.parametrize(
    ("line", "key", "place"),
    [
        ("peft_type: VERRA", "config.at", ":3"),
        ("peft_type: zzz", "config.at", ":3"),
        ("peft_type: 5", "config.type", ":3"),
        ("peft_type: VERA\n  rr: 8", "config.method_field_near", ":4"),
        ("peft_type: VERA\n  task_type: CAUSAL_LM", "config.method_field_near", ":4"),
        ("peft_type: VERA\n  r: eight", "config.type", ":4"),
        ("peft_type: VERA\n  target_modules: {a: 1}", "config.type", ":4"),
    ],
)
def test_mistakes_in_a_file_say_where(tmp_path: Path, line: str, key: str, place: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, f"method:\n  name: peft\n  {line}\n"), environ={})
    assert error.value.key == key
    assert error.value.values["where"].endswith(place)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({}, "peft.which"),
        ({"peft_type": "VERRA"}, "peft.unknown_type_near"),
        ({"peft_type": "vera"}, "peft.unknown_type_near"),
        ({"peft_type": "zzz"}, "peft.unknown_type"),
        ({"peft_type": "VERA", "rr": 8}, "config.method_field_near"),
        ({"peft_type": "VERA", "xyzzy": 8}, "config.method_field"),
        ({"peft_type": "VERA", "r": "8"}, "peft.type"),
        ({"peft_type": "LOKR", "rank_pattern": [1]}, "peft.type"),
        ({"peft_type": "OFT", "bias": "some"}, "core.choice"),
        ({"peft_type": "ADALORA", "total_step": -3}, "peft.refused"),
        ({"peft_type": "POLY"}, "peft.needs"),
    ],
)
def test_mistakes_in_python(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        Peft(**values)
    assert error.value.key == key
    assert error.value.message


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peft_config, "find_spec", lambda name: None)
    peft_config._classes.cache_clear()
    try:
        with pytest.raises(ConfigError) as error:
            Peft(peft_type="VERA")
    finally:
        monkeypatch.undo()
        peft_config._classes.cache_clear()
    assert error.value.key == "peft.not_installed"
    assert "afinar[peft]" in error.value.hint


def test_what_a_file_of_peft_s_says_without_its_defaults() -> None:
    saved = peft.LoHaConfig(r=4, target_modules=["v_proj", "q_proj"], task_type="SEQ_CLS", modules_to_save=["score"]).to_dict()
    config = Peft.of(saved)
    assert config == Peft(peft_type="LOHA", r=4, target_modules=("q_proj", "v_proj"))
    assert config.settings == FrozenDict({"r": 4, "target_modules": ("q_proj", "v_proj")})
    with pytest.raises(ConfigError) as error:
        Peft.of({**saved, "setting_of_tomorrow": True})
    assert error.value.key == "config.method_field"
    assert Peft.of({**saved, "setting_of_tomorrow": None}) == config


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Peft(peft_type="LORA", r=4, lora_alpha=6, target_modules="all-linear", exclude_modules=["o_proj"]), LoRA),
        (Peft(peft_type="LORA", r=4, use_dora=True, rank_pattern={"q_proj": 2}), LoRA),
        (Peft(peft_type="LORA", r=4, init_lora_weights="orthogonal"), None),
        (Peft(peft_type="IA3"), IA3),
        (Peft(peft_type="PROMPT_TUNING", num_virtual_tokens=3), PromptTuning),
        (Peft(peft_type="P_TUNING", num_virtual_tokens=3, encoder_hidden_size=8), PTuning),
        (Peft(peft_type="PREFIX_TUNING", num_virtual_tokens=3), PrefixTuning),
        (Peft(peft_type="VERA"), None),
    ],
    ids=lambda value: getattr(value, "peft_type", None),
)
def test_what_ours_can_express_becomes_ours(config: Peft, expected: Any) -> None:
    model = tiny_model()
    ours = own_config(config, model)
    assert type(ours) is (expected or type(None))
    method = method_for(config, model)
    assert isinstance(method, PeftInjected) == (expected is None)
    assert isinstance(method.config, expected or Peft)


def test_prompts_without_a_model_are_ours_or_refused() -> None:
    assert create(Peft(peft_type="PROMPT_TUNING", num_virtual_tokens=3)).config == PromptTuning(
        virtual_tokens=3, init="random"
    )
    with pytest.raises(ConfigError) as error:
        create(Peft(peft_type="PREFIX_TUNING", num_virtual_tokens=3, token_dim=16))
    assert error.value.key == "peft.prompt_settings"


def test_a_model_wrapped_for_adalora_is_refused() -> None:
    config = peft.AdaLoraConfig(total_step=10, init_r=4, target_r=2, task_type="CAUSAL_LM")
    with pytest.raises(ConfigError) as error:
        method_for(None, peft.get_peft_model(tiny_model(), copy.deepcopy(config)))
    assert error.value.key == "peft.adalora_wrapped"
    assert isinstance(method_for(config, tiny_model()), PeftInjected)


@pytest.mark.parametrize(
    ("settings", "steps", "key"),
    [
        ({"init_r": 4, "target_r": 2, "tinit": 6, "tfinal": 4}, 10, "peft.adalora_steps"),
        ({"init_r": 4, "target_r": 4}, 10, "peft.adalora_ranks"),
    ],
)
def test_adalora_needs_steps_and_ranks_to_give_back(settings: dict[str, int], steps: int, key: str) -> None:
    method = create(Peft(peft_type="ADALORA", **settings))
    assert isinstance(method, PeftInjected)
    model = method.attach(tiny_model())
    with pytest.raises(ConfigError) as error:
        method.begin(model, steps)
    assert error.value.key == key
    assert str(settings["init_r"] if key.endswith("ranks") else steps) in error.value.message
