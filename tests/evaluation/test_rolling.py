"""Windows over documents; tests/parity/test_lm_eval.py holds the sums against the harness."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from afinar.data.documents import Document
from afinar.errors import ConfigError, DataError, ModelError
from afinar.evaluation.rolling import LONGEST_WINDOW, Rolling, choose_rolling, rolling_rows, rolling_windows
from afinar.methods.base import create
from afinar.methods.config.prefix import PrefixTuning
from tests.tiny import tiny_model, tiny_tokenizer

TEXTS = ["Já não chove.", "a", "Ela abriu a carta, leu-a e sorriu — sem dizer palavra. " * 4]
DOCUMENTS = [Document(text, "a.jsonl", line) for line, text in enumerate(TEXTS, start=1)]


@given(st.integers(0, 60), st.integers(1, 20), st.data())
@settings(max_examples=200)
def test_each_token_is_scored_once_with_the_context_that_the_stride_promises(n, window, data):
    stride = data.draw(st.integers(1, window))
    scored = []
    for part in rolling_windows(np.arange(n), Rolling(window, stride)):
        ids = list(part.ids)
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert len(ids) - 1 <= window  # as many as the model reads
        first = ids[-part.count]
        assert first - ids[0] >= min(first, window - stride + 1)
        scored += ids[-part.count :]
    assert scored == list(range(1, n))


def by_hand(model: Any, ids: list[int], window: int, stride: int) -> tuple[float, int]:
    """Loss and first choices, token by token: each with the context that its window gives it."""
    loss, right = 0.0, 0
    for position in range(1, len(ids)):
        if position <= window:
            context = ids[:position]
        else:
            last = min(len(ids) - 1, window + math.ceil((position - window) / stride) * stride)
            context = ids[last - window : position]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([context])).logits[0, -1].float()
        loss -= logits.log_softmax(-1)[ids[position]].item()
        right += int(logits.argmax()) == ids[position]
    return loss, right


@pytest.mark.parametrize(("window", "stride"), [(128, 128), (50, 50), (50, 20), (16, 1)])
def test_sums_are_those_of_one_token_at_a_time(window, stride):
    model, tokenizer = tiny_model(), tiny_tokenizer()
    found = rolling_rows(model, tokenizer, DOCUMENTS, Rolling(window, stride), batch_tokens=200)
    for row, text in enumerate(TEXTS):
        loss, right = by_hand(model, [1, *tokenizer(text).input_ids], window, stride)
        assert found.losses[row] == pytest.approx(loss, rel=1e-5)
        assert found.correct[row] == right
    sizes = [len(text.encode()) for text in TEXTS]
    assert found.tokens.tolist() == found.n_bytes.tolist() == sizes
    assert found.places == (("a.jsonl", 1), ("a.jsonl", 2), ("a.jsonl", 3))


def test_a_document_that_fits_is_the_same_whatever_the_window():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    whole, sliding = (rolling_rows(model, tokenizer, DOCUMENTS[:2], Rolling(*how)) for how in ((128, 128), (30, 10)))
    assert sliding.losses == pytest.approx(whole.losses, rel=1e-6)


def test_without_bos_the_first_token_is_only_read():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    found = rolling_rows(model, tokenizer, DOCUMENTS, Rolling(128, 128, bos=False))
    loss, _ = by_hand(model, tokenizer(TEXTS[0]).input_ids, 128, 128)
    assert found.losses[0] == pytest.approx(loss, rel=1e-5)
    sizes = [len(text.encode()) for text in TEXTS]
    assert found.tokens.tolist() == [size - 1 for size in sizes]
    # the two bytes of a first "é" would both belong to the first token, so only its own are left out
    assert found.n_bytes.tolist() == [size - 1 for size in sizes]
    assert "|bos:no|" in str(found.signature)


def test_bytes_are_those_of_the_text_as_it_is_written():
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    decomposed = rolling_rows(tiny_model(), tokenizer, [Document("Ja\u0301", "a", 1)])
    assert (decomposed.n_bytes.tolist(), decomposed.tokens.tolist()) == ([4], [3])


def test_signature_says_what_moves_the_number():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    other = tiny_tokenizer()
    other.backend_tokenizer.normalizer = normalizers.NFC()
    no_bos = tiny_tokenizer()
    no_bos.bos_token = None
    made = [
        rolling_rows(model, tokenizer, DOCUMENTS[:1]),
        rolling_rows(model, tokenizer, DOCUMENTS[:1], Rolling(64, 64)),
        rolling_rows(model, tokenizer, DOCUMENTS[:1], Rolling(64, 32)),
        rolling_rows(model, tokenizer, DOCUMENTS[:1], Rolling(64, 32, bos=False)),
        rolling_rows(model, other, DOCUMENTS[:1]),
        rolling_rows(model, no_bos, DOCUMENTS[:1]),
        rolling_rows(tiny_model().bfloat16(), tokenizer, DOCUMENTS[:1]),
    ]
    lines = [str(rows.signature) for rows in made]
    assert len(set(lines)) == len(lines)
    assert lines[0].startswith("perplexity|level:token|window:128|stride:128|bos:yes|eos:no|norm:none|tok:")
    assert "|bos:eos|" in lines[5]
    tokenizer("a", truncation=True, max_length=1, padding="max_length")  # state of a call, not a rule
    assert str(rolling_rows(model, tokenizer, DOCUMENTS[1:2]).signature) == lines[0]


def test_the_window_is_what_the_model_reads_unless_somebody_asks():
    assert choose_rolling(tiny_model()) == Rolling(128, 128)
    assert choose_rolling(tiny_model(), window=64, stride=16) == Rolling(64, 16)
    assert choose_rolling(tiny_model(max_position_embeddings=100_000)) == Rolling(LONGEST_WINDOW, LONGEST_WINDOW)
    model = tiny_model()
    create(PrefixTuning(virtual_tokens=10)).attach(model)
    assert choose_rolling(model).window == 118


@pytest.mark.parametrize(
    ("asked", "key"),
    [({"window": 129}, "evaluation.long_window"), ({"window": 0}, "core.range"), ({"window": 9, "stride": 10}, "core.range")],
)
def test_windows_that_cannot_be_are_errors(asked, key):
    with pytest.raises(ConfigError) as caught:
        choose_rolling(tiny_model(), **asked)
    assert caught.value.key == key


def test_classifiers_and_no_documents_are_errors():
    with pytest.raises(ModelError) as caught:
        rolling_rows(tiny_model(task="classification"), tiny_tokenizer(), DOCUMENTS)
    assert caught.value.key == "models.no_lm_head"
    with pytest.raises(DataError) as empty:
        rolling_rows(tiny_model(), tiny_tokenizer(), [])
    assert empty.value.key == "evaluation.no_rows"
