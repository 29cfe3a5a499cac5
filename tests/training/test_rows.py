"""Data sets of every kind on their way into the trainer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    default_data_collator,
)

from afinar import SFTConfig
from afinar.data.chat import encode_prompt
from afinar.data.collate import Collator
from afinar.data.examples import Examples
from afinar.data.prepare import prepare_source
from afinar.data.streams import RowStream
from afinar.data.tokenised import TokenRows
from afinar.errors import AfinarError, ConfigError, DataError
from afinar.training.classes import name_classes
from afinar.training.rows import for_foreign_collator, label_names_of, masks_real_eos, training_rows
from afinar.training.steps import StreamSteps, loader
from tests.tiny import tiny_model, tiny_tokenizer

ANSWERS = [{"prompt": f"Quanto é {i} mais {i}?", "completion": f"É {2 * i}."} for i in range(6)]
REVIEWS = [{"text": f"Livro {i}.", "label": "bom" if i % 2 else "ruim"} for i in range(6)]
TALK = [{"role": "user", "content": "Oi"}, {"role": "assistant", "content": "Olá!"}]
TOKENS = [{"input_ids": [5, 6, 7 + i], "labels": [-100, 6, 7 + i]} for i in range(6)]


class MapStyle(torch.utils.data.Dataset):
    """torch's own kind: a length and numbers, and no iterator."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)


def settings(**values: Any) -> SFTConfig:
    return SFTConfig(output_dir="unused", use_cpu=True, **values)


def rows(dataset: Any, args: SFTConfig | None = None, *, tokenizer: Any = "tiny", **options: Any) -> Any:
    tokenizer = tiny_tokenizer() if tokenizer == "tiny" else tokenizer
    return training_rows(dataset, tokenizer, args or settings(), **{"task": "causal", "limit": 128, **options})


def listed(found: Any) -> list[dict[str, Any]]:
    each = found.rows(0) if isinstance(found, RowStream) else found
    return [{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in row.items()} for row in each]


def raises(key: str, cause: type[AfinarError] = ConfigError, **values: Any) -> Any:
    class Check:
        def __enter__(self) -> None:
            self.context = pytest.raises(cause)
            self.caught = self.context.__enter__()

        def __exit__(self, *error: Any) -> bool:
            stopped = self.context.__exit__(*error)
            assert self.caught.value.key == key, str(self.caught.value)
            assert {name: self.caught.value.values.get(name) for name in values} == values
            assert self.caught.value.hint
            return stopped

    return Check()


# Every kind of data set


@pytest.mark.parametrize("kind", [list, tuple, datasets.Dataset.from_list, MapStyle, Stream, "iterable", "file"])
@pytest.mark.parametrize("given", [ANSWERS, [{"messages": TALK}] * 3, TOKENS])
def test_the_same_rows_whatever_holds_them(kind: Any, given: list[dict], tmp_path: Path) -> None:
    expected = listed(rows(given))
    if kind == "iterable":
        dataset = datasets.Dataset.from_list(given).to_iterable_dataset()
    elif kind == "file":
        dataset = tmp_path / "rows.jsonl"
        dataset.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    else:
        dataset = kind(given)
    assert listed(rows(dataset)) == expected
    assert len(expected) == len(given)


def test_raw_rows_are_prepared_by_the_data_stage() -> None:
    found = rows(ANSWERS)
    assert isinstance(found, Examples)
    assert listed(found) == listed(prepare_source(ANSWERS, tiny_tokenizer()))
    assert set(found[0]) == {"input_ids", "labels", "n_bytes", "prompt_length", "prompt", "reference"}


def test_what_is_ready_passes_through() -> None:
    examples, tokens, stream = rows(ANSWERS), rows(TOKENS), rows(Stream(TOKENS))
    for found in (examples, tokens, stream):
        assert rows(found) is found
    with raises("training.task_rows", rows="causal", task="classification"):
        rows(examples, task="classification")
    with raises("data.empty", DataError):
        rows(examples[:0])


