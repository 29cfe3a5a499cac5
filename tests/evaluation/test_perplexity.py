from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from afinar.data.collate import Collator
from afinar.data.examples import Examples
from afinar.errors import DataError
from afinar.evaluation.perplexity import causal_rows as causal_sums
from afinar.evaluation.perplexity import evaluate_causal
from afinar.evaluation.signature import row_signature
from afinar.metrics.intervals import bootstrap_perplexity
from afinar.models.causal import supervise
from tests.evaluation.rows import causal_rows
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer


def reference(model, rows: Examples) -> dict[str, float]:
    """Row by row, from the full logits, without padding."""
    losses, correct, n_bytes = [], 0, 0
    for example in rows.examples:
        ids = torch.tensor(example.input_ids[None].astype("int64"))
        logits = model(input_ids=ids).logits[0, :-1].double()
        targets = torch.tensor(example.labels[1:].astype("int64"))
        kept = targets != -100
        losses += F.cross_entropy(logits[kept], targets[kept], reduction="none").tolist()
        correct += int((logits.argmax(-1) == targets)[kept].sum())
        n_bytes += example.n_bytes
    loss = math.fsum(losses) / len(losses)
    return {
        "loss": loss,
        "perplexity": math.exp(loss),
        "token_accuracy": correct / len(losses),
        "bits_per_byte": math.fsum(losses) / math.log(2) / n_bytes,
        "n": len(rows),
        "tokens": len(losses),
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_metrics_equal_a_row_by_row_reference(architecture):
    model, rows = tiny_model(architecture), causal_rows()
    with torch.no_grad():
        expected = reference(model, rows)
    metrics = evaluate_causal(model, rows, Collator(0), batch_tokens=50)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert metrics["perplexity_low"] < metrics["perplexity"] < metrics["perplexity_high"]


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
@pytest.mark.parametrize("pad", [0, 2])
def test_batches_and_padding_do_not_change_the_result(batch_tokens, pad):
    model, rows = supervise(tiny_model()), causal_rows(20)
    expected = evaluate_causal(model, rows, Collator(0), batch_tokens=64)
    assert evaluate_causal(model, rows, Collator(pad), batch_tokens=batch_tokens) == pytest.approx(expected, rel=1e-5)


def test_the_interval_is_over_rows_and_repeats_with_the_seed():
    model, rows = tiny_model(), causal_rows(20)
    first = evaluate_causal(model, rows, Collator(0), seed=1)
    assert first == evaluate_causal(model, rows, Collator(0), seed=1)
    sums = causal_sums(model, rows, Collator(0))
    expected = bootstrap_perplexity(sums.losses.tolist(), sums.tokens.tolist(), seed=1)
    assert (first["perplexity_low"], first["perplexity_high"]) == pytest.approx(expected)
    twin = Examples([*rows.examples[:1]] * 5, format=rows.format, task=rows.task)  # equal rows leave no doubt
    same = evaluate_causal(model, twin, Collator(0))
    assert same["perplexity_low"] == pytest.approx(same["perplexity_high"], rel=1e-5)


def test_one_row_has_no_interval():
    metrics = evaluate_causal(tiny_model(), causal_rows(1), Collator(0))
    assert metrics["n"] == 1
    assert "perplexity_low" not in metrics


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_sums_are_kept_row_by_row(batch_tokens):
    model, examples = supervise(tiny_model()), causal_rows(12)
    rows = causal_sums(model, examples, Collator(0), batch_tokens=batch_tokens)
    for index, example in enumerate(examples.examples):
        if not example.supervised_tokens:
            continue
        alone = evaluate_causal(model, examples.take([index]), Collator(0))
        assert rows.losses[index] / rows.tokens[index] == pytest.approx(alone["loss"], rel=1e-5)
        assert rows.correct[index] / rows.tokens[index] == alone["token_accuracy"]
        assert rows.tokens[index] == example.supervised_tokens
        assert rows.n_bytes[index] == example.n_bytes
    assert rows.places == tuple(("rows.jsonl", line) for line in range(1, 13))


def test_signature_says_how_rows_were_made():
    tokenizer = tiny_tokenizer()
    how = {"format": "prompt_completion", "max_length": 64}
    made = [
        row_signature(tiny_model(), tokenizer, **how),
        row_signature(tiny_model(), tokenizer, **how | {"max_length": 32}),
        row_signature(tiny_model(), tokenizer, **how | {"format": "messages"}),
        row_signature(tiny_model(), tokenizer, **how | {"format": "text"}),
        row_signature(tiny_model(), tokenizer, **how | {"format": "text"}, blocks=True),
        row_signature(tiny_model(), tiny_tokenizer(chat=False), **how),
        row_signature(tiny_model().bfloat16(), tokenizer, **how),
    ]
    assert len({str(signature) for signature in made}) == len(made)
    assert str(made[0]).startswith("perplexity|level:token|scope:row|format:prompt_completion|cut:64|bos:no|eos:yes|")
    assert "|chat:no|" in str(made[3])
    rows = causal_sums(tiny_model(), causal_rows(3), Collator(0), signature=made[0])
    assert rows.signature == made[0]


def test_no_logits_are_held():
    model, examples, seen = tiny_model(), causal_rows(), []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    evaluate_causal(model, examples, Collator(0))
    supervised = sum(example.supervised_tokens for example in examples.examples)
    assert sum(shape[:-1].numel() for shape in seen) <= supervised < len(examples) * max(examples.lengths)


def test_progress_reaches_the_number_of_rows():
    calls: list[tuple[int, int]] = []
    evaluate_causal(tiny_model(), causal_rows(9), Collator(0), batch_tokens=40, on_batch=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert calls[-1] == (9, 9)


def test_dropout_is_off_and_training_goes_on_afterwards():
    model = tiny_model("gpt2", resid_pdrop=0.5, embd_pdrop=0.5).train()
    first = evaluate_causal(model, causal_rows(), Collator(0))
    assert first == evaluate_causal(model, causal_rows(), Collator(0))
    assert model.training
    ids = torch.tensor([[5, 6, 7]])
    model(input_ids=ids, labels=ids).loss.backward()  # nothing cached by the evaluation stands in the way


def test_nothing_supervised_is_an_error():
    rows = causal_rows(2)
    for example in rows.examples:
        example.labels[:] = -100
    with pytest.raises(DataError) as caught:
        evaluate_causal(tiny_model(), rows, Collator(0))
    assert caught.value.key == "evaluation.no_tokens"
