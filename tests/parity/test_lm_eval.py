"""Perplexity and bits per byte equal what lm-evaluation-harness makes of the same texts, from files to numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing

from afinar.data.collate import Collator
from afinar.data.prepare import prepare_source
from afinar.evaluation.perplexity import evaluate_causal
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.models.causal import supervise
from tests.tiny import tiny_model, tiny_tokenizer

huggingface = pytest.importorskip("lm_eval.models.huggingface")
instance = pytest.importorskip("lm_eval.api.instance")

TEXTS = ["O velho relógio parou às três.", "Já não chove", "Ela abriu a carta, leu-a e sorriu — sem dizer palavra."]
PAIRS = [("Capital do Brasil?", " Brasília"), ("2 + 2 =", " quatro, é claro"), ("Diga oi.", " Oi! 🙂")]


def harness(model: Any, tokenizer: Any) -> Any:
    # Without add_bos_token=False a text would begin with two BOS, and the second would be scored as a part of it.
    return huggingface.HFLM(
        pretrained=model,
        tokenizer=tokenizer,
        backend="causal",
        softmax_dtype="float32",
        add_bos_token=False,
        batch_size=2,
        device="cpu",
    )


def log_likelihoods(method: Callable[..., Any], requests: list[tuple[str, ...]]) -> list[Any]:
    kind = method.__name__
    made = [instance.Instance(kind, {}, arguments, index) for index, arguments in enumerate(requests)]
    return method(made, disable_tqdm=True)


def write(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def tokenizer() -> Any:
    """Byte tokens, BOS before each text, no chat template: a prompt and its completion are one text."""
    made = tiny_tokenizer(chat=False)
    made.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return made


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "opt"])
def test_texts_equal_rolling_log_likelihoods(architecture, tokenizer, tmp_path):
    model = supervise(tiny_model(architecture))
    rows = prepare_source(write(tmp_path / "a.jsonl", [{"text": t} for t in TEXTS]), tokenizer, task="causal", max_length=128)
    ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id))
    # the harness begins each text with BOS itself; afinar also scores the EOS, which a model must learn to put
    theirs = -math.fsum(log_likelihoods(harness(model, tokenizer).loglikelihood_rolling, [(t + "<eos>",) for t in TEXTS]))
    n_bytes = sum(len(t.encode()) for t in TEXTS)
    assert ours["tokens"] == n_bytes + len(TEXTS)
    assert ours["loss"] == pytest.approx(theirs / ours["tokens"], rel=1e-6)
    assert ours["perplexity"] == pytest.approx(math.exp(theirs / ours["tokens"]), rel=1e-5)
    assert ours["bits_per_byte"] == pytest.approx(theirs / math.log(2) / n_bytes, rel=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_completions_equal_conditional_log_likelihoods(architecture, tokenizer, tmp_path):
    model = supervise(tiny_model(architecture))
    source = write(tmp_path / "a.jsonl", [{"prompt": p, "completion": c} for p, c in PAIRS])
    rows = prepare_source(source, tokenizer, task="causal", max_length=128)
    ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id), batch_tokens=64)
    requests = [("<bos>" + prompt, completion + "<eos>") for prompt, completion in PAIRS]
    scored = log_likelihoods(harness(model, tokenizer).loglikelihood, requests)
    assert ours["tokens"] == sum(len(c.encode()) + 1 for _, c in PAIRS)
    assert ours["loss"] == pytest.approx(-math.fsum(ll for ll, _ in scored) / ours["tokens"], rel=1e-6)


def test_an_adapter_is_scored_on_and_off(tokenizer, tmp_path):
    import torch

    model, method = supervise(tiny_model()), create(LoRA(r=2))
    method.attach(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    rows = prepare_source(write(tmp_path / "a.jsonl", [{"text": t} for t in TEXTS]), tokenizer, task="causal", max_length=128)

    def both() -> tuple[float, float]:
        ours = evaluate_causal(model, rows, Collator(tokenizer.pad_token_id))
        theirs = log_likelihoods(harness(model, tokenizer).loglikelihood_rolling, [(t + "<eos>",) for t in TEXTS])
        assert ours["loss"] == pytest.approx(-math.fsum(theirs) / ours["tokens"], rel=1e-6)
        return ours["loss"], math.fsum(theirs)

    adapted = both()
    with method.disabled(model):
        base = both()
    assert abs(base[0] - adapted[0]) > 1e-3
