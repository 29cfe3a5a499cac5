from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afinar.data.formats import Completion, Labelled, Text, Turns
from afinar.data.holdout import content_key, held_out

KEYS = [content_key(Text(f"texto {number}")) for number in range(1000)]


def test_content_is_equal_whatever_its_case_blanks_and_unicode_form() -> None:
    key = content_key(Text("Não é Bom"))
    assert key == content_key(Text("  na\u0303o\n e\u0301 BOM ")) == content_key(Labelled("não é bom", "x"))
    assert key != content_key(Text("nao e bom"))
    assert content_key(Labelled("a", "sim")) == content_key(Labelled("a", "não"))


def test_content_is_prompt_and_completion_and_every_turn() -> None:
    assert content_key(Completion("a", "b", "plain")) == content_key(Completion("A ", "b", "other"))
    assert content_key(Completion("a", "b", "")) != content_key(Completion("a", "c", ""))
    assert content_key(Completion("ab", "c", "")) != content_key(Completion("a", "bc", ""))
    turn = ({"role": "user", "content": "a"},)
    assert content_key(Turns(turn)) != content_key(Turns(({"role": "assistant", "content": "a"},)))


def test_about_the_fraction_is_held_out_and_the_seed_chooses() -> None:
    chosen = held_out(KEYS, 0.2, seed=0)
    assert 150 < sum(chosen) < 250
    assert chosen == held_out(KEYS, 0.2, seed=0) != held_out(KEYS, 0.2, seed=1)


def test_a_row_stays_on_its_side_when_others_come_or_go() -> None:
    assert held_out(KEYS[500:], 0.2, seed=3) == held_out(KEYS, 0.2, seed=3)[500:]
    assert held_out(KEYS[::-1], 0.2, seed=3) == held_out(KEYS, 0.2, seed=3)[::-1]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.floats(0.01, 0.99), st.integers(-5, 5))
def test_equal_rows_are_on_one_side_and_both_sides_have_some(contents: list[int], fraction: float, seed: int) -> None:
    chosen = held_out([KEYS[content] for content in contents], fraction, seed)
    trained = {content for content, out in zip(contents, chosen, strict=True) if not out}
    held = {content for content, out in zip(contents, chosen, strict=True) if out}
    assert not trained & held
    assert trained
    assert held or len(set(contents)) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=1, max_size=40), st.floats(0.1, 0.9))
def test_every_class_keeps_training_rows(rows: list[tuple[int, str]], fraction: float) -> None:
    keys, labels = [KEYS[content] for content, _ in rows], [label for _, label in rows]
    chosen = held_out(keys, fraction, 0, labels)
    trained = {label for label, out in zip(labels, chosen, strict=True) if not out}
    assert trained == set(labels)
    held = {key for key, out in zip(keys, chosen, strict=True) if out}
    assert not held & {key for key, out in zip(keys, chosen, strict=True) if not out}
