"""Base and adapted model in one: switched off where that is possible, loaded beside where it is not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import afinar
from afinar.cli.compare import open_pair
from afinar.cli.context import Context
from afinar.methods.base import create
from afinar.methods.config import Full, LoRA, Peft, PrefixTuning, PromptTuning
from afinar.run import compare, load
from tests.contracts.cases import scramble
from tests.tiny import tiny_model, tiny_tokenizer

PROMPT = "Conte até três."
ADAPTERS: dict[str, Any] = {
    "lora": LoRA(r=4),
    "prompt": PromptTuning(virtual_tokens=3),
    "prefix": PrefixTuning(virtual_tokens=3),
    "peft": Peft(peft_type="LOKR", r=4),
}


def exported(method: Any, folder: Path) -> Path:
    """An export of `method` with random values, on a base of its own folder."""
    tiny_model(seed=3).save_pretrained(folder / "base")
    tiny_tokenizer().save_pretrained(folder / "base")
    technique = create(method)
    model = technique.attach(tiny_model(seed=3))
    scramble({name: value for name, value in technique.state(model).items() if value.is_floating_point()})
    technique.export(model, folder / "adapter", base=str(folder / "base"), task="causal")
    return folder / "adapter"


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_an_adapter_is_switched_off(name: str, tmp_path: Path) -> None:
    session = load(exported(ADAPTERS[name], tmp_path))
    plain = load(tmp_path / "base")
    pair = compare(session)
    assert pair.beside is None
    options = {"max_new_tokens": 6, "chat": False}
    before = session.generate(PROMPT, **options)
    answers = pair.generate(PROMPT, **options)
    assert answers.adapted == before == session.generate(PROMPT, **options)
    assert answers.base == plain.generate(PROMPT, **options)
    ids = torch.tensor([session.encode(PROMPT, chat=False)])
    with torch.no_grad():
        adapted = session.model(ids).logits
        with session.base():
            assert not torch.equal(session.model(ids).logits, adapted)


def test_what_overwrote_its_base_has_it_loaded_beside(tmp_path: Path) -> None:
    session = load(exported(Full(), tmp_path))
    errors = io.StringIO()
    pair = open_pair(session, Context(err=Console(file=errors, width=300)))
    assert pair.beside is not None
    assert str(tmp_path / "base") in errors.getvalue()
    answers = pair.generate(PROMPT, max_new_tokens=6, chat=False)
    assert answers.base == load(tmp_path / "base").generate(PROMPT, max_new_tokens=6, chat=False)
    assert answers.adapted == session.generate(PROMPT, max_new_tokens=6, chat=False)
    with pytest.raises(afinar.ModelError), session.base():
        pass


def test_sampling_uses_one_seed_for_both(tmp_path: Path) -> None:
    technique = create(LoRA(r=2))
    tiny_model(seed=3).save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    model = technique.attach(tiny_model(seed=3))  # untrained: both sides are one model
    technique.export(model, tmp_path / "adapter", base=str(tmp_path / "base"), task="causal")
    torch.manual_seed(1)
    answers = compare(load(tmp_path / "adapter")).generate(PROMPT, max_new_tokens=8, temperature=1.0, seed=5, chat=False)
    assert answers.base == answers.adapted


def test_a_prompt_takes_positions_from_what_a_session_reads(tmp_path: Path) -> None:
    session = load(exported(PromptTuning(virtual_tokens=3), tmp_path))
    assert load(tmp_path / "base").positions == 128
    assert session.positions == 125
