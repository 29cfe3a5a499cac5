from __future__ import annotations

import json

import pytest
import torch

from afinar.data.collate import Collator
from afinar.data.examples import Examples
from afinar.errors import DataError
from afinar.evaluation.classify import ASKED_ACCURACIES, class_logits, describe_classifier, evaluate_classifier, predict
from afinar.metrics.intervals import wilson
from afinar.models.heads import classify
from tests.evaluation.rows import LABELS, class_rows
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def model():
    return classify(tiny_model("llama", "classification", num_labels=3))


def alone(model, rows: Examples) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor(e.input_ids[None].astype("int64"))).logits for e in rows.examples])


@pytest.mark.parametrize("batch_tokens", [1, 30, 10_000])
@pytest.mark.parametrize("side", ["right", "left"])
def test_logits_come_in_the_order_of_the_rows(model, batch_tokens, side):
    rows = class_rows(17)
    logits = class_logits(model, rows, Collator(2, side), batch_tokens=batch_tokens)
    torch.testing.assert_close(logits, alone(model, rows), rtol=0, atol=2e-6)


def test_metrics_and_predictions_agree_with_each_other(model):
    rows = class_rows(40)
    logits = alone(model, rows)
    labels = torch.tensor([e.labels for e in rows.examples])
    metrics, predictions = evaluate_classifier(model, rows, Collator(0), batch_tokens=30)
    correct = int((logits.argmax(1) == labels).sum())
    assert metrics["accuracy"] == correct / 40
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == wilson(correct, 40)
    assert metrics["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert metrics["n"] == 40
    for row, (prediction, example) in enumerate(zip(predictions, rows.examples, strict=True)):
        probabilities = logits[row].softmax(0)
        assert prediction["line"] == example.line
        assert prediction["path"] == "rows.csv"
        assert prediction["label"] == LABELS[example.labels]
        assert prediction["prediction"] == LABELS[int(probabilities.argmax())]
        assert prediction["probability"] == pytest.approx(probabilities.max().item(), rel=1e-5)
        assert list(prediction["probabilities"]) == list(LABELS)
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)


def test_rows_carry_what_a_comparison_needs(model):
    rows = class_rows(40)
    metrics, predictions = evaluate_classifier(model, rows, Collator(0), batch_tokens=30)
    assert sum(prediction["loss"] for prediction in predictions) / 40 == pytest.approx(metrics["loss"], rel=1e-12)
    expected = torch.nn.functional.cross_entropy(alone(model, rows), torch.tensor([e.labels for e in rows.examples]))
    assert metrics["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert metrics["loss_low"] < metrics["loss"] < metrics["loss_high"]
    assert metrics == evaluate_classifier(model, rows, Collator(0), batch_tokens=30)[0]


def test_a_description_has_the_tables(model):
    metrics, predictions = evaluate_classifier(model, class_rows(60), Collator(0))
    described = describe_classifier(predictions, LABELS)
    assert json.loads(json.dumps(described, allow_nan=False))["confusion"] == described["confusion"]  # plain values alone
    assert described["labels"] == list(LABELS)
    assert sum(map(sum, described["confusion"])) == 60
    assert sum(described["confusion"][place][place] for place in range(3)) / 60 == pytest.approx(metrics["accuracy"])
    assert [one["label"] for one in described["per_class"]] == list(LABELS)
    assert [one["support"] for one in described["per_class"]] == [sum(counts) for counts in described["confusion"]]
    assert sum(part["n"] for part in described["calibration"]) == 60
    coverage = [point["coverage"] for point in described["coverage"]]
    assert len(coverage) == 20
    assert coverage == sorted(coverage)
    assert (described["coverage"][-1]["kept"], described["coverage"][-1]["accuracy"]) == (60, metrics["accuracy"])
    assert [one["asked"] for one in described["abstaining"]] == list(ASKED_ACCURACIES)


def test_a_description_of_few_rows_has_the_whole_curve(model):
    _, predictions = evaluate_classifier(model, class_rows(5), Collator(0))
    assert [point["kept"] for point in describe_classifier(predictions, LABELS)["coverage"]] == [1, 2, 3, 4, 5]


def test_a_description_of_a_model_that_gives_nan_has_no_thresholds(model):
    _, predictions = evaluate_classifier(model, class_rows(5), Collator(0))
    predictions[2]["probabilities"] = dict.fromkeys(LABELS, float("nan"))
    described = describe_classifier(predictions, LABELS)
    assert (described["calibration"], described["coverage"], described["abstaining"]) == ([], [], [])
    assert sum(map(sum, described["confusion"])) == 5


def test_predict_needs_no_labels(model):
    rows = class_rows(5)
    _, expected = evaluate_classifier(model, rows, Collator(0))
    predictions = predict(model, [e.input_ids.tolist() for e in rows.examples], Collator(0), LABELS)
    assert [p["prediction"] for p in predictions] == [p["prediction"] for p in expected]
    assert [p["probability"] for p in predictions] == pytest.approx([p["probability"] for p in expected])


def test_progress_reaches_the_number_of_rows(model):
    calls: list[tuple[int, int]] = []
    evaluate_classifier(model, class_rows(9), Collator(0), batch_tokens=20, on_batch=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls[-1] == (9, 9)


def test_no_rows_is_an_error(model):
    for call in (
        lambda: evaluate_classifier(model, class_rows(0), Collator(0)),
        lambda: predict(model, [], Collator(0), LABELS),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert caught.value.key == "evaluation.no_rows"