def test_tokenised_rows_need_no_tokenizer_and_others_do() -> None:
    assert isinstance(rows(TOKENS, tokenizer=None), TokenRows)
    assert len(listed(rows(Stream(TOKENS), tokenizer=None))) == 6
    for given in (ANSWERS, Stream(ANSWERS)):
        with raises("training.rows_without_tokenizer"):
            listed(rows(given, tokenizer=None))


@pytest.mark.parametrize("given", [ANSWERS, TOKENS])
def test_a_generator_is_read_once_and_kept(given: list[dict]) -> None:
    found = rows(row for row in given)
    assert listed(found) == listed(found) == listed(rows(given))


def test_bundled_sets_by_name() -> None:
    args = settings(max_length=None)
    train, valid = (rows("afinar/sentimento", args, task="classification", limit=4096, split=s) for s in ("train", "valid"))
    assert len(train) > len(valid) > 0
    assert not {row["prompt"] for row in train} & {row["prompt"] for row in valid}


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_dict_of_data_sets_is_told_to_name_one(split: str) -> None:
    parts = {"train": TOKENS, "test": TOKENS}
    for given in (parts, datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in parts.items()})):
        field = "train_dataset" if split == "train" else "eval_dataset"
        with raises("training.dataset_dict", field=field, got=type(given).__name__, names="train, test"):
            rows(given, split=split)


@pytest.mark.parametrize("given", [[], datasets.Dataset.from_list([]), MapStyle([])])
def test_an_empty_set(given: Any) -> None:
    with raises("data.empty", DataError):
        rows(given)


def test_nothing_given() -> None:
    with raises("core.missing", field="eval_dataset"):
        rows(None, split="valid")


def test_columns_that_no_format_has() -> None:
    with raises("data.columns_nearest", DataError, line=1):
        rows([{"pergunta": "a", "resposta": "b"}])
    with raises("data.source", DataError):
        rows(3)


def test_a_tokenised_row_that_teaches_nothing_is_named() -> None:
    with raises("data.token_unsupervised", DataError, path="<list>", line=2):
        rows([TOKENS[0], {"input_ids": [5, 6], "labels": [-100, -100]}])


# Length


@pytest.mark.parametrize(("max_length", "limit", "length"), [(8, 128, 8), (None, 10, 10), (64, 10, 10)])
def test_rows_are_cut_at_the_setting_or_at_what_the_model_reads(max_length: int | None, limit: int, length: int) -> None:
    with pytest.warns(UserWarning, match=f"max_length={length} tokens"):
        raw = rows([{"text": "a" * 50}], settings(max_length=max_length), limit=limit)
    with pytest.warns(UserWarning, match="Of 1 rows, 1 are longer"):
        tokenised = rows([{"input_ids": [5] * 50}], settings(max_length=max_length), limit=limit)
    stream = listed(
        rows(Stream([{"text": "a" * 50}, {"input_ids": [5] * 50}][:1]), settings(max_length=max_length), limit=limit)
    )
    assert [len(raw[0]["input_ids"]), len(tokenised[0]["input_ids"]), len(stream[0]["input_ids"])] == [length] * 3


def test_few_cut_texts_are_nothing_to_act_on() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows([*[{"text": "a"}] * 19, {"text": "a" * 50}], settings(max_length=10))
    with pytest.warns(UserWarning, match="1 of them were left out"):
        rows([*[{"prompt": "a", "completion": "b"}] * 19, {"prompt": "a" * 50, "completion": "b"}], settings(max_length=10))
    with raises("data.nothing_left", DataError, max_length=10):
        rows([{"input_ids": [5] * 50, "labels": [-100] * 49 + [5]}], settings(max_length=10))


# Settings


