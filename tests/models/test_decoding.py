from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from transformers import GenerationConfig

from afinar.errors import ConfigError
from afinar.models.decoding import RANGES, Generation


def test_every_setting_but_ours_is_one_of_transformers():
    names = {item.name for item in dataclasses.fields(Generation)} - {"seed", "inherit"}
    assert names <= vars(GenerationConfig()).keys()


def test_what_is_given_is_what_is_not_none():
    assert Generation(num_beams=2, do_sample=False, temperature=None, seed=9).given == {"num_beams": 2, "do_sample": False}


def test_gen_kwargs_become_settings():
    assert Generation.of(max_new_tokens=5, top_p=0.5, seed=3) == Generation(max_new_tokens=5, top_p=0.5, seed=3)
    assert Generation.of() == Generation()


@pytest.mark.parametrize(("name", "near"), [("num_beam", " (num_beams?)"), ("max_tokens", ""), ("inherit", "")])
def test_an_unknown_setting_names_the_nearest(name, near):
    with pytest.raises(ConfigError) as caught:
        Generation.of(**{name: 1})
    assert caught.value.key == "models.generation_setting"
    assert caught.value.values["got"] == name
    assert caught.value.values["near"] == near or near == ""
    assert "max_new_tokens" in caught.value.values["allowed"]
    assert "inherit" not in caught.value.values["allowed"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_new_tokens", 0),
        ("max_new_tokens", 2.0),
        ("max_new_tokens", True),
        ("max_length", "20"),
        ("min_new_tokens", -1),
        ("num_beams", 0),
        ("length_penalty", float("inf")),
        ("early_stopping", "always"),
        ("do_sample", 1),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("min_p", 1.5),
        ("typical_p", 0.0),
        ("repetition_penalty", 0.0),
        ("no_repeat_ngram_size", 1.5),
        ("use_cache", "yes"),
        ("seed", -1),
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError) as caught:
        Generation(**{name: value})
    assert (caught.value.key, caught.value.values["field"]) == ("core.range", name)
    assert name in caught.value.message


def test_the_ends_of_the_ranges_are_fine():
    ends: dict[str, Any] = {
        "temperature": 0,
        "top_k": 0,
        "top_p": 1,
        "min_p": 0.0,
        "typical_p": 1.0,
        "early_stopping": "never",
    }
    assert Generation(**ends, min_length=0, num_beams=1, repetition_penalty=1).given.keys() > ends.keys()
    assert RANGES.keys() <= {item.name for item in dataclasses.fields(Generation)}
