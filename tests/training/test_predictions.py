"""From rows to prompts, answers and what `compute_metrics` is given: and no token of an answer on the wrong side."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from afinar.data.prepare import prepare_source
from afinar.errors import ConfigError, DataError
from afinar.models.generation import Generation, answer_text, generate_tokens
from afinar.training.arguments import SFTConfig
from afinar.training.predictions import Answered, Answers, check, generation_of, question
from tests.rows import causal_rows
from tests.tiny import tiny_model, tiny_tokenizer

CONVERSATIONS = [
    {"messages": [{"role": "user", "content": "oi"}, {"role": "assistant", "content": "olá!"}]},
    {
        "messages": [
            {"role": "system", "content": "breve"},
            {"role": "user", "content": "2+2?"},
            {"role": "assistant", "content": "4"},
            {"role": "user", "content": "e 3+3?"},
            {"role": "assistant", "content": "seis"},
        ]
    },
]
COMPLETIONS = [{"prompt": f"quanto é {n}+{n}?", "completion": f" {n + n}."} for n in range(5)]


def rows_of(raw: list[dict[str, Any]], tokenizer: Any) -> list[dict[str, Any]]:
    """Rows as the trainer has them."""
    examples = prepare_source(raw, tokenizer, task="causal", max_length=120)
    return [
        {
            "input_ids": example.input_ids,
            "labels": example.labels,
            "prompt_length": example.prompt_length,
            "prompt": example.prompt,
            "reference": example.reference,
        }
        for example in examples.examples
    ]


def sharp() -> Any:
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def answered(rows: list[dict[str, Any]], *, tokenizer: Any = None, model: Any = None, **options: Any) -> Answered:
    settings = options.pop("settings", Generation(max_new_tokens=6))
    answers = Answers(model or sharp(), tokenizer or tiny_tokenizer(), settings, **options)
    answers.add(enumerate(rows))
    return answers.generate()


class TestQuestion:
    @pytest.mark.parametrize(
        ("raw", "chat"),
        [(CONVERSATIONS, True), (COMPLETIONS, True), (COMPLETIONS, False)],
        ids=["conversations", "completions", "plain"],
    )
    @pytest.mark.parametrize("told", [True, False])
    def test_the_prompt_is_what_stands_before_the_last_answer(self, raw, chat, told):
        tokenizer = tiny_tokenizer(chat=chat, pad_is_eos=True)
        for number, row in enumerate(rows_of(raw, tokenizer)):
            length, reference = row["prompt_length"], row["reference"]
            asked = question(row if told else {"input_ids": row["input_ids"], "labels": row["labels"]}, number)
            assert asked.prompt == row["input_ids"][:length].tolist()
            assert asked.prompt + (asked.answer or []) == row["input_ids"].tolist()
            assert tokenizer.decode(asked.answer, skip_special_tokens=True) == reference
            assert not tokenizer.decode(asked.prompt).endswith(reference)

    def test_where_the_prompt_is_learned_too_its_length_tells(self):
        asked = question({"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8], "prompt_length": 3}, 0)
        assert (asked.prompt, asked.answer) == ([5, 6, 7], [8])

    def test_what_follows_the_answer_is_no_part_of_it(self):
        asked = question({"input_ids": [5, 6, 7, 8, 9], "labels": [-100, 6, -100, 8, -100]}, 0)
        assert (asked.prompt, asked.answer) == ([5, 6, 7], [8])

    @pytest.mark.parametrize("row", [{"input_ids": [5, 6]}, {"input_ids": [5, 6], "labels": [-100, -100]}])
    def test_a_row_without_an_answer_is_a_prompt(self, row):
        assert (question(row, 0).prompt, question(row, 0).answer) == ([5, 6], None)

    def test_a_prompt_alone_ends_where_its_length_says(self):
        assert question({"input_ids": [5, 6, 7], "prompt_length": 2}, 0).prompt == [5, 6]

    def test_a_row_whose_answer_was_cut_away(self):
        asked = question({"input_ids": [5, 6], "labels": [-100, -100], "prompt_length": 9}, 0)
        assert (asked.prompt, asked.answer) == ([5, 6], None)

    def test_arrays_and_tensors_are_read_alike(self):
        for kind in (np.array, torch.tensor):
            assert question({"input_ids": kind([5, 6, 7]), "labels": kind([-100, 6, 7])}, 0).answer == [6, 7]

    @pytest.mark.parametrize("prompt_length", [{}, {"prompt_length": 0}])
    def test_running_text_has_no_prompt(self, prompt_length):
        with pytest.raises(DataError) as caught:
            question({"input_ids": [5, 6], "labels": [5, 6], **prompt_length}, 3)
        assert (caught.value.key, caught.value.values) == ("training.no_prompt", {"row": 3})


class TestAnswers:
    def test_are_those_of_the_prompts_alone_in_the_order_of_the_rows(self):
        model, tokenizer, rows = sharp(), tiny_tokenizer(), rows_of(COMPLETIONS, tiny_tokenizer())
        settings = Generation(max_new_tokens=6)
        answers = Answers(model, tokenizer, settings, batch_size=3)
        answers.add([(4, rows[4]), (1, rows[1]), (-1, rows[0])])
        answers.add([(0, rows[0]), (3, rows[3]), (2, rows[2])])
        found = answers.generate()
        prompts = [row["input_ids"][: row["prompt_length"]].tolist() for row in rows]
        alone = [generate_tokens(model, tokenizer, [prompt], settings)[0] for prompt in prompts]
        assert [answer.place for answer in found.answers] == [0, 1, 2, 3, 4]
        assert [answer.tokens for answer in found.answers] == [continuation.tokens for continuation in alone]
        assert found.texts == [answer_text(tokenizer, continuation.tokens) for continuation in alone]
        assert found.prompts == [row["prompt"] for row in COMPLETIONS]
        assert found.references == [row["completion"] for row in COMPLETIONS]

    def test_nothing_of_an_answer_leaks(self):
        rows = rows_of(COMPLETIONS, tiny_tokenizer())
        others = []
        for row in rows:
            ids = row["input_ids"].copy()
            ids[row["prompt_length"] :] = 77
            others.append({**row, "input_ids": ids, "labels": np.where(row["labels"] == -100, -100, ids), "reference": "x"})
        first, second = answered(rows), answered(others)
        assert [answer.tokens for answer in first.answers] == [answer.tokens for answer in second.answers]
        assert first.prompts == second.prompts
        assert any(first.texts)

    def test_the_labels_give_the_reference_where_the_row_has_no_text(self):
        tokenizer = tiny_tokenizer()
        rows = [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows_of(CONVERSATIONS, tokenizer)]
        found = answered(rows)
        assert found.references == ["olá!", "seis"]
        assert found.prompts[0] == "<|user|>oi<eos><|assistant|>"  # as the model reads it

    def test_only_rows_below_the_limit_are_answered(self):
        found = answered(causal_rows(9), limit=4)
        assert [answer.place for answer in found.answers] == [0, 1, 2, 3]

    def test_sampling_is_seeded_by_the_place(self):
        rows, settings = causal_rows(6), Generation(max_new_tokens=5, do_sample=True, seed=1)
        whole = answered(rows, settings=settings)
        answers = Answers(sharp(), tiny_tokenizer(), settings)
        answers.add([(5, rows[5]), (2, rows[2])])
        assert answers.generate().answers == [whole.answers[2], whole.answers[5]]

    def test_rows_without_labels_have_answers_too(self):
        found = answered([{"input_ids": [7, 8, 9]}, {"input_ids": [9, 10]}])
        assert found.references == [None, None]
        assert found.arrays()[1] is None
        assert found.arrays()[0].shape[0] == 2

    def test_no_rows_at_all(self):
        found = answered([])
        assert (found.answers, found.counts()) == ([], {"generated": 0})
        assert found.arrays()[0].shape == (0, 0)

    def test_a_prompt_without_room_is_marked_and_told_of_and_nothing_fails(self):
        rows = [*causal_rows(2), {"input_ids": np.full(128, 7), "reference": "sim"}]
        with pytest.warns(UserWarning, match=r"1 of 3 prompts \(the first is row 2\) leave no room"):
            found = answered(rows)
        assert (found.texts[2], found.answers[2].truncated) == ("", True)
        assert all(found.texts[:2])

    def test_a_tokenizer_is_needed(self):
        with pytest.raises(ConfigError) as caught:
            Answers(tiny_model(), None, Generation())
        assert caught.value.key == "training.generation_tokenizer"


class TestArrays:
    @pytest.mark.parametrize("pad_is_eos", [True, False])
    def test_decode_to_the_texts_as_they_are(self, pad_is_eos):
        tokenizer = tiny_tokenizer(pad_is_eos=pad_is_eos)
        found = answered(rows_of(COMPLETIONS, tokenizer), tokenizer=tokenizer)
        predictions, labels = found.arrays()
        assert labels is not None
        assert (predictions >= 0).all()
        assert (labels >= 0).all()
        assert predictions.dtype == labels.dtype == np.int64
        assert tokenizer.batch_decode(predictions, skip_special_tokens=True) == found.texts
        assert tokenizer.batch_decode(labels, skip_special_tokens=True) == found.references

    def test_a_metric_written_for_seq2seq_reads_them(self):
        from afinar.metrics.generation import exact_match

        tokenizer = tiny_tokenizer()
        predictions, labels = answered(rows_of(COMPLETIONS, tokenizer)).arrays()
        labels = np.where(labels != -100, labels, tokenizer.pad_token_id)
        decoded = tokenizer.batch_decode(labels, skip_special_tokens=True)
        assert exact_match(decoded, [row["completion"] for row in COMPLETIONS]) == 1
        assert len(tokenizer.batch_decode(predictions, skip_special_tokens=True)) == 5

    def test_rows_of_different_lengths_are_filled_up_on_the_right(self):
        tokenizer = tiny_tokenizer()
        answer = tokenizer("ok?!").input_ids
        chain = dict(itertools.pairwise([*answer, 2]))
        model = tiny_model()

        def forward(*args: Any, **kwargs: Any) -> Any:
            output = type(model).forward(model, *args, **kwargs)
            output.logits = torch.zeros_like(output.logits)
            for row, token in enumerate(kwargs["input_ids"][:, -1].tolist()):
                output.logits[row, -1, chain.get(token, answer[0])] = 9.0
            return output

        model.forward = forward
        rows = [{"input_ids": [7, 8], "labels": [-100, 8]}, {"input_ids": [7, 8, answer[1]], "labels": [-100, 8, 9]}]
        rows.append({"input_ids": [7, answer[1]]})  # said already up to its second letter
        found = answered(rows, model=model)
        predictions, labels = found.arrays()
        assert predictions.tolist() == [answer, answer, [*answer[2:], 0, 0]]
        assert labels is not None
        assert labels.tolist() == [[8, 0], [8, 9], [0, 0]]
        assert found.counts() == {"generated": 3, "gen_len": 10 / 3, "truncated": 0.0}

    def test_the_share_of_answers_that_were_cut(self):
        found = answered(causal_rows(4), settings=Generation(max_new_tokens=3, min_new_tokens=3))
        assert found.counts() == {"generated": 4, "gen_len": 3.0, "truncated": 1.0}


class TestSettings:
    def of(self, overrides: dict[str, Any] | None = None, **settings: Any) -> Generation:
        return generation_of(SFTConfig("runs", use_cpu=True, **settings), overrides)

    def test_come_from_the_fields_of_the_arguments(self):
        found = self.of(
            max_new_tokens=9,
            generation_max_length=40,
            num_beams=2,
            do_sample=True,
            temperature=0.5,
            top_k=3,
            top_p=0.9,
            generation_seed=7,
        )
        assert found == Generation(
            max_new_tokens=9, max_length=40, num_beams=2, do_sample=True, temperature=0.5, top_k=3, top_p=0.9, seed=7
        )
        assert self.of() == Generation()

    def test_come_from_gen_kwargs_too(self):
        assert self.of(gen_kwargs={"max_new_tokens": 9, "repetition_penalty": 1.1, "seed": 3}, top_k=4) == Generation(
            max_new_tokens=9, repetition_penalty=1.1, seed=3, top_k=4
        )
        assert self.of(gen_kwargs={"num_beams": 2}, num_beams=2).num_beams == 2

    def test_of_one_call_win(self):
        found = self.of({"num_beams": 4, "max_new_tokens": 2}, max_new_tokens=9, gen_kwargs={"num_beams": 2})
        assert (found.num_beams, found.max_new_tokens) == (4, 2)

    def test_given_twice_contradict(self):
        with pytest.raises(ConfigError) as caught:
            self.of(gen_kwargs={"max_length": 9}, generation_max_length=8)
        assert caught.value.key == "training.generation_twice"
        assert caught.value.values == {"field": "generation_max_length", "got": 8, "name": "max_length", "other": 9}

    def test_unknown_ones_are_named(self):
        with pytest.raises(ConfigError) as caught:
            self.of(gen_kwargs={"max_tokens": 9})
        assert caught.value.key == "models.generation_setting"


class TestCheckedBeforeTraining:
    def check(
        self, rows: Any = None, *, model: Any = None, tokenizer: Any = None, task: str = "causal", **settings: Any
    ) -> None:
        check(model or tiny_model(), tokenizer, SFTConfig("runs", use_cpu=True, **settings), rows, task=task)

    def test_what_will_work(self):
        self.check(causal_rows(3), tokenizer=tiny_tokenizer())
        self.check(None, tokenizer=tiny_tokenizer(), do_sample=True, top_p=0.5)

    def test_a_classifier(self):
        with pytest.raises(ConfigError) as caught:
            self.check(task="classification", tokenizer=tiny_tokenizer())
        assert caught.value.key == "training.generation_classification"

    def test_no_tokenizer(self):
        with pytest.raises(ConfigError) as caught:
            self.check(causal_rows(3))
        assert caught.value.key == "training.generation_tokenizer"

    def test_settings_without_effect(self):
        with pytest.raises(ConfigError) as caught:
            self.check(tokenizer=tiny_tokenizer(), temperature=0.5)
        assert caught.value.key == "models.not_sampling"

    def test_running_text_among_the_rows_that_will_be_answered(self):
        rows = [*causal_rows(3), {"input_ids": [5, 6], "labels": [5, 6]}]
        self.check(rows, tokenizer=tiny_tokenizer(), generation_max_samples=3)
        with pytest.raises(DataError) as caught:
            self.check(rows, tokenizer=tiny_tokenizer())
        assert (caught.value.key, caught.value.values["row"]) == ("training.no_prompt", 3)