def test_what_is_learned_follows_the_settings() -> None:
    tokenizer = tiny_tokenizer()
    talk = [{"messages": TALK}]
    for given, plain, setting in (
        (ANSWERS[:1], "É 0.<eos>", "completion_only_loss"),
        (talk, "Olá!<eos>", "assistant_only_loss"),
    ):
        for value, text in ((None, plain), (True, plain), (False, None)):
            (row,) = listed(rows(given, settings(**{setting: value})))
            learned = [label for label in row["labels"] if label != -100]
            assert tokenizer.decode(learned) == (text or tokenizer.decode(row["input_ids"]))
            stream = listed(rows(Stream(given), settings(**{setting: value})))
            assert stream == [row]
    masked = [{"input_ids": [5, 6, 7], "completion_mask": [0, 1, 1]}]
    assert rows(masked)[0]["labels"].tolist() == [-100, 6, 7]
    assert rows(masked, settings(completion_only_loss=False))[0]["labels"].tolist() == [5, 6, 7]


@pytest.mark.parametrize("setting", ["completion_only_loss", "assistant_only_loss"])
def test_running_text_has_no_part_to_learn(setting: str) -> None:
    for options in ({}, {"formatting_func": lambda row: row["text"]}):
        for dataset in ([{"text": "a"}], Stream([{"text": "a"}])):
            with raises("data.no_answers", DataError, line=1, setting=setting):
                listed(rows(dataset, settings(**{setting: True}), **options))


def test_the_text_field_may_have_another_name() -> None:
    args = settings(dataset_text_field="conteudo")
    assert listed(rows([{"conteudo": "maçã", "id": 1}], args)) == listed(rows([{"text": "maçã"}]))
    assert listed(rows(Stream([{"conteudo": "maçã"}]), args)) == listed(rows([{"text": "maçã"}]))
    with raises("data.text_column", DataError, column="conteudo", found="texto"):
        rows([{"texto": "maçã"}], args)


def test_formatting_makes_text_of_rows(tmp_path: Path) -> None:
    def template(row: Any) -> str:
        return f"P: {row['prompt']} R: {row['completion']}"

    expected = listed(rows([{"text": template(row), "weight": 0.5} for row in ANSWERS]))
    assert listed(rows(Stream(ANSWERS), settings(dataset_text_field="x"), formatting_func=lambda row: "a"))
    weighted = [{**row, "weight": 0.5} for row in ANSWERS]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in weighted), encoding="utf-8")
    for given in (weighted, datasets.Dataset.from_list(weighted), MapStyle(weighted), Stream(weighted), str(path)):
        assert listed(rows(given, formatting_func=template)) == expected
    with raises("training.formatting_func", got="list"):
        rows(ANSWERS, formatting_func=lambda row: [template(row)])
    with raises("training.formatting_tokenised", field="train_dataset"):
        rows(TOKENS, formatting_func=template)


def test_the_function_sees_class_numbers_as_they_are_stored() -> None:
    features = datasets.Features({"t": datasets.Value("string"), "label": datasets.ClassLabel(names=["ruim", "bom"])})
    given = datasets.Dataset.from_dict({"t": ["a", "b"], "label": [1, 0]}, features=features)
    for form in (given, given.to_iterable_dataset()):
        found = listed(rows(form, formatting_func=lambda row: f"{row['t']}: {row['label'] + 1}"))
        assert [tiny_tokenizer().decode(row["input_ids"]) for row in found] == ["a: 2<eos>", "b: 1<eos>"]


