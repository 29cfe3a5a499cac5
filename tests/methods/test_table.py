"""The table of methods: names, nearest names, plug-ins, and that it stays free of torch."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from afinar.errors import ConfigError
from afinar.methods import base
from afinar.methods.base import METHODS, Entry, config_class, create, registered
from afinar.methods.config import IA3, AdapterConfig, Full, Head, LoRA, Peft, PrefixTuning, PromptTuning, PTuning


def test_names_pick_their_configs() -> None:
    assert {name: config_class(name) for name in METHODS} == {
        "bottleneck": AdapterConfig,
        "full": Full,
        "head": Head,
        "ia3": IA3,
        "lora": LoRA,
        "p_tuning": PTuning,
        "peft": Peft,
        "prefix": PrefixTuning,
        "prompt": PromptTuning,
    }


@pytest.mark.parametrize("config", [AdapterConfig(size=2), Full(), Head(), LoRA(r=2), PrefixTuning()])
def test_create_gives_the_technique_with_its_config(config: Any) -> None:
    method = create(config)
    assert method.config is config
    assert type(method).__module__ == f"afinar.methods.{config.name}"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        config_class("lorra")
    assert error.value.key == "methods.unknown_near"
    assert error.value.hint == "Did you mean lora?"
    assert "full, head, ia3, lora" in error.value.message


def test_an_unknown_name_without_a_near_one_lists_all() -> None:
    with pytest.raises(ConfigError) as error:
        config_class("zzz")
    assert error.value.key == "methods.unknown"
    assert "full, head, ia3, lora" in str(error.value)


@pytest.mark.parametrize("got", ["lora", None, {"r": 8}])
def test_what_is_no_config_is_refused(got: object) -> None:
    with pytest.raises(ConfigError) as error:
        create(got)
    assert error.value.key == "methods.not_a_config"
    assert type(got).__name__ in error.value.message


class Bias:
    """The config of a method from elsewhere."""

    name = "bias"


class BiasMethod:
    def __init__(self, config: Bias) -> None:
        self.config = config


ENTRY = Entry(Bias, f"{__name__}:BiasMethod")
IMPOSTOR = Entry(Bias, f"{__name__}:BiasMethod")


def test_an_installed_package_adds_a_method_but_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("bias", f"{__name__}:ENTRY", base.ENTRY_POINTS),
        EntryPoint("lora", f"{__name__}:IMPOSTOR", base.ENTRY_POINTS),
    ]
    monkeypatch.setattr(base, "entry_points", lambda group: [point for point in points if point.group == group])
    assert config_class("bias") is Bias
    assert isinstance(create(Bias()), BiasMethod)
    assert registered()["lora"] == METHODS["lora"]


def test_the_table_is_read_without_torch() -> None:
    code = (
        "import sys; from afinar.methods.base import METHODS, config_class, registered; registered(); "
        "[config_class(name)() for name in METHODS if name != 'peft']; "
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
