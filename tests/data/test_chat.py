"""Masks against a plain reference: the pieces of each rendered text, tokenised apart, marked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from afinar.data.chat import Encoded, Encoder, encode_classified, encode_prompt, stop_token_ids
from afinar.data.formats import Completion, Labelled, Record, Text, Turns, alpaca_prompt
from afinar.data.rows import Place
from tests.data import vocabularies as v
from tests.data.raising import raises
from tests.data.vocabularies import merging_tokenizer, segments
from tests.tiny import tiny_tokenizer

PLACE = Place("a.jsonl", 3)


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


TALK = (
    message("system", "Seja breve."),
    message("user", "Tudo bem?"),
    message("assistant", "Tudo bem, maçã"),
    message("user", "Não sei."),
    message("assistant", "São Paulo"),
)


def encode(tokenizer: Any, record: Record) -> Encoded:
    return Encoder(tokenizer).encode(record, PLACE)


def labels(encoded: Encoded) -> list[int]:
    return np.where(encoded.supervised, encoded.ids, -100).tolist()


def same(encoded: Encoded, tokenizer: Any, *pieces: tuple[str, bool]) -> None:
    ids, learned = segments(tokenizer, *pieces)
    assert encoded.ids.tolist() == ids
    assert labels(encoded) == learned
    plain = "".join(text for text, is_learned in pieces if is_learned)
    for special in tokenizer.all_special_tokens + v.SPECIALS:
        plain = plain.replace(special, "")
    assert encoded.bytes[encoded.supervised].sum() == len(plain.encode())


@pytest.mark.parametrize("pad_is_eos", [False, True])
@pytest.mark.parametrize("chat", [False, True])
def test_text_is_learned_whole_with_eos(chat: bool, pad_is_eos: bool) -> None:
    tokenizer = tiny_tokenizer(chat, pad_is_eos)
    same(encode(tokenizer, Text("maçã é bom")), tokenizer, ("maçã é bom<eos>", True))


def test_text_keeps_one_bos_and_one_eos() -> None:
    for around in ({"bos": True}, {"bos": True, "eos": True}):
        tokenizer = merging_tokenizer(**around)
        same(encode(tokenizer, Text("Tudo bem")), tokenizer, ("<bos>", True), ("Tudo bem", True), ("<eos>", True))
        same(encode(tokenizer, Text("Tudo bem<eos>")), tokenizer, ("<bos>Tudo bem<eos>", True))


def test_a_classified_text_is_framed_by_the_tokenizer_and_ended_by_one_eos() -> None:
    for around in ({}, {"bos": True}, {"bos": True, "eos": True}):
        tokenizer = merging_tokenizer(v.CHATML, **around)
        encoded = encode(tokenizer, Labelled("Tudo bem", "sim"))
        framed = tokenizer("Tudo bem")["input_ids"]
        eos = tokenizer.eos_token_id
        assert encoded.ids.tolist() == (framed if framed[-1] == eos else [*framed, eos])
        assert encode_classified(tokenizer, "Tudo bem", 512) == encoded.ids.tolist()
        assert (encoded.label, encoded.reference, encoded.prompt) == ("sim", "sim", "Tudo bem")
        assert not encoded.supervised.any()


@pytest.mark.parametrize("bos", [False, True])
def test_strings_without_a_template_are_joined(bos: bool) -> None:
    tokenizer = merging_tokenizer(bos=bos)
    before = [("<bos>", False)] if bos else []
    record = Completion("Tudo bem?", " Não sei.", "Tudo bem?")
    encoded = encode(tokenizer, record)
    same(encoded, tokenizer, *before, ("Tudo bem?", False), (" Não sei.<eos>", True))
    assert encoded.ids[: encoded.prompt_length].tolist() == encode_prompt(tokenizer, "Tudo bem?")
    assert (encoded.prompt, encoded.reference) == ("Tudo bem?", " Não sei.")


def test_a_merge_across_the_border_does_not_change_the_prompts_tokens() -> None:
    tokenizer = merging_tokenizer()
    for cut in range(1, len("Tudo bem")):
        prompt, completion = "Tudo bem"[:cut], "Tudo bem"[cut:]
        encoded = encode(tokenizer, Completion(prompt, completion, prompt))
        assert encoded.ids[: encoded.prompt_length].tolist() == tokenizer(prompt)["input_ids"]
        assert tokenizer.decode(encoded.ids[encoded.supervised]) == completion + "<eos>"
        assert encoded.bytes.sum() == len("Tudo bem")
    joined = tokenizer("Tudo bem")["input_ids"]
    assert len(joined) < len("Tudo bem")  # merges there are


def test_an_empty_prompt_learns_the_completion() -> None:
    tokenizer = merging_tokenizer()
    encoded = encode(tokenizer, Completion("", "Oi!", ""))
    same(encoded, tokenizer, ("Oi!<eos>", True))
    assert encoded.prompt_length == 0


def test_strings_with_a_template_are_a_user_turn_and_an_assistant_turn() -> None:
    tokenizer = tiny_tokenizer()
    encoded = encode(tokenizer, Completion("Tudo bem?", "maçã", "plain"))
    same(encoded, tokenizer, ("<|user|>Tudo bem?<eos><|assistant|>", False), ("maçã<eos>", True))
    assert encoded.ids[: encoded.prompt_length].tolist() == encode_prompt(tokenizer, "Tudo bem?")
    assert encoded.prompt == "Tudo bem?"


def test_alpaca_rows_without_a_template_follow_the_classic_prompt() -> None:
    tokenizer = tiny_tokenizer(chat=False)
    plain = alpaca_prompt("Some.", "1 e 1")
    encoded = encode(tokenizer, Completion("Some.\n\n1 e 1", "2", plain))
    same(encoded, tokenizer, (plain, False), ("2<eos>", True))
    assert encode_prompt(tokenizer, encoded.prompt) == encoded.ids[: encoded.prompt_length].tolist()


CHATML_PIECES = (
    ("<|im_start|>system\nSeja breve.<|im_end|>\n<|im_start|>user\nTudo bem?<|im_end|>\n<|im_start|>assistant\n", False),
    ("Tudo bem, maçã<|im_end|>", True),
    ("\n<|im_start|>user\nNão sei.<|im_end|>\n<|im_start|>assistant\n", False),
    ("São Paulo<|im_end|>", True),
    ("\n", False),
)


@pytest.mark.parametrize("template", [v.CHATML, v.MARKED_CHATML, v.MARKS_WITHOUT_END])
@pytest.mark.parametrize("pad", ["<pad>", "<eos>", "<|im_end|>"])
def test_assistant_turns_with_their_end_are_learned_with_and_without_marks(template: str, pad: str) -> None:
    tokenizer = merging_tokenizer(template, pad_token=pad)
    encoded = encode(tokenizer, Turns(TALK))
    same(encoded, tokenizer, *CHATML_PIECES)
    assert encoded.ids.tolist() == tokenizer.apply_chat_template(list(TALK), return_dict=False)
    assert encoded.ids[: encoded.prompt_length].tolist() == encode_prompt(tokenizer, TALK[:-1])
    assert (encoded.prompt, encoded.reference) == (list(TALK[:-1]), "São Paulo")


def test_a_marked_turn_that_ends_in_a_character_of_several_tokens() -> None:
    """transformers' own mask loses all but the first token of the ã (tried on 5.23)."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ message['content'] + eos_token }}{% endgeneration %}", "{{ message['content'] }}{% endgeneration %}{{ eos_token }}"
    )
    turns = (message("user", "Oi"), message("assistant", "maçã"))
    theirs = tokenizer.apply_chat_template(list(turns), return_assistant_tokens_mask=True)["assistant_masks"]
    encoded = encode(tokenizer, Turns(turns))
    same(encoded, tokenizer, ("<|user|>Oi<eos><|assistant|>", False), ("maçã<eos>", True))
    assert sum(theirs) < encoded.supervised.sum()


