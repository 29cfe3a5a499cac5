"""The comparison of two models: its figures against sums written out here, its verdicts, and the rows that it keeps to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from afinar.data.collate import Collator
from afinar.data.examples import IGNORED, Example, Examples
from afinar.errors import DataError, ModelError
from afinar.evaluation.perplexity import evaluate_causal
from afinar.models.heads import classify
from afinar.run.parity import Parity, compare, record
from tests.tiny import VOCAB, tiny_model

COLLATOR = Collator(0)


def answers(*lengths: int) -> Examples:
    """Rows whose first two tokens are the prompt."""
    torch.manual_seed(1)
    made = []
    for line, length in enumerate(lengths):
        ids = torch.randint(3, VOCAB, (length,)).numpy()
        labels = np.where(np.arange(length) < 2, IGNORED, ids)
        made.append(Example(ids, labels, 2, length, "x.jsonl", line))
    return Examples(made, format="messages", task="causal")


def test_figures_of_a_causal_model() -> None:
    ours, other, rows = tiny_model(seed=1), tiny_model(seed=2), answers(5, 9, 3)
    parity = compare(record(ours, rows, COLLATOR), other, COLLATOR)
    differences, same, losses = [], [], [0.0, 0.0]
    for example in rows.examples:
        ids = torch.tensor(example.input_ids)[None]
        with torch.no_grad():
            both = [model(ids).logits[0, 1:-1] for model in (ours, other)]  # positions that predict the third token and on
        differences.append((both[0] - both[1]).abs().flatten())
        same.append(both[0].argmax(-1) == both[1].argmax(-1))
        for side, logits in enumerate(both):
            losses[side] += F.cross_entropy(logits, ids[0, 2:], reduction="sum").item()
    assert (parity.rows, parity.tokens) == (3, 3 + 7 + 1)
    assert parity.max_difference == pytest.approx(torch.cat(differences).max().item(), rel=1e-4)
    assert parity.mean_difference == pytest.approx(torch.cat(differences).mean().item(), rel=1e-4)
    assert parity.top1_agreement == pytest.approx(torch.cat(same).float().mean().item())
    assert parity.scores["perplexity"] == pytest.approx([math.exp(loss / 11) for loss in losses], rel=1e-4)


def test_the_perplexity_is_that_of_an_evaluation() -> None:
    model, rows = tiny_model(), answers(6, 4, 8)
    parity = compare(record(model, rows, COLLATOR), model, COLLATOR)
    assert parity.scores["perplexity"][1] == pytest.approx(evaluate_causal(model, rows, COLLATOR)["perplexity"], rel=1e-5)
    assert (parity.max_difference, parity.top1_agreement, parity.verdict) == (0, 1, "same")


def test_figures_of_a_classifier() -> None:
    ours, other = (classify(tiny_model(task="classification", num_labels=3, seed=seed)) for seed in (1, 2))
    plain = answers(4, 7, 5, 6).examples
    labelled = [Example(e.input_ids, line % 3, 0, 0, e.path, line) for line, e in enumerate(plain)]
    rows = Examples(labelled, format="classification", task="classification", label_names="abc")
    parity = compare(record(ours, rows, COLLATOR), other, COLLATOR)
    with torch.no_grad():
        both = [torch.cat([model(torch.tensor(e.input_ids)[None]).logits for e in plain]) for model in (ours, other)]
    labels = torch.tensor([0, 1, 2, 0])
    assert parity.tokens == parity.rows == 4
    assert parity.max_difference == pytest.approx((both[0] - both[1]).abs().max().item(), rel=1e-4)
    assert parity.top1_agreement == (both[0].argmax(1) == both[1].argmax(1)).float().mean().item()
    assert parity.scores["accuracy"] == tuple((logits.argmax(1) == labels).float().mean().item() for logits in both)
    assert parity.scores["loss"] == pytest.approx([F.cross_entropy(logits, labels).item() for logits in both], rel=1e-4)
    assert parity.change == 1 - parity.top1_agreement
    unlabelled = compare(record(ours, rows, COLLATOR, labelled=False), other, COLLATOR)
    assert unlabelled.scores == {}
    assert unlabelled.max_difference == parity.max_difference


def test_only_as_many_rows_as_fit() -> None:
    model, rows = tiny_model(), answers(2, 12, 4, 5)  # 0, 10, 2 and 3 positions
    assert [len(logits) for logits in record(model, rows, COLLATOR, most_bytes=12 * 4 * VOCAB).logits] == [10, 2]
    assert [len(logits) for logits in record(model, rows, COLLATOR, most_bytes=1).logits] == [10]
    with pytest.raises(DataError) as caught:
        record(model, answers(2, 1), COLLATOR)
    assert caught.value.key == "evaluation.no_rows"


def parity(perplexities: tuple[float, float], largest: float = 0.5, agreement: float = 0.97) -> Parity:
    return Parity(1, 10, largest, 0.1, agreement, {"perplexity": perplexities})


def test_verdicts() -> None:
    assert parity((20.0, 20.0), largest=1e-5, agreement=1.0).verdict == "same"
    assert parity((20.0, 20.1)).verdict == "close"
    assert parity((20.0, 19.0)).verdict == "differs"
    assert parity((20.0, 20.1), agreement=0.9).verdict == "differs"  # as good, but other answers
    assert parity((20.0, 19.0)).as_json()["perplexity"] == {"adapted": 20.0, "written": 19.0}


def test_what_is_not_accepted() -> None:
    parity((20.0, 21.9)).check(0.1)
    with pytest.raises(ModelError) as caught:
        parity((20.0, 23.0)).check(0.1)
    assert caught.value.key == "exporting.not_the_same"
    assert "15.0%" in str(caught.value)
    with pytest.raises(ModelError) as caught:
        parity((20.0, math.nan), largest=math.nan).check(math.inf)
    assert caught.value.key == "exporting.not_finite"


def test_a_model_that_overflows_is_seen() -> None:
    model, rows = tiny_model(), answers(5, 6)
    recorded = record(model, rows, COLLATOR)
    with torch.no_grad():
        model.get_output_embeddings().weight[7, 0] = math.nan
    assert math.isnan(compare(recorded, model, COLLATOR).max_difference)
