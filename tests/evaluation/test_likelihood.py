"""Log-likelihoods against a plain forward pass; tests/parity/test_lm_eval.py holds them against the harness."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tokenizers import normalizers
from tokenizers.processors import TemplateProcessing
from transformers import MixtralConfig, MixtralForCausalLM

from afinar.errors import DataError, ModelError
from afinar.evaluation.likelihood import PairEncoder, log_likelihoods, score_pairs, start_id
from tests.tiny import tiny_model, tiny_tokenizer

SMALL = {"vocab_size": 288, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64}  # fmt: skip
PAIRS = [("A capital é", " Brasília"), ("", "Não chove."), ("O gato ", "dorme"), ("x", "y"), ("   ", "só")]


def plainly(model: Any, ids: list[int], count: int) -> float:
    """The sum by the model's own logits, one row at a time."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0].float()
    picked = logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]]
    return picked[len(picked) - count :].double().sum().item()


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "opt"])
@pytest.mark.parametrize("batch_tokens", [1, 4096])
def test_sums_are_those_of_the_models_own_logits(architecture, batch_tokens):
    model, tokenizer = tiny_model(architecture), tiny_tokenizer()
    found = log_likelihoods(model, tokenizer, PAIRS, batch_tokens=batch_tokens)
    for (context, text), likely in zip(PAIRS, found, strict=True):
        ids = tokenizer(context + text).input_ids
        ids = ids if context.strip() else [1, *ids]
        scored = context[len(context.rstrip()) :] + text
        assert likely.nats == pytest.approx(plainly(model, ids, len(scored.encode())), rel=1e-5)
        assert likely.tokens == likely.n_bytes == len(scored.encode())
        assert likely.context_cut == 0


def test_a_mixture_of_experts_gives_no_more_than_its_likelihoods():
    """Its router's loss is on in the config, and the labels are one longer than what is read."""
    torch.manual_seed(0)
    model = MixtralForCausalLM(MixtralConfig(num_local_experts=4, output_router_logits=True, **SMALL)).eval()
    tokenizer = tiny_tokenizer()
    found = log_likelihoods(model, tokenizer, [("", "a" * 64), ("Oi", " você")])
    assert found[0].nats == pytest.approx(plainly(model, [1, *tokenizer("a" * 64).input_ids], 64), rel=1e-5)
    assert found[1].nats == pytest.approx(plainly(model, tokenizer("Oi você").input_ids, 6), rel=1e-5)


def test_greedy_says_whether_the_model_would_have_said_it():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    with torch.no_grad():
        first = int(model(input_ids=torch.tensor([[40]])).logits[0, -1].argmax())
        second = int(model(input_ids=torch.tensor([[40, first]])).logits[0, -1].argmax())
    encoded = [PairEncoder(tokenizer).encode("", "abc")]
    right, wrong = (type(encoded[0])([40, first, last], 2, 2) for last in (second, second - 1 if second else second + 1))
    assert [likely.greedy for likely in score_pairs(model, tokenizer, [right, wrong])] == [True, False]


def test_all_texts_of_one_token_make_up_all_probability():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    pairs = [type(PairEncoder(tokenizer).encode("a", "b"))([40, 50, token], 1, 1) for token in range(288)]
    found = score_pairs(model, tokenizer, pairs)
    assert sum(math.exp(likely.nats) for likely in found) == pytest.approx(1, abs=1e-5)
    assert sum(likely.greedy for likely in found) == 1


def test_a_text_as_long_as_the_model_reads_is_scored_and_a_longer_context_is_cut_at_its_start():
    model, tokenizer = tiny_model("gpt2"), tiny_tokenizer()  # GPT-2 has no position beyond its last
    full, cut = log_likelihoods(model, tokenizer, [("", "a" * 128), ("b" * 100, "a" * 60)])
    assert (full.tokens, full.context_cut) == (128, 0)
    assert (cut.tokens, cut.context_cut) == (60, 31)
    ids = tokenizer("b" * 69 + "a" * 60).input_ids
    assert cut.nats == pytest.approx(plainly(model, ids, 60), rel=1e-5)


def test_a_text_longer_than_the_model_reads_is_an_error():
    with pytest.raises(DataError) as caught:
        log_likelihoods(tiny_model(), tiny_tokenizer(), [("a", "b" * 129)])
    assert (caught.value.key, caught.value.values) == ("evaluation.long_text", {"tokens": 129, "positions": 128})


@pytest.mark.parametrize("context", ["", "Oi"])
def test_a_text_without_a_token_is_an_error(context):
    with pytest.raises(DataError) as caught:
        log_likelihoods(tiny_model(), tiny_tokenizer(), [(context, "")])
    assert caught.value.key == "evaluation.nothing_to_score"


def test_a_classifier_is_refused():
    with pytest.raises(ModelError) as caught:
        log_likelihoods(tiny_model(task="classification"), tiny_tokenizer(), [("a", "b")])
    assert caught.value.key == "models.no_lm_head"


def framed(single: str) -> Any:
    tokenizer = tiny_tokenizer()
    specials = [("<bos>", 1), ("<eos>", 2)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=specials)
    return tokenizer


@pytest.mark.parametrize("single", ["$A", "<bos> $A", "<bos> $A <eos>", "$A <eos>"])
def test_the_text_alone_is_scored_whatever_the_tokenizer_puts_around(single):
    encoder = PairEncoder(framed(single))
    bare = tiny_tokenizer()
    bos = [1] if "<bos>" in single else []
    pair = encoder.encode("Oi", " você")
    assert (pair.ids, pair.count) == ([*bos, *bare("Oi você").input_ids], 6)
    alone = encoder.encode("", "você")
    assert (alone.ids, alone.count) == ([1, *bare("você").input_ids], 5)


def test_a_text_written_with_its_bos_gets_no_second_one():
    encoder = PairEncoder(framed("<bos> $A"))
    assert encoder.encode("<bos>Oi", " já") == encoder.encode("Oi", " já")
    assert encoder.encode("", "<bos>já").ids == encoder.encode("", "já").ids


def test_eos_stands_in_where_there_is_no_bos_and_without_both_it_is_an_error():
    tokenizer = tiny_tokenizer()
    tokenizer.bos_token = None
    assert start_id(tokenizer) == 2
    assert PairEncoder(tokenizer).encode("", "a").ids[0] == 2
    tokenizer.eos_token = None
    assert PairEncoder(tokenizer).encode("Oi", " já").count == 4
    with pytest.raises(DataError) as caught:
        PairEncoder(tokenizer).encode("", "a")
    assert caught.value.key == "data.no_eos"


def test_a_context_that_the_tokenizer_drops_is_no_context():
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("\u200b", "")
    encoder = PairEncoder(tokenizer)
    assert encoder.encode("\u200b", "já") == encoder.encode("", "já")


def test_progress_reaches_the_number_of_pairs():
    calls: list[tuple[int, int]] = []
    log_likelihoods(tiny_model(), tiny_tokenizer(), PAIRS, batch_tokens=20, on_batch=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls[-1] == (5, 5)


def test_no_pairs_give_nothing():
    assert log_likelihoods(tiny_model(), tiny_tokenizer(), []) == []
