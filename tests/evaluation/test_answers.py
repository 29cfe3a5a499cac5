from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from afinar.data.examples import IGNORED, Example, Examples
from afinar.errors import AfinarError
from afinar.evaluation.answers import answer_signatures, compare_answer_rows, evaluate_answers
from afinar.metrics.answers import answer_metrics, compare_answers
from tests.evaluation.test_generate import TEXTS, ending_model, sharp
from tests.tiny import tiny_tokenizer

REFERENCES = ["já vou", "já vou!", None, "não vou", "já vou"]


def rows(tokenizer: Any, references: list[str | None]) -> Examples:
    examples = []
    for line, (text, reference) in enumerate(zip(TEXTS, references, strict=True), start=1):
        prompt = tokenizer(text).input_ids
        answer = [] if reference is None else [*tokenizer(reference).input_ids, tokenizer.eos_token_id]
        ids = np.array(prompt + answer, dtype=np.int32)
        labels = np.where(np.arange(len(ids)) < len(prompt), IGNORED, ids).astype(np.int32)
        examples.append(Example(ids, labels, len(prompt), len(reference or ""), "p.jsonl", line, reference, text))
    return Examples(examples, format="prompt_completion", task="causal")


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def test_answers_are_scored_against_their_references(tokenizer):
    metrics, found = evaluate_answers(ending_model(tokenizer, "já vou"), tokenizer, rows(tokenizer, REFERENCES))
    assert [row["generated"] for row in found] == ["já vou"] * 5
    assert [row["reference"] for row in found] == REFERENCES
    assert [(row["path"], row["line"], row["prompt"]) for row in found] == [
        ("p.jsonl", line, text) for line, text in enumerate(TEXTS, start=1)
    ]
    known = [reference for reference in REFERENCES if reference is not None]
    assert metrics == {**answer_metrics(["já vou"] * 4, known), "answers_cut": 0}
    assert (metrics["n"], metrics["exact_match"], metrics["token_f1"]) == (4, 0.5, pytest.approx((1 + 1 + 0.5 + 1) / 4))


def test_the_reference_is_never_in_the_prompt(tokenizer):
    """A model that repeats what it reads would score, were its answer or a piece of it among what it reads."""
    with_answers, alone = (rows(tokenizer, references) for references in (REFERENCES, [None] * 5))
    model = sharp()
    _, found = evaluate_answers(model, tokenizer, with_answers, max_new_tokens=6)
    _, expected = evaluate_answers(model, tokenizer, alone, max_new_tokens=6)
    assert [row["generated"] for row in found] == [row["generated"] for row in expected]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_batch_answers_as_one_at_a_time(tokenizer, architecture, batch_size):
    model, data = sharp(architecture), rows(tokenizer, REFERENCES)
    expected = evaluate_answers(model, tokenizer, data, max_new_tokens=10, batch_size=1)
    assert evaluate_answers(model, tokenizer, data, max_new_tokens=10, batch_size=batch_size) == expected
    assert len({row["generated"] for row in expected[1]}) > 2


def test_answers_that_a_limit_cuts_are_marked_and_counted(tokenizer):
    model = ending_model(tokenizer, "já vou")
    metrics, found = evaluate_answers(model, tokenizer, rows(tokenizer, REFERENCES), max_new_tokens=3)
    assert [row["truncated"] for row in found] == [True] * 5
    assert metrics["answers_cut"] == 5
    assert found[0]["generated"] == "já"  # two bytes for á


def test_a_prompt_without_room_is_a_cut_answer_and_no_crash(tokenizer):
    data = rows(tokenizer, ["já vou"] * 5)
    long = np.full(128, 7, dtype=np.int32)
    data.examples.append(Example(long, long, 128, 0, "p.jsonl", 6, "já vou", "longo"))
    metrics, found = evaluate_answers(ending_model(tokenizer, "já vou"), tokenizer, data)
    assert (found[5]["generated"], found[5]["truncated"]) == ("", True)
    assert (metrics["n"], metrics["answers_cut"], metrics["exact_match"]) == (6, 1, pytest.approx(5 / 6))


def test_rows_without_references_are_answered_and_not_scored(tokenizer):
    metrics, found = evaluate_answers(ending_model(tokenizer, "já vou"), tokenizer, rows(tokenizer, [None] * 5))
    assert metrics == {"n": 0, "answers_cut": 0}
    assert len(found) == 5
    assert answer_signatures(found) == {}
    assert compare_answer_rows(found, found) == {}


def test_two_models_are_compared_on_the_rows_with_a_reference(tokenizer):
    data = rows(tokenizer, REFERENCES)
    (_, before), (_, after) = (
        evaluate_answers(ending_model(tokenizer, text), tokenizer, data) for text in ("não sei", "já vou")
    )
    known = [reference for reference in REFERENCES if reference is not None]
    found = compare_answer_rows(before, after)
    assert found == compare_answers(known, ["não sei"] * 4, ["já vou"] * 4)
    assert (found["exact_match"].fixed, found["exact_match"].finding) == (2, "too_few")
    with pytest.raises(ValueError, match="expected answers to the same rows"):
        compare_answer_rows(before, after[::-1])


def test_signatures_say_how_many_references(tokenizer):
    _, found = evaluate_answers(ending_model(tokenizer, "já vou"), tokenizer, rows(tokenizer, REFERENCES))
    assert set(answer_signatures(found)) == {"bleu", "chrf", "rouge", "token_f1", "exact_match"}
    assert all("nrefs:1|" in signature for signature in answer_signatures(found).values())


def test_progress_reaches_the_number_of_prompts(tokenizer):
    calls: list[tuple[int, int]] = []
    data = rows(tokenizer, REFERENCES)
    evaluate_answers(sharp(), tokenizer, data, max_new_tokens=2, batch_size=2, on_batch=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls[-1] == (5, 5)


def test_no_room_for_an_answer_is_an_error(tokenizer):
    with pytest.raises(AfinarError) as caught:
        evaluate_answers(sharp(), tokenizer, rows(tokenizer, REFERENCES), max_new_tokens=0)
    assert (caught.value.key, caught.value.values["field"]) == ("core.range", "max_new_tokens")