@pytest.mark.parametrize("formatted", [True, False])
def test_a_shuffled_stream_hears_of_the_epochs_in_any_worker(formatted: bool) -> None:
    given = [{"text": str(i)} for i in range(9)]
    shuffled = datasets.Dataset.from_list(given).to_iterable_dataset(num_shards=3).shuffle(seed=1, buffer_size=3)
    stream = rows(shuffled, formatting_func=(lambda row: row["text"]) if formatted else None)
    orders = [[row["input_ids"].tolist() for row in stream.rows(epoch)] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    for workers in (0, 2):
        steps = StreamSteps(stream, Collator(0), examples_per_step=1)
        read = [step[0]["input_ids"][0].tolist() for step in islice(loader(steps, workers=workers), 18)]
        assert read == orders[0] + orders[1]


def test_blocks_of_running_text() -> None:
    given = [{"text": f"maçã {i}"} for i in range(9)]
    args = settings(packing="blocks", max_length=16, seed=3)
    found = rows(given, args)
    assert {len(row["input_ids"]) for row in found[:-1]} == {16}
    assert listed(rows(given, args)) == listed(found) != listed(rows(given, settings(packing="blocks", max_length=16, seed=4)))
    valid = rows(given, args, split="valid")
    assert listed(rows(Stream(given), args))[0]["input_ids"] == valid[0]["input_ids"].tolist()  # both in their own order
    with raises("data.blocks_format", format="prompt_completion"):
        rows(ANSWERS, args)
    for tokenised in (TOKENS, Stream(TOKENS)):
        with raises("training.blocks_tokenised"):
            listed(rows(tokenised, args))
    with raises("training.blocks_length"):
        rows(given, settings(packing="blocks", max_length=None))


# Prompts alone


@pytest.mark.parametrize(
    "given", [[{"prompt": "Oi?"}], [{"prompt": [TALK[0]]}], [{"messages": [TALK[0]]}], [{"prompt": "Oi?", "completion": None}]]
)
def test_prompts_alone_are_rows_without_labels(given: list[dict]) -> None:
    args = settings(predict_with_generate=True, max_length=3)
    prompt = given[0].get("prompt", given[0].get("messages"))
    asked = encode_prompt(tiny_tokenizer(), prompt)
    for dataset in (given, Stream(given)):
        (row,) = listed(rows(dataset, args, split="valid"))
        assert row["input_ids"] == asked  # not cut: it would ask something else
        assert "labels" not in row
        assert (row["prompt"], row["prompt_length"]) == (prompt, len(asked))
    for wrong in (settings(), args):
        with pytest.raises(DataError):
            rows(given, wrong, split="train" if wrong is args else "valid")


def test_tokens_alone_are_prompts_where_answers_are_generated() -> None:
    given = [{"input_ids": [5, 6, 7, 0], "attention_mask": [1, 1, 1, 0]}]
    args = settings(predict_with_generate=True)
    assert listed(rows(given, args, split="valid")) == [{"input_ids": [5, 6, 7], "prompt_length": 3}]
    assert listed(rows(given, args, split="train"))[0]["labels"] == [5, 6, 7]
    assert listed(rows(given, settings(), split="valid"))[0]["labels"] == [5, 6, 7]


def test_bytes_are_counted_in_held_out_rows() -> None:
    tokenised = [{name: row[name] for name in ("input_ids", "labels")} for row in listed(rows(ANSWERS))]
    assert [row["n_bytes"] for row in rows(tokenised, split="valid")] == [row["n_bytes"] for row in rows(ANSWERS)]
    assert "n_bytes" not in rows(tokenised, split="valid", tokenizer=None)[0]


# Classes


def classes(given: Any, names: tuple[str, ...] = (), **options: Any) -> list[Any]:
    return [row["labels"] for row in listed(rows(given, task="classification", label_names=names, **options))]


def class_label(names: list[str], numbers: list[int]) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    return datasets.Dataset.from_dict({"text": ["a"] * len(numbers), "label": numbers}, features=features)


NAMELESS = ("LABEL_0", "LABEL_1")


@pytest.mark.parametrize(
    ("given", "names", "numbers"),
    [
        (REVIEWS, (), [1, 0, 1, 0, 1, 0]),
        (REVIEWS, ("bom", "ruim"), [1, 0, 1, 0, 1, 0]),
        (REVIEWS, ("ruim", "bom"), [0, 1, 0, 1, 0, 1]),
        (REVIEWS[1:2], ("ruim", "bom"), [1]),
        (REVIEWS, NAMELESS, [1, 0, 1, 0, 1, 0]),  # sorted, as a model given by name has them
        ([{"text": "a", "label": 1}], NAMELESS, [1]),  # numbers count as they are, though 0 is not there
        ([{"text": "a", "label": 1}], ("ruim", "bom"), [1]),
        (class_label(["ruim", "bom"], [1, 0]), NAMELESS, [1, 0]),
        (class_label(["ruim", "bom"], [1, 0]), (), [1, 0]),
        (class_label(["ruim", "bom"], [1]), ("NEGATIVE", "POSITIVE"), [1]),  # by number, as transformers reads them
        (class_label(["ruim", "bom"], [1, 0]), ("bom", "ruim"), [0, 1]),  # by name, where the names agree
        ([{"input_ids": [5, 6], "label": 1}, {"input_ids": [5, 6], "label": 0}], NAMELESS, [1, 0]),
    ],
)
def test_classes_get_the_models_numbers(given: Any, names: tuple[str, ...], numbers: list[int]) -> None:
    assert classes(given, names) == numbers


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (REVIEWS, ("LABEL_0", "LABEL_1", "LABEL_2")),
        (REVIEWS[:1], NAMELESS),  # one label of two: which number it has cannot be told
        (REVIEWS, ("x", "y")),
        ([{"text": "a", "label": 7}], NAMELESS),
        (class_label(["a", "b", "c"], [0]), NAMELESS),
    ],
)
def test_other_classes_than_the_models(given: Any, names: tuple[str, ...]) -> None:
    with raises("training.classes", expected=len(names)):
        classes(given, names)


