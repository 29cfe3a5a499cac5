"""The recipe of afinar-mini: its tokenizer, its blocks, and a few steps of it that resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipes import embedded_model

TEXTS = [f"Não há informação: a manhã de {i} foi às pressas, coração à mão, João." for i in range(60)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in embedded_model.SETS:
        (tmp_path / name).mkdir()
        for split, texts in (("train", TEXTS), ("valid", TEXTS[:5])):
            lines = "".join(json.dumps({"text": f"{name} {text}"}, ensure_ascii=False) + "\n" for text in texts)
            (tmp_path / name / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_the_tokenizer_gives_back_any_text_and_knows_accents() -> None:
    tokenizer = embedded_model.make_tokenizer(TEXTS, vocab_size=400)
    for text in ("Não há informação", "  dois  espaços\n\ne linhas\t", "emoji 🙂 中文 R$ 1.234,56", ""):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer(" informação")["input_ids"]) == 1
    assert len(tokenizer("1234")["input_ids"]) == 4
    assert tokenizer("<|fim|>")["input_ids"] == [tokenizer.eos_token_id]
    assert len({tokenizer.eos_token_id, tokenizer.pad_token_id}) == 2


def test_the_chat_template_marks_what_is_generated() -> None:
    tokenizer = embedded_model.make_tokenizer(TEXTS, vocab_size=400)
    messages = [{"role": "user", "content": "Oi"}, {"role": "assistant", "content": "Olá!"}]
    told = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    answer = [i for i, marked in zip(told["input_ids"], told["assistant_masks"], strict=True) if marked]
    assert tokenizer.decode(answer) == "Olá!<|fim|>"
    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, tokenize=True, return_dict=True)
    assert told["input_ids"][: len(prompt["input_ids"])] == prompt["input_ids"]
    with pytest.raises(Exception, match="tool"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}])


def test_a_short_run_is_a_model_and_resumes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_model, "WARM_UP_STEPS", 2)
    command = ["embedded_model", "--data", str(data), "--length", "64", "--batch", "8", "--epochs", "1", "--threads", "1"]

    def run(out: str, *more: str) -> dict[str, torch.Tensor]:
        monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path / out), *more])
        embedded_model.main()
        model = AutoModelForCausalLM.from_pretrained(tmp_path / out)
        assert model.dtype == torch.bfloat16
        assert len(AutoTokenizer.from_pretrained(tmp_path / out)) == model.config.vocab_size
        return dict(model.state_dict())

    whole = run("a")
    steps = sorted(path.name for path in (tmp_path / "a_run").glob("checkpoint-*"))
    assert steps
    (tmp_path / "a_run").rename(tmp_path / "b_run")
    again = run("b", "--resume")  # from its last step: nothing left to do but write the model
    assert all(torch.equal(whole[name], again[name]) for name in whole)
