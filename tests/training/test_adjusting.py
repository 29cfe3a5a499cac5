"""Settings that change the tokenizer, or a mixture's router."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from afinar import SFTConfig
from afinar.errors import ConfigError
from afinar.models.causal import supervise
from afinar.training.adjusting import adjust_router, adjusted_tokenizer
from tests.tiny import tiny_model, tiny_tokenizer


def config(tmp_path: Path, **settings: Any) -> SFTConfig:
    return SFTConfig(str(tmp_path), use_cpu=True, **settings)


def test_tokens_are_taken_from_the_vocabulary(tmp_path: Path) -> None:
    given = tiny_tokenizer()
    tokenizer = adjusted_tokenizer(given, config(tmp_path, eos_token="<|user|>", pad_token="<|system|>"))
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|user|>", "<|system|>")
    assert (given.eos_token, given.pad_token) == ("<eos>", "<pad>")  # the caller's own stays as it is
    assert adjusted_tokenizer(given, config(tmp_path)) is given
    for name in ("eos_token", "pad_token"):
        with pytest.raises(ConfigError) as error:
            adjusted_tokenizer(tokenizer, config(tmp_path, **{name: "<no such>"}))
        assert error.value.key == "names.token_missing"
    assert tokenizer.eos_token == "<|user|>"


def test_a_template_comes_from_a_file_or_another_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "turns.jinja").write_text("{{ messages[0]['content'] }}!", encoding="utf-8")
    tokenizer = tiny_tokenizer(chat=False)
    tokenizer = adjusted_tokenizer(tokenizer, config(tmp_path, chat_template_path=str(tmp_path / "turns.jinja")))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "oi"}], tokenize=False) == "oi!"
    tiny_tokenizer().save_pretrained(tmp_path / "other")
    tokenizer = adjusted_tokenizer(tokenizer, config(tmp_path, chat_template_path=str(tmp_path / "other")))
    assert tokenizer.chat_template == tiny_tokenizer().chat_template


def test_without_a_template_there_it_says_so(tmp_path: Path) -> None:
    tiny_tokenizer(chat=False).save_pretrained(tmp_path / "bare")
    for path in (tmp_path / "none.jinja", tmp_path / "bare"):
        with pytest.raises(ConfigError) as error:
            adjusted_tokenizer(tiny_tokenizer(), config(tmp_path, chat_template_path=str(path)))
        assert error.value.key == "names.chat_template_path"


def test_a_template_with_tokens_of_its_own_is_refused(tmp_path: Path) -> None:
    other = tiny_tokenizer()
    other.add_special_tokens({"additional_special_tokens": ["<|turn|>"]}, replace_extra_special_tokens=False)
    other.chat_template = "<|turn|>{{ messages[0]['content'] }}"
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ConfigError) as error:
        adjusted_tokenizer(tiny_tokenizer(), config(tmp_path, chat_template_path=str(tmp_path / "other")))
    assert error.value.key == "names.new_tokens"
    assert "<|turn|>" in error.value.message


@pytest.mark.parametrize("architecture", ["mixtral", "qwen3_moe"])
def test_the_router_s_loss_has_the_weight_that_is_asked(architecture: str, tmp_path: Path) -> None:
    ids = torch.arange(3, 13)[None]

    def loss(weight: float | None, on: bool) -> float:
        torch.manual_seed(0)
        sizes = {"hidden_size": 32, "intermediate_size": 16, "moe_intermediate_size": 16, "num_hidden_layers": 1}
        heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_experts_per_tok": 1, "output_router_logits": on}
        own = AutoConfig.for_model(architecture, vocab_size=64, num_experts=2, num_local_experts=2, **sizes, **heads)
        model = AutoModelForCausalLM.from_config(own)
        adjust_router(model, config(tmp_path, router_aux_loss_coef=weight))
        return supervise(model)(input_ids=ids, labels=ids).loss.item()

    plain, own, doubled, off = loss(None, False), loss(0.01, False), loss(0.02, True), loss(0.0, True)
    assert own > plain
    assert doubled - plain == pytest.approx(2 * (own - plain), rel=1e-2)
    assert off == plain


def test_a_dense_model_has_no_router(tmp_path: Path) -> None:
    model = tiny_model()
    before = model.config.to_dict()
    adjust_router(model, config(tmp_path, router_aux_loss_coef=0.5))
    assert model.config.to_dict() == before