def test_a_label_that_the_model_does_not_know() -> None:
    with raises("data.unseen_label", DataError, line=1, label="ruim"):
        classes(REVIEWS, ("bom", "ótimo"))
    with raises("data.class_number", DataError, line=1, got=2):
        classes([{"input_ids": [5, 6], "label": 2}], NAMELESS)


def test_classes_of_a_stream() -> None:
    given = class_label(["ruim", "bom"], [1, 0]).to_iterable_dataset()
    assert classes(given, NAMELESS) == [1, 0]
    assert classes(Stream(REVIEWS), ("ruim", "bom")) == [0, 1] * 3
    assert classes(given, ("bom", "ruim")) == [0, 1]
    numbered = Stream([{"text": "a", "label": 1}, {"text": "a", "label": 0}])
    assert classes(numbered, NAMELESS) == classes(numbered, ("ruim", "bom")) == [1, 0]
    with raises("training.classes", got=2, expected=3):
        classes(given, ("LABEL_0", "LABEL_1", "LABEL_2"))
    with raises("data.unseen_label", DataError, line=1, label="ruim"):
        classes(Stream(REVIEWS), NAMELESS)  # which of the two it is cannot be told


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (REVIEWS, ("bom", "ruim")),
        (MapStyle(REVIEWS), ("bom", "ruim")),
        ([{"text": "a", "label": label} for label in (10, 9, 2)], ("2", "9", "10")),
        (class_label(["ruim", "bom"], [0]), ("ruim", "bom")),
        (class_label(["ruim", "bom"], [0]).to_iterable_dataset(), ("ruim", "bom")),
        ([{"input_ids": [5], "label": label} for label in (0, 2)], ("0", "1", "2")),
        ("afinar/sentimento", ("negativo", "positivo")),
        ("afinar/instrucoes", ()),
        (ANSWERS, ()),
        (TOKENS, ()),
        (Stream(ANSWERS), ()),
        ([{"text": "a", "label": ["x"]}], ()),
        ([{"messages": TALK, "text": "a", "label": "x"}], ()),
        ([{"pergunta": "a"}], ()),
        ([], ()),
        (None, ()),
        ({"train": REVIEWS}, ()),
    ],
)
def test_the_classes_of_a_data_set(given: Any, names: tuple[str, ...]) -> None:
    assert label_names_of(given) == names


def test_the_classes_of_examples_and_of_a_renamed_column() -> None:
    examples = prepare_source(REVIEWS, tiny_tokenizer(), label_names=("ruim", "bom"))
    assert label_names_of(examples) == ("ruim", "bom")
    assert label_names_of([{"frase": "a", "label": "x"}], "frase") == ("x",)


