"""What an Encoder learns beside answers: prompts, whole conversations; and rows that only ask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from afinar.data.chat import Encoder, encode_prompt
from afinar.data.encoded import Encoded
from afinar.data.formats import Asked, Completion, Record, Text, Turns
from afinar.data.holdout import content_key
from afinar.data.loading import load
from afinar.data.rows import Place
from tests.data import vocabularies as v
from tests.data.raising import raises
from tests.data.vocabularies import merging_tokenizer
from tests.tiny import tiny_tokenizer

PLACE = Place("a.jsonl", 3)
ASKS = ({"role": "user", "content": "Tudo bem?"},)
TALK = (*ASKS, {"role": "assistant", "content": "Tudo bem, maçã"}, {"role": "user", "content": "Não sei."})
ENDED = (*TALK, {"role": "assistant", "content": "São Paulo"})


def learned(encoded: Encoded, tokenizer: Any) -> str:
    return tokenizer.decode(encoded.ids[encoded.supervised])


def encode(tokenizer: Any, record: Record, **learning: bool) -> Encoded:
    return Encoder(tokenizer, **learning).encode(record, PLACE)


@pytest.mark.parametrize("template", [v.CHATML, v.MARKED_CHATML, v.WITH_BOS, v.CLOSES_LAST, v.THINKS])
@pytest.mark.parametrize("talk", [ASKS, TALK, ENDED])
def test_a_conversation_learned_whole_is_what_the_template_writes(template: str, talk: tuple) -> None:
    tokenizer = merging_tokenizer(template)
    encoded = encode(tokenizer, Turns(talk), learn_conversations=True)
    reference = tokenizer.apply_chat_template(list(talk), return_dict=False)
    if template == v.CLOSES_LAST and talk is not ENDED:
        reference = [*reference, tokenizer.eos_token_id]  # no special token ends it
    assert encoded.ids.tolist() == reference
    assert encoded.supervised.all()
    assert encoded.reference == ("São Paulo" if talk is ENDED else None)


def test_the_last_answer_is_still_told_apart_where_its_prompt_begins_the_whole() -> None:
    for template, begins in ((v.CHATML, True), (v.THINKS, True), (v.OTHER_PROMPT, False)):
        tokenizer = merging_tokenizer(template)
        encoded = encode(tokenizer, Turns(ENDED), learn_conversations=True)
        asked = encode_prompt(tokenizer, ENDED[:-1])
        assert (encoded.ids[: len(asked)].tolist() == asked) is begins
        assert encoded.prompt_length == (len(asked) if begins else 0)
        assert encoded.prompt == list(ENDED[:-1])


def test_a_template_without_any_end_gets_eos() -> None:
    tokenizer = merging_tokenizer(v.NO_END)
    encoded = encode(tokenizer, Turns(ASKS), learn_conversations=True)
    assert learned(encoded, tokenizer) == "user: Tudo bem?\n<eos>"


@pytest.mark.parametrize("chat", [True, False])
def test_prompts_are_learned_where_that_is_asked_for(chat: bool) -> None:
    tokenizer = tiny_tokenizer(chat)
    record = Completion("Oi?", "Olá", "Oi?")
    plain, whole = encode(tokenizer, record), encode(tokenizer, record, learn_prompts=True)
    assert whole.ids.tolist() == plain.ids.tolist()
    assert whole.supervised.all()
    assert learned(plain, tokenizer) == "Olá<eos>"
    assert (whole.prompt_length, whole.prompt, whole.reference) == (plain.prompt_length, plain.prompt, plain.reference)
    assert whole.bytes.sum() == len("Oi?Olá".encode())


def test_each_choice_is_about_its_own_formats() -> None:
    tokenizer = merging_tokenizer(v.CHATML)
    completion = Turns(ENDED, first=1)
    assert learned(encode(tokenizer, completion), tokenizer) == "Tudo bem, maçã<|im_end|>São Paulo<|im_end|>"
    assert encode(tokenizer, completion, learn_prompts=True).supervised.all()
    answers = encode(tokenizer, Turns(ENDED), learn_prompts=True)
    assert learned(answers, tokenizer) == learned(encode(tokenizer, Turns(ENDED)), tokenizer)
    rest = encode(tokenizer, completion, learn_conversations=True)
    prompt = encode_prompt(tokenizer, ASKS)
    assert np.flatnonzero(rest.supervised).tolist() == list(range(len(prompt), len(rest.ids)))
    string = Completion("Oi?", "Olá", "Oi?")
    assert learned(encode(tokenizer, string, learn_conversations=True), tokenizer) == "Olá<|im_end|>\n"


def test_a_completion_that_does_not_follow_its_prompt() -> None:
    tokenizer = merging_tokenizer(v.OTHER_PROMPT)
    with raises("template_prefix", turn=2):
        encode(tokenizer, Turns(ENDED, first=1), learn_conversations=True)


def test_running_text_has_no_answers() -> None:
    with raises("no_answers", path="a.jsonl", line=3, setting="completion_only_loss"):
        Encoder(tiny_tokenizer(), answers_only="completion_only_loss").encode(Text("maçã"), PLACE)


@pytest.mark.parametrize("column", ["tools", "chat_template_kwargs"])
def test_columns_that_change_the_template_are_refused(column: str) -> None:
    for given in ({"messages": list(ENDED)}, {"prompt": list(ASKS), "completion": [ENDED[1]]}):
        with raises("template_column", line=1, column=column):
            loaded([{**given, column: {"enable_thinking": False}}])
        assert len(loaded([{**given, column: None}]).rows) == 1


# Rows that only ask


@pytest.mark.parametrize("prompt", ["Oi?", list(ASKS)])
def test_a_prompt_alone_is_what_a_model_is_asked_with(prompt: Any) -> None:
    tokenizer = tiny_tokenizer()
    encoded = encode(tokenizer, Asked(prompt))
    assert encoded.ids.tolist() == encode_prompt(tokenizer, prompt)
    assert (encoded.prompt, encoded.reference, encoded.asks) == (prompt, None, True)
    assert encoded.prompt_length == len(encoded.ids)
    assert not encoded.supervised.any()


def loaded(rows: list[dict], **options: Any) -> Any:
    return load(rows, Encoder(tiny_tokenizer()), format="auto", task="causal", split="valid", offline=False, **options)


def test_prompts_and_answers_may_stand_in_one_set() -> None:
    rows = [{"prompt": "a"}, {"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": None}]
    assert [row.encoded.asks for row in loaded(rows, prompts=True).rows] == [True, False, True]
    talks = [{"messages": list(talk)} for talk in (ASKS, TALK, ENDED)]
    assert [row.encoded.asks for row in loaded(talks, prompts=True).rows] == [True, True, False]
    sharegpt = [{"conversations": [{"from": "human", "value": "Oi"}]}]
    assert [row.encoded.prompt for row in loaded(sharegpt, prompts=True).rows] == [[{"role": "user", "content": "Oi"}]]


def test_prompts_are_errors_where_there_is_something_to_learn() -> None:
    with raises("columns", found="prompt"):
        loaded([{"prompt": "a"}])
    with raises("no_assistant", line=1):
        loaded([{"messages": list(ASKS)}])


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"prompt": ""}, "blank"),
        ({"prompt": None}, "none"),
        ({"prompt": [{"role": "user"}]}, "content"),
        ({"prompt": 3}, "type"),
    ],
)
def test_a_prompt_has_to_ask_something(row: dict, key: str) -> None:
    with raises(key, line=1):
        loaded([row], prompts=True)


def test_texts_are_no_prompts() -> None:
    assert [row.encoded.asks for row in loaded([{"text": "a"}], prompts=True).rows] == [False]


def test_equal_prompts_have_equal_keys() -> None:
    assert content_key(Asked("Oi ")) == content_key(Asked("oi")) != content_key(Asked("tchau"))
    assert content_key(Asked(list(ASKS))) == content_key(Turns(ASKS)) != content_key(Asked(list(TALK)))
    assert content_key(Asked("Oi")) == content_key(Text("Oi"))


def test_running_text_in_a_column_of_another_name() -> None:
    rows = [{"texto": "maçã", "text": "não", "id": 3}]
    found = loaded(rows, text_column="texto")
    assert tiny_tokenizer().decode(found.rows[0].encoded.ids) == "maçã<eos>"
    assert (found.format, found.extra_columns) == ("text", ("text", "id"))
    with raises("text_column", column="conteudo", found="texto, text, id"):
        loaded(rows, text_column="conteudo")