def test_only_the_completions_turns_are_learned() -> None:
    for template in (v.CHATML, v.MARKED_CHATML, v.MARKS_WITHOUT_END):
        tokenizer = merging_tokenizer(template)
        pieces = [(text, learned and index > 1) for index, (text, learned) in enumerate(CHATML_PIECES)]
        same(encode(tokenizer, Turns(TALK, first=4)), tokenizer, *pieces)


def test_messages_after_the_last_answer_are_left_out() -> None:
    tokenizer = merging_tokenizer(v.CHATML)
    encoded = encode(tokenizer, Turns((*TALK, message("user", "E agora?"))))
    same(encoded, tokenizer, *CHATML_PIECES)


def test_bos_is_there_once_where_the_template_writes_it() -> None:
    tokenizer = merging_tokenizer(v.WITH_BOS, bos=True)
    assert tokenizer("Oi")["input_ids"][0] == tokenizer.bos_token_id
    encoded = encode(tokenizer, Turns(TALK))
    same(encoded, tokenizer, ("<bos>", False), *CHATML_PIECES)
    assert encode_prompt(tokenizer, "Oi").count(tokenizer.bos_token_id) == 1
    without = merging_tokenizer(v.CHATML, bos=True)
    assert without.bos_token_id not in encode(without, Turns(TALK)).ids
    assert encode_prompt(without, "Oi", chat=False) == without("Oi")["input_ids"]


