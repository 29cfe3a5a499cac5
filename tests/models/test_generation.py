"""A row's continuation: what it is, and that neither its batch nor its neighbours change it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from afinar.errors import DataError
from afinar.models.generation import Continuation, Generation, answer_text, before_end, generate_tokens
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

TEXTS = ["bom dia", "a", "o livro que li ontem", "café", "não sei dizer"]


def sharp(architecture: str = "llama", **overrides: Any) -> Any:
    """A random model with spread-out logits, so that a search never meets a tie."""
    model = tiny_model(architecture, **overrides)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def prompts() -> list[list[int]]:
    return [tiny_tokenizer()(text).input_ids for text in TEXTS]


def follow(model: Any, chain: dict[int, int], start: int) -> Any:
    """A model that says what `chain` has for the last token, and `start` after any other."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        output = type(model).forward(model, *args, **kwargs)
        output.logits = torch.zeros_like(output.logits)
        for row, token in enumerate(kwargs["input_ids"][:, -1].tolist()):
            output.logits[row, -1, chain.get(token, start)] = 9.0
        return output

    model.forward = forward
    return model


def stock(model: Any, prompt: list[int], **settings: Any) -> list[int]:
    """What transformers gives for one prompt without padding."""
    ids = torch.tensor([prompt])
    config = GenerationConfig(eos_token_id=2, pad_token_id=0, **settings)
    output = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    return before_end(output[0, len(prompt) :].tolist(), {2})


CASES: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 6},
    "beams": {"max_new_tokens": 6, "num_beams": 3},
    "beams, early and short": {"max_new_tokens": 6, "num_beams": 3, "early_stopping": True, "length_penalty": 0.2},
    "repetition": {"max_new_tokens": 6, "repetition_penalty": 1.4},
    "repetition under beams": {"max_new_tokens": 8, "repetition_penalty": 1.4, "num_beams": 2},
    "n-grams": {"max_new_tokens": 8, "no_repeat_ngram_size": 2},
    "least length": {"max_new_tokens": 8, "min_length": 12},
    "least new tokens": {"max_new_tokens": 8, "min_new_tokens": 8},
    "length in all": {"max_length": 24},
    "length in all under beams": {"max_length": 24, "num_beams": 2},
    "words kept out": {"max_new_tokens": 8, "suppress_tokens": [100, 101], "bad_words_ids": [[90], [91, 92]]},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("case", ["greedy", "beams", "repetition"])
def test_a_batch_gives_what_transformers_gives_for_each_prompt_alone(architecture, case):
    check_against_stock(sharp(architecture), CASES[case])


@pytest.mark.parametrize("case", [name for name in CASES if name not in ("greedy", "beams", "repetition")])
def test_settings_do_in_a_batch_what_they_do_alone(case):
    check_against_stock(sharp(), CASES[case])


def check_against_stock(model: Any, settings: dict[str, Any]) -> None:
    tokenizer = tiny_tokenizer(pad_is_eos=True)  # the padding is then what a penalty would punish
    found = [
        generate_tokens(model, tokenizer, prompts(), Generation(**settings), batch_size=batch_size) for batch_size in (5, 2)
    ]
    expected = [stock(model, prompt, **settings) for prompt in prompts()]
    assert [continuation.tokens for continuation in found[0]] == expected
    assert found[0] == found[1]
    assert any(expected)


@pytest.mark.parametrize("architecture", ["mistral", "gemma2"])
def test_padding_beyond_a_sliding_window_changes_nothing(architecture):
    model, long = sharp(architecture), [[9 + place % 90 for place in range(length)] for length in (3, 80, 100)]
    settings = {"max_new_tokens": 6}
    found = generate_tokens(model, tiny_tokenizer(), long, Generation(**settings), batch_size=3)
    assert [continuation.tokens for continuation in found] == [stock(model, prompt, **settings) for prompt in long]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_in_a_batch(dtype):
    model = sharp().to(dtype)
    settings = Generation(max_new_tokens=6)
    together = generate_tokens(model, tiny_tokenizer(), prompts(), settings, batch_size=5)
    assert together == generate_tokens(model, tiny_tokenizer(), prompts(), settings, batch_size=1)
    assert all(continuation.tokens for continuation in together)


