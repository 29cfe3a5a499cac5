"""afinar-mini as it ships: small, in bfloat16, with a tokenizer for Portuguese, and better than chance."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors import safe_open

from afinar.models import embedded
from afinar.run import Session, evaluate, load

NEWS = [
    "O governo anunciou ontem que o preço da gasolina vai subir a partir da próxima semana em todo o país.",
    "O ministro disse que a inflação deve cair nos próximos meses, mas que ainda é cedo para comemorar.",
    "A seleção brasileira jogou bem no primeiro tempo e venceu a partida por dois a zero.",
]


@pytest.fixture(scope="module")
def mini() -> Session:
    return load(embedded.NAME, offline=True)


def test_its_size_and_precision(mini: Session) -> None:
    assert 4e6 <= mini.model.num_parameters() <= 8e6
    with safe_open(embedded.path() / "model.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118  not a dict
    assert (embedded.path() / "README.md").is_file()


def test_its_tokenizer_was_made_for_portuguese(mini: Session) -> None:
    text = "A educação não é privilégio: as crianças também aprendem português às terças-feiras."
    ids = mini.tokenizer(text)["input_ids"]
    assert mini.tokenizer.decode(ids) == text
    assert len(text.encode()) / len(ids) > 3.3  # bytes per token; accents are not split into bytes
    assert 7000 < len(mini.tokenizer) < 9000
    assert mini.tokenizer.pad_token_id != mini.tokenizer.eos_token_id


def test_it_predicts_running_text_far_better_than_chance(mini: Session) -> None:
    metrics = evaluate(mini, [{"text": text} for text in NEWS])["base"]
    assert metrics["perplexity"] < 250  # of 8,192 tokens
    shuffled = evaluate(mini, [{"text": " ".join(reversed(text.split()))} for text in NEWS])["base"]
    assert metrics["loss"] < shuffled["loss"] - math.log(2)


def test_it_continues_text_without_its_chat_template(mini: Session) -> None:
    assert mini.running_text
    assert mini.encode("O governo") == mini.tokenizer("O governo")["input_ids"]
    assert mini.generate("O governo", max_new_tokens=8).strip()