def test_a_template_without_special_tokens_gets_eos_after_the_last_turn() -> None:
    tokenizer = merging_tokenizer(v.NO_END)
    encoded = encode(tokenizer, Turns(TALK[1:]))
    ids = encoded.ids.tolist()
    assert ids[:-1] == tokenizer.apply_chat_template(list(TALK[1:]), return_dict=False)
    assert (ids[-1], bool(encoded.supervised[-1])) == (tokenizer.eos_token_id, True)
    learned = tokenizer.decode([token for token in labels(encoded) if token != -100])
    assert learned == " Tudo bem, maçã\n São Paulo\n<eos>"


def test_marks_without_any_special_token_are_followed_to_their_last_character() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = v.MARKED_NO_END
    pieces = [
        ("user: Tudo bem?\nassistant:", False),
        (" Tudo bem, maçã", True),
        ("\nuser: Não sei.\nassistant:", False),
        (" São Paulo<eos>", True),
    ]
    same(encode(tokenizer, Turns(TALK[1:])), tokenizer, *pieces)


def test_a_template_that_closes_only_the_last_turn() -> None:
    tokenizer = merging_tokenizer(v.CLOSES_LAST)
    pieces = [
        ("[user]Tudo bem?[assistant]", False),
        ("Tudo bem, maçã", True),
        ("[user]Não sei.[assistant]", False),
        ("São Paulo<eos>", True),
    ]
    encoded = encode(tokenizer, Turns(TALK[1:]))
    assert tokenizer.decode(encoded.ids) == "".join(text for text, _ in pieces)
    learned = tokenizer.decode([token for token in labels(encoded) if token != -100])
    assert learned == "Tudo bem, maçãSão Paulo<eos>"


def test_a_prompt_that_is_no_prefix_is_an_error() -> None:
    with raises("template_prefix", path="a.jsonl", line=3, turn=2):
        encode(merging_tokenizer(v.OTHER_PROMPT), Turns((message("user", "Oi"), message("assistant", "Oi"))))


