from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from afinar.data.building import label_order
from afinar.data.chat import encode_classified, encode_prompt
from afinar.data.collate import Collator
from afinar.data.config import DataConfig
from afinar.data.examples import Examples
from afinar.data.prepare import prepare, prepare_source
from afinar.errors import ConfigError
from tests.data.raising import raises
from tests.data.vocabularies import merging_tokenizer
from tests.tiny import tiny_tokenizer

REVIEWS = [
    {"text": f"Livro número {i}, {'ótimo' if i % 2 else 'ruim'}.", "label": "sim" if i % 2 else "não"} for i in range(40)
]
ANSWERS = [{"prompt": f"Quanto é {i} mais {i}?", "completion": f"É {2 * i}."} for i in range(40)]


@pytest.fixture
def tokenizer() -> Any:
    return tiny_tokenizer()


def jsonl(path: Path, rows: Iterable[dict]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def texts(examples: Examples, tokenizer: Any) -> list[str]:
    return [tokenizer.decode(example.input_ids) for example in examples.examples]


def test_classification_rows_become_class_numbers(tmp_path: Path, tokenizer: Any) -> None:
    train, valid = jsonl(tmp_path / "t.jsonl", REVIEWS), jsonl(tmp_path / "v.jsonl", REVIEWS[:2])
    prepared = prepare(DataConfig(train=train, valid=valid), tokenizer)
    assert (prepared.task, prepared.format, prepared.label_names) == ("classification", "classification", ("não", "sim"))
    assert [prepared.train[i]["labels"] for i in range(4)] == [0, 1, 0, 1]
    example = prepared.train.examples[1]
    assert (example.path, example.line, example.reference, example.prompt) == (train, 2, "sim", REVIEWS[1]["text"])
    assert tokenizer.decode(example.input_ids) == REVIEWS[1]["text"] + "<eos>"
    assert prepared.valid is not None
    assert prepared.valid.label_names == ("não", "sim")


def test_labels_are_sorted_as_numbers_where_they_are() -> None:
    assert label_order(["10", "9", "2", "9"]) == ("2", "9", "10")
    assert label_order(["-1", "0.5", "0"]) == ("-1", "0", "0.5")
    assert label_order(["10", "9", "dois"]) == ("10", "9", "dois")


def test_many_numeric_classes(tokenizer: Any) -> None:
    rows = [{"text": f"texto {i}", "label": i % 12} for i in range(60)]
    prepared = prepare(DataConfig(valid_fraction=0), tokenizer, train=rows)
    assert prepared.label_names == tuple(str(i) for i in range(12))
    assert [prepared.train[i]["labels"] for i in range(60)] == [i % 12 for i in range(60)]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("pad_is_eos", [True, False])
def test_the_prompt_of_every_example_is_what_generation_asks_with(chat: bool, pad_is_eos: bool) -> None:
    tokenizer = tiny_tokenizer(chat, pad_is_eos)
    alpaca = [{"instruction": f"Some {i}", "input": f"{i} e {i}" if i % 2 else "", "output": str(2 * i)} for i in range(10)]
    for rows in (ANSWERS, alpaca):
        examples = prepare_source(rows, tokenizer)
        assert len(examples) == len(rows)
        for row, example in zip(rows, examples.examples, strict=True):
            assert encode_prompt(tokenizer, example.prompt) == example.input_ids[: example.prompt_length].tolist()
            answer = row.get("completion", row.get("output"))
            assert example.reference == answer
            assert tokenizer.decode(example.input_ids[example.prompt_length :]) == answer + "<eos>"
            assert (example.labels[: example.prompt_length] == -100).all()
            assert (example.labels[example.prompt_length :] == example.input_ids[example.prompt_length :]).all()
            assert example.n_bytes == len(answer.encode())
            assert example.supervised_tokens == len(answer.encode()) + 1


def test_examples_are_a_data_set_for_torch(tokenizer: Any) -> None:
    examples = prepare_source(ANSWERS, tokenizer)
    batches = list(torch.utils.data.DataLoader(examples, batch_size=16, collate_fn=Collator(0)))
    assert [len(batch["input_ids"]) for batch in batches] == [16, 16, 8]
    assert examples.lengths == [len(example["input_ids"]) for example in examples]
    assert examples[-1]["input_ids"].tolist() == examples[39]["input_ids"].tolist()
    part = examples[3:5]
    assert [example.line for example in part.examples] == [4, 5]
    assert (part.format, part.task) == (examples.format, examples.task)
    with pytest.raises(IndexError):
        examples[40]


def test_the_held_out_share_is_chosen_by_content_and_seed(tokenizer: Any) -> None:
    doubled = ANSWERS + ANSWERS[:20]
    prepared = prepare(DataConfig(valid_fraction=0.3), tokenizer, train=doubled)
    assert prepared.valid is not None
    train, valid = set(texts(prepared.train, tokenizer)), set(texts(prepared.valid, tokenizer))
    assert not train & valid
    assert len(prepared.train) + len(prepared.valid) == 60
    assert len(train | valid) == 40
    again = prepare(DataConfig(valid_fraction=0.3), tokenizer, train=doubled)
    other = prepare(DataConfig(valid_fraction=0.3), tokenizer, train=doubled, seed=1)
    assert set(texts(again.valid, tokenizer)) == valid != set(texts(other.valid, tokenizer))
    assert prepared.report.valid_rows == len(prepared.valid)


def test_nothing_is_held_out_where_nothing_is_asked_for_or_all_rows_are_equal(tokenizer: Any) -> None:
    prepared = prepare(DataConfig(valid_fraction=0), tokenizer, train=ANSWERS)
    assert prepared.valid is None
    assert len(prepared.train) == 40
    assert any("No rows are held out" in warning for warning in prepared.report.warnings)
    assert prepare(DataConfig(valid_fraction=0.5), tokenizer, train=ANSWERS[:1] * 5).valid is None


def test_bundled_sets_bring_their_own_held_out_rows(tokenizer: Any) -> None:
    prepared = prepare(DataConfig(train="afinar/sentimento", max_length=2048), tokenizer)
    assert prepared.valid is not None
    assert prepared.label_names == ("negativo", "positivo")
    assert {Path(example.path).name for example in prepared.train.examples} == {"train.jsonl"}
    assert {Path(example.path).name for example in prepared.valid.examples} == {"valid.jsonl"}
    evaluated = prepare_source("afinar/sentimento", tokenizer, label_names=("negativo", "positivo"), max_length=2048)
    assert len(evaluated) == len(prepared.valid)
    instructions = prepare(DataConfig(train="afinar/instrucoes", max_length=2048), tokenizer)
    assert (instructions.task, instructions.format) == ("causal", "messages")


def test_a_folder_brings_its_own_held_out_rows(tmp_path: Path, tokenizer: Any) -> None:
    jsonl(tmp_path / "train.jsonl", ANSWERS[:30])
    jsonl(tmp_path / "valid.jsonl", ANSWERS[30:])
    prepared = prepare(DataConfig(train=str(tmp_path)), tokenizer)
    assert (len(prepared.train), len(prepared.valid or ())) == (30, 10)


def test_the_task_chooses_between_text_and_label(tokenizer: Any) -> None:
    for options in ({"format": "text"}, {"format": "auto"}):
        prepared = prepare(DataConfig(**options), tokenizer, task="causal", train=REVIEWS)
        assert (prepared.task, prepared.format, prepared.label_names) == ("causal", "text", ())
        assert prepared.report.extra_columns == ("label",)
    assert prepare(DataConfig(format="text"), tokenizer, train=REVIEWS).task == "causal"
    with raises("task", line=1, task="causal", format="classification"):
        prepare(DataConfig(format="classification"), tokenizer, task="causal", train=REVIEWS)
    with raises("task", line=1, task="classification", format="prompt_completion"):
        prepare(DataConfig(), tokenizer, task="classification", train=ANSWERS)


def test_a_given_format_names_the_column_that_is_missing(tokenizer: Any) -> None:
    with raises("column", line=1, column="messages", format="messages"):
        prepare(DataConfig(format="messages"), tokenizer, train=ANSWERS)


def test_held_out_rows_are_read_in_the_training_rows_format(tokenizer: Any) -> None:
    with raises("column", line=1, column="prompt", format="prompt_completion"):
        prepare(DataConfig(), tokenizer, train=ANSWERS, valid=[{"text": "a"}])


def test_training_data_must_be_named(tokenizer: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(DataConfig(), tokenizer)
    assert (caught.value.key, caught.value.values) == ("core.missing", {"field": "data.train"})


# Cutting


def test_text_is_cut_on_the_right_and_counted(tokenizer: Any) -> None:
    rows = [{"text": "a" * 20}, *({"text": f"b{i}"} for i in range(19))]
    prepared = prepare(DataConfig(max_length=8, valid_fraction=0), tokenizer, train=rows)
    assert texts(prepared.train, tokenizer)[:2] == ["a" * 8, "b0<eos>"]
    assert (prepared.report.truncated, prepared.report.dropped, prepared.report.lengths.max) == (1, 0, 21)
    assert prepared.train.examples[0].n_bytes == 7  # the first is not predicted


def test_classification_is_cut_on_the_right(tokenizer: Any) -> None:
    rows = [{"text": "ação " * 5, "label": 0}, {"text": "b", "label": 1}]
    prepared = prepare(DataConfig(max_length=4, valid_fraction=0, max_truncated=0.5), tokenizer, train=rows)
    assert prepared.train.lengths == [4, 2]
    assert {example.input_ids[-1] for example in prepared.train.examples} == {tokenizer.eos_token_id}


def test_a_classified_text_is_cut_before_its_eos() -> None:
    rows = [{"text": "Tudo bem? Tudo bem, obrigado. Não sei.", "label": 0}, {"text": "Tudo bem?", "label": 1}]
    for around in ({}, {"bos": True}, {"eos": True}, {"bos": True, "eos": True}):
        tokenizer = merging_tokenizer(**around)
        for length in (4, 8):
            eos = tokenizer.eos_token_id
            framed = [tokenizer(row["text"])["input_ids"] for row in rows]
            framed = [ids[:-1] if ids[-1] == eos else ids for ids in framed]
            expected = [[*ids[: length - 1], eos] for ids in framed]
            assert [encode_classified(tokenizer, row["text"], length) for row in rows] == expected
            examples = prepare_source(rows, tokenizer, max_length=length)
            assert [example["input_ids"].tolist() for example in examples] == expected


def test_answers_that_are_cut_off_entirely_are_dropped_and_counted(tokenizer: Any) -> None:
    rows = [*ANSWERS[:9], {"prompt": "x" * 90, "completion": "y"}]
    prepared = prepare(DataConfig(max_length=60, valid_fraction=0), tokenizer, train=rows)
    assert (len(prepared.train), prepared.train.dropped, prepared.train.truncated) == (9, 1, 1)
    assert any("1 training and 0 held-out rows" in warning for warning in prepared.report.warnings)


def test_more_cut_rows_than_allowed_stop_the_run(tmp_path: Path, tokenizer: Any) -> None:
    rows = [{"text": "curto"}] * 7 + [{"text": "muito longo " * 4}] * 3
    path = jsonl(tmp_path / "a.jsonl", rows)
    values = {"path": path, "line": 8, "cut": 3, "rows": 10, "share": "30%", "allowed": "20%", "longest": 49}
    with raises("truncated", **values):
        prepare(DataConfig(train=path, max_length=16, max_truncated=0.2, valid_fraction=0), tokenizer)
    assert prepare(DataConfig(train=path, max_length=16, max_truncated=0.3, valid_fraction=0), tokenizer).train.truncated == 3


def test_a_conversation_cut_before_its_last_answer_keeps_the_earlier_ones(tokenizer: Any) -> None:
    talk = [
        {"role": role, "content": text}
        for role, text in (("user", "a"), ("assistant", "b"), ("user", "cc"), ("assistant", "d"))
    ]
    (example,) = prepare_source([{"messages": talk}], tokenizer, max_length=8).examples
    assert tokenizer.decode(example.input_ids) == "<|user|>a<eos><|assistant|>b<eos><|user|>c"
    assert example.supervised_tokens == 2
    assert example.prompt_length == 8


def test_a_single_token_predicts_nothing(tokenizer: Any) -> None:
    with raises("nothing_left", path="<list>", line=1, max_length=1):
        prepare_source([{"text": "abc"}], tokenizer, max_length=1)


def test_a_length_that_leaves_nothing_to_learn(tokenizer: Any) -> None:
    with raises("nothing_left", path="<list>", line=1, max_length=4):
        prepare_source(ANSWERS, tokenizer, max_length=4)


# Blocks


def test_blocks_join_texts_with_eos_and_lose_nothing(tokenizer: Any) -> None:
    rows = [{"text": f"maçã número {i}"} for i in range(30)]
    config = DataConfig(packing="blocks", max_length=37, valid_fraction=0)
    prepared = prepare(config, tokenizer, train=rows, seed=5)
    examples = prepared.train.examples
    joined = np.concatenate([example.input_ids for example in examples])
    whole = tokenizer.decode(joined).split("<eos>")[:-1]
    assert sorted(whole) == sorted(row["text"] for row in rows)
    assert whole != [row["text"] for row in rows]  # shuffled
    assert {len(example.input_ids) for example in examples[:-1]} == {37}
    for example in examples:
        assert (example.labels == example.input_ids).all()
        assert example.labels is not example.input_ids
        predicted = [token for token in example.input_ids[1:].tolist() if token != tokenizer.eos_token_id]
        # One token a byte; a character's bytes count with its first token, which may stand in the block before.
        assert abs(example.n_bytes - len(predicted)) <= 1
    first_bytes = sum(1 for example in examples if example.input_ids[0] != tokenizer.eos_token_id)
    total = sum(len(row["text"].encode()) for row in rows)
    assert abs(sum(example.n_bytes for example in examples) - (total - first_bytes)) <= len(examples)
    again, other = prepare(config, tokenizer, train=rows, seed=5), prepare(config, tokenizer, train=rows, seed=6)
    assert texts(again.train, tokenizer) == texts(prepared.train, tokenizer) != texts(other.train, tokenizer)
    assert prepared.report.truncated == 0
    assert prepared.report.rows == 30


def test_a_block_names_the_row_in_which_it_begins(tokenizer: Any) -> None:
    examples = prepare_source([{"text": "abcd"}, {"text": "efghijklm"}], tokenizer, packing="blocks", max_length=6)
    assert texts(examples, tokenizer) == ["abcd<eos>e", "fghijk", "lm<eos>"]
    assert [example.line for example in examples.examples] == [1, 2, 2]


def test_blocks_are_of_text_only(tokenizer: Any) -> None:
    with raises("blocks_format", ConfigError, format="prompt_completion"):
        prepare(DataConfig(packing="blocks"), tokenizer, train=ANSWERS)


# Evaluation


def test_a_trained_classifiers_labels_keep_their_numbers(tokenizer: Any) -> None:
    rows = [{"text": "a", "label": "c"}, {"text": "b", "label": "a"}]
    examples = prepare_source(rows, tokenizer, label_names=("c", "b", "a"))
    assert [example["labels"] for example in examples] == [0, 2]
    assert examples.label_names == ("c", "b", "a")
    assert prepare_source(rows, tokenizer).label_names == ("a", "c")
    with raises("unseen_label", path="<list>", line=2, label="a", known="c, b"):
        prepare_source(rows, tokenizer, label_names=("c", "b"))


def test_evaluation_counts_cut_rows_without_a_limit(tokenizer: Any) -> None:
    examples = prepare_source([{"text": "a" * 50}, {"text": "b"}], tokenizer, max_length=10)
    assert (len(examples), examples.truncated, examples.dropped) == (2, 1, 0)
