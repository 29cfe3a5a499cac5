from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from afinar import messages
from afinar.data.config import DataConfig
from afinar.data.preflight import preview
from afinar.data.prepare import prepare, prepare_source
from tests.data.raising import raises
from tests.tiny import tiny_tokenizer

ALL = DataConfig(valid_fraction=0)


@pytest.fixture
def tokenizer() -> Any:
    return tiny_tokenizer()


def reviews(*labels: str) -> list[dict]:
    return [{"text": f"resenha {number}", "label": label} for number, label in enumerate(labels)]


def test_a_label_that_training_never_saw(tmp_path: Path, tokenizer: Any) -> None:
    valid = tmp_path / "v.jsonl"
    valid.write_text("".join(json.dumps(row) + "\n" for row in reviews("a", "b", "c")))
    with raises("unseen_label", path=str(valid), line=3, label="c", known="a, b"):
        prepare(DataConfig(), tokenizer, train=reviews("a", "b"), valid=str(valid))


def test_a_single_class_and_a_class_without_rows(tokenizer: Any) -> None:
    with raises("one_class", path="<list>", names="a"):
        prepare(ALL, tokenizer, train=reviews("a", "a"))
    with raises("empty_class", path="<list>", names="b, d"):
        prepare(ALL, tokenizer, train=reviews("a", "c"), label_names=("a", "b", "c", "d"))
    assert prepare(ALL, tokenizer, train=reviews("a", "c"), label_names=("c", "a")).label_names == ("c", "a")


def test_rows_on_both_sides_are_counted_and_the_first_is_named(tokenizer: Any) -> None:
    train = [{"text": f"Texto {number}"} for number in range(60)]
    valid = [{"text": f"outro {number}"} for number in range(40)] + [{"text": " TEXTO  7 "}, {"text": "texto 8"}]
    warnings = prepare(DataConfig(), tokenizer, train=train, valid=valid).report.warnings
    assert len(warnings) == 1
    assert "Of 42 held-out rows 2 are also in the training data (first: <list>:41 = <list>:8)" in warnings[0]


def test_few_rows_and_uneven_classes_are_warned_of(tokenizer: Any) -> None:
    report = prepare(ALL, tokenizer, train=reviews(*"a" * 40, "b", "b")).report
    assert report.class_counts == {"a": 40, "b": 2}
    assert [warning.split()[0] for warning in report.warnings] == ["No", "Few", "Classes"]
    assert "b has 2 rows, a 40" in report.warnings[-1]
    even = prepare(DataConfig(), tokenizer, train=reviews(*"ab" * 40), valid=reviews(*"ab" * 20)).report
    assert not [warning for warning in even.warnings if "Few" in warning or "uneven" in warning]
    few = prepare(DataConfig(), tokenizer, train=reviews(*"ab" * 40), valid=[{"text": "x", "label": "a"}]).report
    assert any(warning.startswith("Few held-out rows (1)") for warning in few.warnings)


def test_cut_held_out_rows_are_warned_of(tokenizer: Any) -> None:
    valid = [{"text": "longo " * 9}] + [{"text": f"v{number}"} for number in range(40)]
    train = [{"text": f"t{number}"} for number in range(60)]
    report = prepare(DataConfig(max_length=20), tokenizer, train=train, valid=valid).report
    assert [warning for warning in report.warnings if "Of 41 held-out rows 1 are cut" in warning] == list(report.warnings)


def test_the_report_says_what_the_model_will_see(tokenizer: Any) -> None:
    rows = [{"prompt": "oi", "completion": "x" * (number + 1), "id": number} for number in range(100)]
    report = prepare(DataConfig(valid_fraction=0, max_length=117), tokenizer, train=rows).report
    assert (report.rows, report.valid_rows, report.examples) == (100, 0, 100)
    # <|user|>oi<eos><|assistant|> is 5 tokens, then the answer and EOS; rows of 118 tokens do not occur, the longest has 106
    assert report.lengths == (56, 101, 106)
    assert report.supervised_tokens == sum(range(2, 102))
    assert report.tokens == report.supervised_tokens + 500
    assert report.extra_columns == ("id",)
    assert report.sample == "<|user|>oi<eos><|assistant|>«x<eos>»"
    assert report.lines() == [
        "format: prompt_completion · task: causal",
        "rows: 100 for training · 0 held out",
        "tokens per row: median 56 · 95% up to 101 · longest 106",
        "tokens per epoch: 5,650 · of these learned: 5,150 (91%)",
        "columns not used: id",
        "sample, learned between « »: <|user|>oi<eos><|assistant|>«x<eos>»",
        "warning: No rows are held out, so no before and after can be measured.",
    ]


def test_the_report_of_blocks_classes_and_cuts(tokenizer: Any) -> None:
    rows = [{"text": f"texto {number}"} for number in range(60)]
    lines = prepare(DataConfig(packing="blocks", max_length=50, valid_fraction=0), tokenizer, train=rows).report.lines()
    assert "blocks: 11 of up to 50 tokens, texts joined with EOS between them" in lines
    labelled = prepare(DataConfig(max_length=8, max_truncated=1, valid_fraction=0), tokenizer, train=reviews(*"ab" * 30))
    assert "cut at 8 tokens: 60 training rows" in labelled.report.lines()
    assert "classes: a 30 · b 30" in labelled.report.lines()


def test_the_report_reads_in_portuguese(tokenizer: Any) -> None:
    messages.use("pt")
    lines = prepare(ALL, tokenizer, train=[{"text": f"texto {number}"} for number in range(2000)]).report.lines()
    assert lines[1] == "linhas: 2.000 de treino · 0 de validação"
    assert lines[-1].startswith("aviso: Nenhuma linha foi separada")


def test_the_preview_marks_what_is_learned(tokenizer: Any) -> None:
    talk = [
        {"role": role, "content": content}
        for role, content in (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    ]
    example = prepare_source([{"messages": talk}], tokenizer).examples[0]
    assert preview(example, tokenizer) == "<|user|>a<eos><|assistant|>«b<eos>»<|user|>c<eos><|assistant|>«d<eos>»"
    text = prepare_source([{"text": "maçã"}], tokenizer).examples[0]
    assert preview(text, tokenizer) == "«maçã<eos>»"
    labelled = prepare_source([{"text": "maçã", "label": "fruta"}], tokenizer).examples[0]
    assert preview(labelled, tokenizer) == "maçã<eos> → «fruta»"
    hostile = prepare_source([{"text": "a\x1b[2Jb\n"}], tokenizer).examples[0]
    assert preview(hostile, tokenizer) == "«a\\x1b[2Jb\n<eos>»"
    long = prepare_source([{"text": "a" + "b" * 5000 + "c"}], tokenizer, max_length=9000).examples[0]
    assert len(preview(long, tokenizer)) < 700
    assert preview(long, tokenizer).startswith("«ab")
    assert preview(long, tokenizer).endswith("bc<eos>»")