def test_a_turn_that_is_rendered_otherwise_later_is_an_error() -> None:
    tokenizer = merging_tokenizer(v.THINKS)
    with raises("template_turn", path="a.jsonl", line=3, turn=3):
        encode(tokenizer, Turns(TALK))
    encoded = encode(tokenizer, Turns(TALK, first=4))  # one answer, as the hint says
    learned = tokenizer.decode([token for token in labels(encoded) if token != -100])
    assert learned == "<think></think>São Paulo<|im_end|>"


def test_a_template_that_refuses_the_messages() -> None:
    with raises("template", path="a.jsonl", line=3, reason="System role not supported"):
        encode(merging_tokenizer(v.REFUSES_SYSTEM), Turns(TALK))


def test_conversations_need_a_template() -> None:
    with raises("no_template", path="a.jsonl", line=3):
        encode(merging_tokenizer(), Turns(TALK))
    with raises("no_template", path="prompt"):
        encode_prompt(merging_tokenizer(), [message("user", "Oi")])


def test_rows_without_an_answer() -> None:
    for turns in (TALK[:2], (message("user", "Oi"), message("assistant", "  "))):
        with raises("no_assistant", path="a.jsonl", line=3):
            encode(merging_tokenizer(v.CHATML), Turns(turns))
    with raises("no_assistant", path="a.jsonl", line=3):
        encode(merging_tokenizer(v.CHATML), Turns(TALK[:4], first=3))


def test_a_template_whose_marks_hold_nothing() -> None:
    empty = v.CHATML + "{% if false %}{% generation %}{% endgeneration %}{% endif %}"
    with raises("unsupervised", path="a.jsonl", line=3):
        encode(merging_tokenizer(empty), Turns(TALK))


def test_a_text_that_is_nothing_to_the_tokenizer() -> None:
    from tokenizers import normalizers

    tokenizer = merging_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("~", "")
    for record in (Text("~~"), Labelled("~", "sim")):
        with raises("unsupervised", path="a.jsonl", line=3):
            encode(tokenizer, record)


def test_text_needs_eos() -> None:
    with raises("no_eos"):
        encode(merging_tokenizer(eos_token=None), Text("Oi"))


def test_a_tokenizer_written_in_python_masks_by_prefixes() -> None:
    template = v.MARKED_CHATML.replace("<|im_start|>", "#").replace("<|im_end|>", "<eos>")
    tokenizer = v.CharacterTokenizer(chat_template=template)
    encoded = encode(tokenizer, Turns(TALK[1:]))
    pieces = [
        ("#user\nTudo bem?<eos>\n#assistant\n", False),
        ("Tudo bem, maçã<eos>", True),
        ("\n#user\nNão sei.<eos>\n#assistant\n", False),
        ("São Paulo<eos>", True),
        ("\n", False),
    ]
    ids, learned = segments(tokenizer, *pieces)
    assert encoded.ids.tolist() == ids
    assert labels(encoded) == learned


def test_a_prompt_string_is_a_user_turn_where_there_is_a_template() -> None:
    tokenizer = tiny_tokenizer()
    assert encode_prompt(tokenizer, "Oi") == tokenizer("<|user|>Oi<eos><|assistant|>")["input_ids"]
    assert encode_prompt(tokenizer, "Oi", chat=False) == tokenizer("Oi")["input_ids"]
    assert encode_prompt(merging_tokenizer(bos=True, eos=True), "Oi") == merging_tokenizer(bos=True)("Oi")["input_ids"]


def test_answers_stop_at_eos_and_at_the_templates_end_of_turn() -> None:
    tokenizer = merging_tokenizer(v.CHATML)
    assert set(stop_token_ids(tokenizer)) == set(tokenizer.convert_tokens_to_ids(["<eos>", "<|im_end|>"]))
    assert stop_token_ids(merging_tokenizer(v.NO_END)) == (2,)
    assert stop_token_ids(merging_tokenizer()) == (2,)
    assert stop_token_ids(tiny_tokenizer()) == (2,)
    assert stop_token_ids(merging_tokenizer(eos_token=None)) == ()