def test_the_classes_of_a_stream_are_not_told_by_its_first_row() -> None:
    with raises("training.stream_classes"):
        label_names_of(Stream(REVIEWS))


def test_a_model_without_names_takes_those_of_the_training_rows() -> None:
    config = tiny_model("llama", "classification", num_labels=2).config
    assert name_classes(config, rows(TOKENS)) == NAMELESS == tuple(config.id2label.values())
    numbered = rows([{"text": "a", "label": 1}], task="classification", label_names=NAMELESS)
    assert name_classes(config, numbered) == ("0", "1")
    assert tuple(config.id2label.values()) == NAMELESS
    train = rows(REVIEWS, task="classification", label_names=NAMELESS)
    names = name_classes(config, train)
    assert names == ("bom", "ruim") == tuple(config.id2label.values())
    assert config.label2id == {"bom": 0, "ruim": 1}
    assert classes(REVIEWS[:1], names) == [1]  # a held-out set with one class keeps its number
    other = rows(REVIEWS, task="classification", label_names=("bom", "ruim"))
    assert name_classes(config, other) == ("bom", "ruim")


def test_the_task_is_the_models() -> None:
    with raises("data.task", DataError, task="classification"):
        classes(ANSWERS)
    with raises("data.token_class", DataError, line=1):
        classes(TOKENS, NAMELESS)
    with raises("data.token_task", DataError, line=1):
        rows([{"input_ids": [5, 6], "labels": 1}])
    text = listed(rows(REVIEWS))
    assert text[0]["labels"] == text[0]["input_ids"]  # a causal model reads labelled texts as texts


# Other collators


@pytest.mark.parametrize("pad_is_eos", [True, False])
def test_collators_of_transformers_take_the_rows(pad_is_eos: bool) -> None:
    tokenizer = tiny_tokenizer(pad_is_eos=pad_is_eos)
    ready = [*rows(ANSWERS[:1]), *rows([{"prompt": "Oi", "completion": "Olá, tudo bem?"}])]
    for collator in (DataCollatorForLanguageModeling(tokenizer, mlm=False), DataCollatorForSeq2Seq(tokenizer)):
        batch = collator(for_foreign_collator(ready, collator))
        assert set(batch) == {"input_ids", "attention_mask", "labels"}
        for ids, mask, row in zip(batch["input_ids"], batch["attention_mask"], ready, strict=True):
            assert ids[mask.bool()].tolist() == row["input_ids"].tolist()
    assert batch["labels"][0][batch["labels"][0] != -100].tolist() == [i for i in ready[0]["labels"].tolist() if i != -100]


def test_collators_of_classes() -> None:
    ready = list(rows(REVIEWS, task="classification"))
    collator = DataCollatorWithPadding(tiny_tokenizer())
    assert set(collator(for_foreign_collator(ready, collator))) == {"input_ids", "attention_mask"}  # the feed adds the labels
    alike = [{"input_ids": [5, 6], "labels": 1}]
    assert default_data_collator(for_foreign_collator(alike, default_data_collator))["labels"].tolist() == [1]


@pytest.mark.parametrize("pad_is_eos", [True, False])
def test_the_end_of_a_text_taken_for_padding_is_told(pad_is_eos: bool) -> None:
    tokenizer = tiny_tokenizer(pad_is_eos=pad_is_eos)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    batch = collator(for_foreign_collator(list(rows([{"text": "maçã"}])), collator))
    assert (batch["labels"][0][-1] == -100) == pad_is_eos == masks_real_eos(collator, tokenizer)
    assert not masks_real_eos(DataCollatorForSeq2Seq(tokenizer), tokenizer)
    assert not masks_real_eos(lambda rows: rows, tokenizer)


def test_weights_would_be_lost() -> None:
    collator = DataCollatorForLanguageModeling(tiny_tokenizer(), mlm=False)
    with raises("training.collator_weights", collator="DataCollatorForLanguageModeling"):
        for_foreign_collator(list(rows([{"text": "a", "weight": 2}])), collator)