@pytest.mark.parametrize("beams", [1, 2])
def test_sampling_depends_on_the_seed_and_the_place_alone(beams):
    model, tokenizer = tiny_model(), tiny_tokenizer()
    settings = Generation(max_new_tokens=6, do_sample=True, num_beams=beams, temperature=1.5, seed=3)
    first = generate_tokens(model, tokenizer, prompts(), settings, places=range(10, 15), batch_size=5)
    state = torch.get_rng_state()
    for rows in ([4, 1], [0, 2, 3]):  # as two processes would have them
        part = [prompts()[row] for row in rows]
        again = generate_tokens(model, tokenizer, part, settings, places=[10 + row for row in rows], batch_size=2)
        assert again == [first[row] for row in rows]
    assert torch.equal(torch.get_rng_state(), state)
    assert generate_tokens(model, tokenizer, prompts(), settings, batch_size=5) != first
    other = Generation(max_new_tokens=6, do_sample=True, num_beams=beams, temperature=1.5, seed=4)
    assert generate_tokens(model, tokenizer, prompts(), other, places=range(10, 15)) != first


def test_the_models_own_settings_hold_where_none_are_given():
    model, tokenizer = sharp(), tiny_tokenizer()
    model.generation_config.update(max_new_tokens=5, repetition_penalty=1.4, num_beams=2)
    found = generate_tokens(model, tokenizer, prompts(), Generation())
    expected = [stock(model, prompt, max_new_tokens=5, repetition_penalty=1.4, num_beams=2) for prompt in prompts()]
    assert [continuation.tokens for continuation in found] == expected
    without = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=5, inherit=False))
    model.generation_config = GenerationConfig()
    assert [continuation.tokens for continuation in without] == [stock(model, p, max_new_tokens=5) for p in prompts()]


class TestWhatEndsAnAnswer:
    def chained(self, text: str, end: str = "<eos>") -> tuple[Any, Any, list[int]]:
        tokenizer = tiny_tokenizer()
        answer = tokenizer(text).input_ids
        chain = dict(itertools.pairwise([*answer, tokenizer.convert_tokens_to_ids(end)]))
        return follow(tiny_model(), chain, answer[0]), tokenizer, answer

    def test_an_end_is_no_part_of_it(self):
        model, tokenizer, answer = self.chained("ok?!")
        found = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=9))
        assert found == [Continuation(answer, truncated=False)] * 5
        assert answer_text(tokenizer, found[0].tokens) == "ok?!"

    def test_an_answer_that_just_fits_is_not_cut_and_one_token_less_cuts_it(self):
        model, tokenizer, answer = self.chained("ok?!")
        fits = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=5))
        assert fits == [Continuation(answer, truncated=False)] * 5
        cut = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=4))
        assert cut == [Continuation(answer, truncated=True)] * 5  # its end was not seen

    @pytest.mark.parametrize("least", [{"min_length": 12}, {"min_new_tokens": 7}])
    def test_it_is_as_long_as_the_least_length_of_its_own_row(self, least):
        model = follow(tiny_model(), {}, start=2)  # would end at once
        found = generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=20, **least), batch_size=5)
        wanted = [least.get("min_new_tokens", 12 - len(prompt)) for prompt in prompts()]
        assert found == [Continuation([0] * length, truncated=False) for length in wanted]

    def test_a_token_that_is_given_ends_it(self):
        model, tokenizer, answer = self.chained("ok?!")
        found = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=9, eos_token_id=answer[2]))
        assert found == [Continuation(answer[:2], truncated=False)] * 5

    def test_a_string_that_is_given_ends_it_and_stays(self):
        model, tokenizer, answer = self.chained("ok?!")
        for batch_size in (1, 5):
            settings = Generation(max_new_tokens=9, stop_strings=["k?"])
            found = generate_tokens(model, tokenizer, prompts(), settings, batch_size=batch_size)
            assert found == [Continuation(answer[:3], truncated=False)] * 5

    def test_without_any_end_only_the_length_does(self):
        model, tokenizer = sharp(), tiny_tokenizer(chat=False)
        tokenizer.eos_token = tokenizer.pad_token = None
        model.generation_config.eos_token_id = None
        found = generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=7), batch_size=5)
        assert [len(continuation.tokens) for continuation in found] == [7] * 5
        assert found == generate_tokens(model, tokenizer, prompts(), Generation(max_new_tokens=7), batch_size=1)


