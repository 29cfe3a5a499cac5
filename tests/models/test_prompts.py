from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from afinar.models.decoding import Generation
from afinar.models.prompts import Prompt, left_padded, prompt_batches
from afinar.models.search import Search, search
from tests.tiny import tiny_model, tiny_tokenizer

POSITIONS = 40


def rules(**settings: int) -> Search:
    return search(tiny_model(), tiny_tokenizer(), Generation(**settings))  # type: ignore[arg-type]


GREEDY, BEAMS = rules(), rules(num_beams=2)


def asked(pairs: list[tuple[int, int]]) -> list[Prompt]:
    """Prompts of (length, room), whose room lies within the positions."""
    return [Prompt(row, row, [7] * length, min(room, POSITIONS - length)) for row, (length, room) in enumerate(pairs)]


PAIRS = st.lists(st.tuples(st.integers(1, POSITIONS + 5), st.integers(-3, 30)), max_size=40)


@given(PAIRS, st.integers(1, 9), st.booleans(), st.booleans())
def test_each_prompt_with_room_comes_once_in_a_batch_that_it_can_share(pairs, batch_size, alike, beams):
    prompts = asked(pairs)
    batches = prompt_batches(prompts, BEAMS if beams else GREEDY, POSITIONS, batch_size, alike)
    assert sorted(prompt.row for batch in batches for prompt in batch) == [p.row for p in prompts if p.room >= 1]
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert batch[0].room == max(prompt.room for prompt in batch)
        assert all(len(prompt.tokens) + batch[0].room <= POSITIONS for prompt in batch)
        if beams:
            assert len({prompt.room for prompt in batch}) == 1
        if alike:
            assert len({len(prompt.tokens) for prompt in batch}) == 1


def test_prompts_of_like_length_share_a_batch_and_the_longest_come_first():
    batches = prompt_batches(asked([(3, 5), (9, 5), (2, 5), (8, 5)]), GREEDY, None, 2, False)
    assert [[len(prompt.tokens) for prompt in batch] for batch in batches] == [[9, 8], [3, 2]]


@pytest.mark.parametrize("settings", [{"num_beams": 2}, {}])
def test_where_the_limit_of_length_shapes_an_answer(settings):
    assert rules(**settings).length_matters is bool(settings)


def test_padding_stands_on_the_left_and_is_masked():
    ids, mask = left_padded([[5], [6, 7, 8]], 2, torch.device("cpu"))
    assert ids.tolist() == [[2, 2, 5], [6, 7, 8]]
    assert mask.tolist() == [[0, 0, 1], [1, 1, 1]]
