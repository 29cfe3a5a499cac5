"""Models measured on rows and on tasks, one against another: which rows, which figures, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from afinar.data.documents import Document
from afinar.errors import AfinarError, ConfigError, RefusedError
from afinar.evaluation.rolling import Rolling, rolling_rows
from afinar.methods.base import create
from afinar.methods.config import Full, LoRA
from afinar.models.causal import supervise
from afinar.models.config import ModelConfig
from afinar.run import evaluate
from afinar.run.session import Session
from tests.contracts.cases import scramble
from tests.evaluation.tasks import write_tasks
from tests.tiny import tiny_model, tiny_tokenizer

from .conftest import write_lines

TEXTS = [
    f"a casa {n} é azul e bonita, e a rua {n * 7} é longa; ninguém passa por aqui há {n} anos. " * (1 + n % 3)
    for n in range(8)
]
QUESTIONS = [{"prompt": f"Quanto é {n} mais {n}?", "completion": f"São {2 * n}, é claro."} for n in range(8)]
REVIEWS = [
    {"text": f"livro {n} {word}", "label": label} for n in range(12) for word, label in (("bom", "pos"), ("mau", "neg"))
]


def writer(seed: int = 0, **overrides: Any) -> Session:
    """A plain causal model."""
    model = tiny_model(seed=seed, **overrides)
    supervise(model)
    return Session(model, tiny_tokenizer(), "causal", base_model=ModelConfig(name=f"writer-{seed}"), max_length=100)


def adapted(seed: int = 0) -> Session:
    """The same with a random LoRA on it."""
    session, method = writer(seed), create(LoRA(r=4))
    model = method.attach(session.model)
    scramble(method.state(model))
    return replace(session, model=model, method=method)


def classifier(seed: int = 0, names: tuple[str, ...] = ("neg", "pos")) -> Session:
    """A plain classifier."""
    model = tiny_model(task="classification", seed=seed, num_labels=len(names))
    return Session(model, tiny_tokenizer(), "classification", names, base_model=ModelConfig(name=f"classifier-{seed}"))


def other_tokenizer() -> Session:
    """A causal model whose tokenizer joins letters that the others keep apart."""
    tokenizer = tiny_tokenizer().train_new_from_iterator(TEXTS * 4, 420)
    session = writer(vocab_size=len(tokenizer) + 20)
    return replace(session, tokenizer=tokenizer, base_model=ModelConfig(name="joined"))


# --- one model, and a run against its base -------------------------------------------------------------------------


def test_a_plain_model_has_figures_and_no_comparison() -> None:
    told = evaluate(writer(), QUESTIONS)
    assert told.keys() == {"base", "n", "models", "signatures", "data"}
    assert told["n"] == 8
    assert told["data"] == {
        "source": "<list>", "format": "prompt_completion", "max_length": 100, "truncated": 0, "dropped": 0, "not_shared": 0
    }  # fmt: skip
    assert told["base"]["perplexity_low"] < told["base"]["perplexity"] < told["base"]["perplexity_high"]
    assert "|cut:100|" in told["signatures"]["base"]["perplexity"]


def test_the_base_under_an_adapter_is_the_plain_model() -> None:
    session = adapted()
    told = evaluate(session, QUESTIONS)
    assert told["base"] == pytest.approx(evaluate(writer(), QUESTIONS)["base"])
    assert told["comparison"]["loss"]["difference"] == pytest.approx(told["adapted"]["loss"] - told["base"]["loss"])
    assert told["comparison"]["loss"]["n"] == 8
    again = evaluate(session, QUESTIONS, baseline="base")
    assert again["comparison"] == told["comparison"]
    assert evaluate(session, QUESTIONS, baseline=writer())["comparison"] == told["comparison"]
    alone = evaluate(session, QUESTIONS, baseline="none")
    assert alone["base"] == told["adapted"]
    assert "comparison" not in alone


def test_a_base_that_was_overwritten_is_loaded_beside(tmp_path: Path) -> None:
    tiny_model(seed=1).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    session = replace(writer(2), method=create(Full()), base_model=ModelConfig(name=str(tmp_path), device="cpu"))
    told = evaluate(session, QUESTIONS)
    assert told["base"] == pytest.approx(evaluate(writer(1), QUESTIONS)["base"])
    assert told["adapted"] == pytest.approx(evaluate(writer(2), QUESTIONS)["base"])


def test_rows_that_can_be_read_only_once() -> None:
    told = evaluate(writer(1), iter(QUESTIONS), baseline=writer(2))
    assert told["n"] == 8
    assert told["comparison"] == evaluate(writer(1), QUESTIONS, baseline=writer(2))["comparison"]


def test_a_model_against_itself_differs_in_nothing() -> None:
    for session, rows in ((writer(), QUESTIONS), (classifier(), REVIEWS)):
        told = evaluate(session, rows, baseline=session)
        assert told["base"] == told["adapted"]
        assert {found["difference"] for found in told["comparison"].values()} == {0.0}
        assert {found["finding"] for found in told["comparison"].values()} <= {"no_difference", "too_few"}


def test_one_row_says_nothing_and_is_still_json() -> None:
    told = evaluate(writer(1), QUESTIONS[:1], baseline=writer(2), generate=True, max_new_tokens=4)
    json.dumps(told, allow_nan=False)
    assert {found["finding"] for found in told["comparison"].values()} == {"too_few"}
    assert "low" not in told["comparison"]["loss"]


# --- classifiers ---------------------------------------------------------------------------------------------------


def test_two_classifiers_are_compared_row_by_row(tmp_path: Path) -> None:
    told = evaluate(classifier(1), REVIEWS, baseline=classifier(5), predictions=tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    right = {side: [row["label"] == row["prediction"] for row in rows if row["model"] == side] for side in ("base", "adapted")}
    fixed = sum(after and not before for before, after in zip(*right.values(), strict=True))
    broke = sum(before and not after for before, after in zip(*right.values(), strict=True))
    found = told["comparison"]["accuracy"]
    assert (found["fixed"], found["broke"], found["n"]) == (fixed, broke, 24)
    assert found["p"] == pytest.approx(binomtest(fixed, fixed + broke).pvalue)
    assert told["adapted"]["accuracy"] == sum(right["adapted"]) / 24
    assert sum(map(sum, told["classes"]["adapted"]["confusion"])) == 24
    assert told["classes"]["base"]["labels"] == ["neg", "pos"]


def test_labels_in_another_order_are_the_same_labels() -> None:
    first, second = classifier(1), classifier(1, ("pos", "neg"))
    head = second.model.score.weight.data
    head.copy_(head.flip(0))  # the same answers under other numbers
    told = evaluate(first, REVIEWS, baseline=second)
    names = [name for name in told["base"] if not name.endswith(("_low", "_high"))]  # resamples are drawn class by class
    assert [told["base"][name] for name in names] == pytest.approx([told["adapted"][name] for name in names])
    assert told["comparison"]["accuracy"]["difference"] == 0
    assert told["comparison"]["loss"]["difference"] == pytest.approx(0, abs=1e-6)


# --- two tokenizers ------------------------------------------------------------------------------------------------


def test_across_tokenizers_only_bytes_are_compared() -> None:
    told = evaluate(writer(), QUESTIONS, baseline=other_tokenizer())
    assert told["comparison"].keys() == {"bits_per_byte"}
    assert told["base"]["tokens"] < told["adapted"]["tokens"]
    assert told["base"]["bytes"] == told["adapted"]["bytes"]
    assert told["comparison"]["bits_per_byte"]["difference"] == pytest.approx(
        told["adapted"]["bits_per_byte"] - told["base"]["bits_per_byte"]
    )


def test_across_tokenizers_answers_are_compared_too() -> None:
    told = evaluate(writer(), QUESTIONS, baseline=other_tokenizer(), generate=True, max_new_tokens=4)
    assert {"bits_per_byte", "chrf", "exact_match"} <= told["comparison"].keys()
    assert "perplexity" not in told["comparison"]


def test_rows_that_one_of_two_tokenizers_has_to_cut_are_left_out() -> None:
    rows = [*QUESTIONS, {"prompt": "O que há?", "completion": TEXTS[0][:70]}]
    told = evaluate(writer(), rows, baseline=other_tokenizer(), max_length=64)
    assert (told["n"], told["data"]["not_shared"], told["data"]["truncated"]) == (8, 1, 1)
    assert told["base"]["bytes"] == told["adapted"]["bytes"]
    with pytest.raises(ConfigError) as caught:
        evaluate(writer(), rows[8:], baseline=other_tokenizer(), max_length=64)
    assert caught.value.key == "evaluating.no_common_rows"


def test_rows_of_one_line_are_paired_by_what_they_say(tmp_path: Path) -> None:
    rows = [*QUESTIONS, QUESTIONS[0], {"prompt": "O que há?", "completion": TEXTS[0][:70]}, QUESTIONS[1]]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    told = evaluate(writer(), str(tmp_path / "rows.json"), baseline=other_tokenizer(), max_length=64)
    assert (told["n"], told["data"]["not_shared"]) == (10, 1)
    kept = [*QUESTIONS, QUESTIONS[0], QUESTIONS[1]]
    same = evaluate(writer(), kept, baseline=other_tokenizer(), max_length=64)
    assert told["comparison"]["bits_per_byte"] == pytest.approx(same["comparison"]["bits_per_byte"], abs=1e-9)


# --- running text --------------------------------------------------------------------------------------------------


def test_running_text_is_measured_whole(tmp_path: Path) -> None:
    session = adapted()
    told = evaluate(session, [{"text": text} for text in TEXTS], max_length=32, stride=8, predictions=tmp_path / "p.jsonl")
    documents = [Document(text, "<list>", line) for line, text in enumerate(TEXTS, start=1)]
    expected = rolling_rows(session.model, session.tokenizer, documents, Rolling(32, 8))
    assert told["adapted"]["perplexity"] == pytest.approx(expected.metrics()["perplexity"])
    assert told["adapted"]["bytes"] == sum(len(text.encode()) for text in TEXTS)  # nothing was cut
    assert told["data"] == {"source": "<list>", "format": "text", "window": 32, "stride": 8}
    assert "|window:32|stride:8|" in told["signatures"]["base"]["perplexity"]
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    own = [row for row in rows if row["model"] == "adapted"]
    total = math.exp(sum(row["nats"] for row in own) / sum(row["tokens"] for row in own))
    assert total == pytest.approx(told["adapted"]["perplexity"])
    assert len(rows) == 16


def test_running_text_across_tokenizers_and_positions() -> None:
    rows = [{"text": text} for text in TEXTS]
    told = evaluate(writer(), rows, baseline=other_tokenizer())
    assert told["comparison"].keys() == {"bits_per_byte"}
    assert told["data"]["window"] == 128  # the positions of both
    shorter = writer(max_position_embeddings=48)
    assert evaluate(writer(), rows, baseline=shorter)["data"]["window"] == 48


# --- tasks ---------------------------------------------------------------------------------------------------------


def test_tasks_beside_rows_and_alone(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    write_tasks(tmp_path)
    session = adapted()
    told = evaluate(session, QUESTIONS, tasks=["capitais_pt"], tasks_path=tmp_path, offline=True)
    task = told["tasks"]["capitais_pt"]
    assert task["base"]["n"] == task["comparison"]["acc"]["n"]
    assert task["comparison"]["acc"]["difference"] == pytest.approx(task["adapted"]["acc"] - task["base"]["acc"])
    assert (
        task["base"]
        == evaluate(writer(), tasks=["capitais_pt"], tasks_path=tmp_path, offline=True)["tasks"]["capitais_pt"]["base"]
    )
    few = evaluate(session, tasks=["capitais_pt"], tasks_path=tmp_path, tasks_shots=1, tasks_limit=2, offline=True)
    assert (few["tasks"]["capitais_pt"]["base"]["n"], few["tasks"]["capitais_pt"]["base"]["shots"]) == (2, 1)
    alone = evaluate(session, tasks=["capitais_pt"], tasks_path=tmp_path, offline=True)
    assert (alone["base"], alone["adapted"], alone["n"], alone["tasks"]) == ({}, {}, 0, told["tasks"])


# --- predictions ---------------------------------------------------------------------------------------------------


def test_predictions_hold_sums_and_answers(tmp_path: Path) -> None:
    place = tmp_path / "new" / "rows.jsonl"
    told = evaluate(writer(), QUESTIONS, generate=True, max_new_tokens=4, predictions=place)
    rows = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 9))
    assert [row["reference"] for row in rows] == [row["completion"] for row in QUESTIONS]
    assert sum(row["tokens"] for row in rows) == told["base"]["tokens"]
    assert all(isinstance(row["generated"], str) for row in rows)
    assert [path.name for path in place.parent.iterdir()] == ["rows.jsonl"]


def test_predictions_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from afinar.run import predictions

    def torn(path: Path, rows: Any) -> None:
        path.write_text('{"half', encoding="utf-8")
        raise OSError(28, "No space left on device", str(path))

    place = tmp_path / "rows.jsonl"
    place.write_text("old", encoding="utf-8")
    monkeypatch.setattr(predictions, "write_lines", torn)
    with pytest.raises(OSError, match="No space"):
        evaluate(writer(), QUESTIONS, predictions=place)
    assert place.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_predictions_never_go_over_the_rows_or_a_folder(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "rows.jsonl", QUESTIONS)
    (tmp_path / "same.jsonl").symlink_to(rows)
    over, folder = "evaluating.predictions_over_data", "evaluating.predictions_folder"
    for place, source, key in (
        (rows, rows, over),
        (tmp_path / "same.jsonl", rows, over),
        (rows, tmp_path, over),
        (tmp_path, rows, folder),
    ):
        with pytest.raises(RefusedError) as caught:
            evaluate(writer(), str(source), predictions=place)
        assert caught.value.key == key
    assert json.loads(rows.read_text(encoding="utf-8").splitlines()[0]) == QUESTIONS[0]


# --- what is refused -----------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "nothing": ("evaluating.nothing", lambda: evaluate(writer())),
    "shots below none": ("core.range", lambda: evaluate(writer(), tasks=["x"], tasks_shots=-1)),
    "no sample of a task": ("core.range", lambda: evaluate(writer(), tasks=["x"], tasks_limit=0)),
    "generate without data": ("evaluating.needs_data", lambda: evaluate(writer(), tasks=["x"], generate=True)),
    "predictions without data": ("evaluating.needs_data", lambda: evaluate(writer(), tasks=["x"], predictions="p")),
    "answers to texts": ("evaluating.no_prompts", lambda: evaluate(writer(), [{"text": "a b"}], generate=True)),
    "answers of a classifier": ("evaluating.no_prompts", lambda: evaluate(classifier(), REVIEWS, generate=True)),
    "two tasks": ("evaluating.other_task", lambda: evaluate(writer(), QUESTIONS, baseline=classifier())),
    "other labels": (
        "evaluating.other_labels",
        lambda: evaluate(classifier(), REVIEWS, baseline=classifier(names=("bad", "good"))),
    ),
    "no base": ("run.nothing_to_compare", lambda: evaluate(writer(), QUESTIONS, baseline="base")),
    "too long": ("evaluating.positions", lambda: evaluate(writer(), QUESTIONS, max_length=129)),
    "too long for one": (
        "evaluating.positions",
        lambda: evaluate(writer(), QUESTIONS, max_length=100, baseline=writer(max_position_embeddings=64)),
    ),
    "no length": ("core.range", lambda: evaluate(writer(), QUESTIONS, max_length=1)),
    "no answer": ("core.range", lambda: evaluate(writer(), QUESTIONS, generate=True, max_new_tokens=0)),
    "no such format": ("core.choice", lambda: evaluate(writer(), QUESTIONS, format="nothing")),
    "stride beyond the window": ("core.range", lambda: evaluate(writer(), [{"text": "a b"}], max_length=8, stride=9)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    key, call = REFUSED[name]
    with pytest.raises(AfinarError) as caught:
        call()
    assert caught.value.key == key