class TestRoom:
    LONG = tuple([7] * length for length in (127, 120, 128, 126, 140, 3))

    @pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt"])
    @pytest.mark.parametrize("beams", [1, 2])
    def test_an_answer_stops_at_the_models_last_position(self, architecture, beams):
        model, tokenizer = sharp(architecture), tiny_tokenizer()
        settings = Generation(max_new_tokens=10, min_new_tokens=10, num_beams=beams)
        found = generate_tokens(model, tokenizer, self.LONG, settings, batch_size=3)
        assert [len(continuation.tokens) for continuation in found] == [1, 8, 0, 2, 0, 10]
        assert all(continuation.truncated for continuation in found)
        alone = [generate_tokens(model, tokenizer, [prompt], settings)[0] for prompt in self.LONG]
        assert found == alone

    def test_a_limit_in_all_leaves_no_room_either(self):
        settings = Generation(max_length=10)
        found = generate_tokens(sharp(), tiny_tokenizer(), [[7] * 10, [7] * 30, [7] * 8], settings)
        assert found[:2] == [Continuation([], truncated=True)] * 2
        assert len(found[2].tokens) <= 2

    def test_both_limits_hold(self):
        settings = Generation(max_length=10, max_new_tokens=4, min_new_tokens=4)
        found = generate_tokens(sharp(), tiny_tokenizer(), [[7] * 8, [7] * 3], settings)
        assert [len(continuation.tokens) for continuation in found] == [2, 4]

    def test_rows_with_less_room_share_a_batch_under_a_limit_in_all(self):
        calls = []
        settings = Generation(max_length=40)
        generate_tokens(
            tiny_model(), tiny_tokenizer(), [[7] * n for n in range(1, 9)], settings, on_batch=lambda *done: calls.append(done)
        )
        assert calls == [(8, 8)]

    def test_an_empty_prompt_is_an_error(self):
        with pytest.raises(DataError) as caught:
            generate_tokens(tiny_model(), tiny_tokenizer(), [[7], []], Generation())
        assert caught.value.key == "evaluation.empty_prompt"


def test_no_prompts_have_no_continuations():
    assert generate_tokens(tiny_model(), tiny_tokenizer(), [], Generation()) == []


def test_progress_counts_prompts_without_room_too():
    calls: list[tuple[int, int]] = []
    asked = [[7] * 128, [7], [8], [9, 9]]
    generate_tokens(
        tiny_model(),
        tiny_tokenizer(),
        asked,
        Generation(max_new_tokens=1),
        batch_size=2,
        on_batch=lambda *done: calls.append(done),
    )
    assert calls == [(3, 4), (4, 4)]


def test_the_cache_can_be_left_off():
    model = sharp()
    with_cache = generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=6))
    assert generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=6, use_cache=False)) == with_cache


def test_a_model_that_trains_with_checkpointing_generates_and_goes_on_training():
    model = sharp()
    expected = generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=6))
    model.gradient_checkpointing_enable()
    model.config.use_cache = False
    model.train()
    assert generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=6)) == expected
    assert model.training
    assert model.config.use_cache is False


class TestPeft:
    """Models that PEFT wraps: LoRA, and methods whose virtual tokens stand before the prompt."""

    def wrapped(self, config: Any) -> Any:
        from peft import get_peft_model

        torch.manual_seed(1)
        model = get_peft_model(sharp(), config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.normal_()
        return model

    def greedy(self, model: Any, prompt: list[int], n: int) -> list[int]:
        """Token by token through PEFT's own forward, without a cache."""
        tokens: list[int] = []
        for _ in range(n):
            ids = torch.tensor([prompt + tokens])
            with torch.no_grad():
                tokens.append(int(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -1].argmax()))
        return before_end(tokens, {2})

    @pytest.mark.parametrize("name", ["prompt", "p-tuning", "prefix", "lora"])
    def test_a_batch_gives_what_each_prompt_gives_alone(self, name):
        from peft import LoraConfig, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig

        virtual: dict[str, Any] = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 4}
        config = {
            "prompt": PromptTuningConfig(**virtual),
            "p-tuning": PromptEncoderConfig(**virtual, encoder_hidden_size=16),
            "prefix": PrefixTuningConfig(**virtual),
            "lora": LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "v_proj"]),
        }[name]
        model = self.wrapped(config)
        found = generate_tokens(model, tiny_tokenizer(), prompts(), Generation(max_new_tokens=4), batch_size=5)
        assert [continuation.tokens for continuation in found] == [self.greedy(model, prompt, 4) for prompt in prompts()]

    def test_virtual_tokens_take_positions(self):
        from peft import PromptTuningConfig

        model = self.wrapped(PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
        settings = Generation(max_new_tokens=9, min_new_tokens=9)
        found = generate_tokens(model, tiny_tokenizer(), [[7] * 121, [7] * 124], settings)
        assert [len(continuation.tokens) for continuation in found] == [3, 0]

    def test_the_wrapped_models_own_settings_stay_out_where_they_should(self):
        from peft import LoraConfig

        model = self.wrapped(LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
        settings = Generation(max_new_tokens=5, inherit=False)
        expected = generate_tokens(model, tiny_tokenizer(), prompts(), settings)
        model.base_model.model.generation_config.update(suppress_tokens=list(range(200)), num_beams=3)
        assert generate_tokens(model, tiny_tokenizer(), prompts(), settings) == expected
