from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from afinar.data.tokens import Tokens, byte_counts, eos_id, special_ids, surroundings, tokenise
from tests.data.raising import raises
from tests.data.vocabularies import CharacterTokenizer, merging_tokenizer
from tests.tiny import tiny_tokenizer

TEXTS = ["a", "São Paulo é maçã.", "  dois  espaços \n e 😀 emoji 中文", "Tudo bem? Tudo bem, obrigado.", "\t\n"]


def metaspace_tokenizer() -> PreTrainedTokenizerFast:
    """Words after ▁, which stands for the blank before them, as in SentencePiece models."""
    words = {"<unk>": 0, "</s>": 1, "▁São": 2, "▁Paulo": 3, "▁é": 4, "▁": 5}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", eos_token="</s>")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [tiny_tokenizer, merging_tokenizer, metaspace_tokenizer])
def test_bytes_of_the_tokens_add_up_to_those_of_the_text(make: type, text: str) -> None:
    tokens = tokenise(make(), text)
    counts = byte_counts(text, tokens)
    assert len(counts) == len(tokens)
    assert (counts >= 0).all()
    assert counts.sum() == len(text[: tokens.ends.max()].encode())


def test_bytes_of_a_prefix_are_those_of_its_text() -> None:
    tokenizer, text = merging_tokenizer(), "São Paulo é maçã, não é? Tudo bem."
    tokens = tokenise(tokenizer, text)
    counts = byte_counts(text, tokens)
    for length in range(1, len(tokens) + 1):
        decoded = tokenizer.decode(tokens.ids[:length].tolist())
        if "\ufffd" not in decoded:  # a border of characters
            assert counts[:length].sum() == len(decoded.encode())


def test_bytes_in_a_tokenizer_written_in_python() -> None:
    text = "maçã não"
    tokens = tokenise(CharacterTokenizer(), text)
    assert [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)] == list(text)
    assert byte_counts(text, tokens).tolist() == [len(character.encode()) for character in text]


def test_bytes_are_never_negative_where_places_go_back() -> None:
    """Some normalisers reorder characters, and the places of the tokens with them."""
    tokens = Tokens(np.array([7, 8, 9]), starts=np.array([1, 0, 2]), ends=np.array([2, 1, 3]))
    assert byte_counts("abc", tokens).tolist() == [2, 0, 1]


def test_an_empty_text_has_no_tokens() -> None:
    tokens = tokenise(tiny_tokenizer(), "")
    assert len(tokens) == 0
    assert byte_counts("", tokens).tolist() == []


@pytest.mark.parametrize(
    ("bos", "eos", "expected"),
    [(False, False, ([], [])), (True, False, ([1], [])), (False, True, ([], [2])), (True, True, ([1], [2]))],
)
def test_what_a_tokenizer_puts_around_a_text(bos: bool, eos: bool, expected: tuple[list[int], list[int]]) -> None:
    assert surroundings(merging_tokenizer(bos=bos, eos=eos)) == expected


def test_special_tokens_are_those_with_a_role_and_added_control_tokens() -> None:
    tokenizer = merging_tokenizer()
    tokenizer.add_tokens(["plain"])
    assert special_ids(tokenizer) == set(
        tokenizer.convert_tokens_to_ids(["<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>"])
    )


def test_a_tokenizer_without_eos() -> None:
    assert eos_id(merging_tokenizer()) == 2
    with raises("no_eos", tokenizer="TokenizersBackend"):
        eos_id(merging_tokenizer(eos_token=None))


def test_ids_are_those_of_the_tokenizer() -> None:
    tokenizer = merging_tokenizer(bos=True)
    for text in TEXTS:
        assert tokenise(tokenizer, text).ids.tolist() == tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenise(tokenizer, text).ids.dtype == np.int32
