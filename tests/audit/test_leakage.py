"""Texts of a suite are found in training data whatever their case, accents' form and punctuation, and nowhere else."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afinar.audit.leakage import SHORTEST, find_leaks, leak_of, texts_of, words_of
from afinar.audit.probes import Ask, Likelihood, Score
from afinar.audit.training_texts import trained_texts, training_texts
from afinar.data.config import DataConfig
from afinar.errors import DataError
from tests.run.conftest import write_lines

LONG = "Qual é a capital do Brasil hoje em dia?"


@pytest.mark.parametrize(
    ("training", "how"),
    [
        (LONG, "same"),
        ("QUAL É A CAPITAL, do Brasil -- hoje em dia", "same"),
        (unicodedata.normalize("NFD", LONG), "same"),
        (f"Pergunta: {LONG} Resposta: Brasília.", "contained"),
        ("Qual é a capital do Brasil", None),  # the other way round
        ("Qual e a capital do Brasil hoje em dia?", None),  # another spelling is another text
        ("Qual é a capital do Brasil? Hoje, em um dia", None),
        ("", None),
    ],
)
def test_found(training: str, how: str | None) -> None:
    found = find_leaks([LONG], ["outra coisa", training])
    assert {text: leak.how for text, leak in found.items()} == ({} if how is None else {LONG: how})


def test_a_short_text_is_found_whole_only() -> None:
    assert find_leaks(["Bom dia!"], ["Ele disse bom dia e saiu pela porta."]) == {}
    assert find_leaks(["Bom dia!"], ["bom dia"])["Bom dia!"].how == "same"


def test_the_whole_text_counts_more_than_a_part_of_another() -> None:
    assert find_leaks([LONG], [f"a {LONG} b", LONG])[LONG].how == "same"
    assert find_leaks([LONG], [LONG, f"a {LONG} b"])[LONG].how == "same"


def test_all_spellings_of_one_text() -> None:
    assert set(find_leaks([LONG, LONG.upper(), "outra"], [LONG])) == {LONG, LONG.upper()}


def test_texts_without_words_leak_nothing() -> None:
    assert find_leaks(["...", "!?"], ["...", ""]) == {}


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=9).map(" ".join), max_size=4),
    st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=14).map(" ".join), max_size=4),
)
def test_as_a_search_through_every_text(texts: list[str], training: list[str]) -> None:
    found = {text: leak.how for text, leak in find_leaks(texts, training).items()}
    for text in texts:
        inside = len(text.split()) >= SHORTEST and any(f" {text} " in f" {other} " for other in training)
        assert found.get(text) == ("same" if text in training else "contained" if inside else None)


def test_large_data_are_looked_through_quickly() -> None:
    """A suite of a thousand texts against a million words: one pass, so this ends at once."""
    draw = random.Random(0)
    words = [f"p{number}" for number in range(2000)]
    training = [" ".join(draw.choices(words, k=200)) for _ in range(5000)]
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(1000)]
    planted = " ".join(training[4321].split()[50:70])
    assert list(find_leaks([*texts, planted], training)) == [planted]


def test_texts_of_probes() -> None:
    turns = (("system", "Seja breve."), ("user", "Oi?"), ("assistant", "Olá."), ("user", "Tudo bem?"))
    probes = [Ask("a", 4), Ask(turns, 4), Score("b", (), "Qual? {input}"), Likelihood(" d", "c")]
    assert [list(texts_of(probe)) for probe in probes] == [["a"], ["Oi?", "Olá.", "Tudo bem?"], ["b"], ["c d"]]
    leaks = find_leaks(["Tudo bem?"], ["tudo bem"])
    leak = leak_of(probes, leaks)
    assert leak is not None
    assert (leak.text, leak.how, leak.reason.key) == ("Tudo bem?", "same", "audit.leaked_same")
    assert leak_of(probes[:1], leaks) is None


def test_a_long_text_is_cut_in_the_telling() -> None:
    text = "palavra " * 500
    assert len(find_leaks([text], [text])[text].reason.values["text"]) == 201


def test_words() -> None:
    assert words_of("Não é, d'água... 3,5%") == ("não", "é", "d", "água", "3", "5")


class TestTrainingTexts:
    def test_of_every_format(self, tmp_path: Path) -> None:
        chat = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                             {"role": "assistant", "content": "a"}]}  # fmt: skip
        for rows, texts in (
            ([{"text": "t1"}, {"text": "t2"}], ["t1", "t2"]),
            ([{"text": "t", "label": "x"}], ["t"]),
            ([{"prompt": "p", "completion": "c"}], ["p", "c"]),
            ([chat], ["u", "a"]),
        ):
            assert list(training_texts(str(write_lines(tmp_path / "rows.jsonl", rows)))) == texts
            assert list(training_texts(rows)) == texts

    def test_without_the_rows_that_a_run_held_out(self, tmp_path: Path) -> None:
        from afinar.data.prepare import prepare
        from tests.tiny import tiny_tokenizer

        rows = [{"text": f"frase {number}"} for number in range(40)]
        config = DataConfig(train=str(write_lines(tmp_path / "rows.jsonl", rows)), valid_fraction=0.2)
        prepared = prepare(config, tiny_tokenizer(), seed=4)
        tokenizer = tiny_tokenizer()
        expected = [tokenizer.decode(example.input_ids, skip_special_tokens=True) for example in prepared.train.examples]
        found = trained_texts(config, seed=4)
        assert 0 < len(found) < 40
        assert sorted(found) == sorted(expected)

    def test_all_of_them_where_the_held_out_rows_are_named(self, tmp_path: Path) -> None:
        path = str(write_lines(tmp_path / "rows.jsonl", [{"text": f"frase {number}"} for number in range(9)]))
        assert len(trained_texts(DataConfig(train=path, valid="outro.jsonl"), seed=0)) == 9
        assert len(trained_texts(DataConfig(train="sumiu.jsonl", valid="x"), seed=0, source=[{"text": "dado"}])) == 1

    def test_data_that_are_gone(self) -> None:
        with pytest.raises(DataError):
            list(training_texts("sumiu.jsonl"))
