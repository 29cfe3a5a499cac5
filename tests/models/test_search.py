from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from afinar.errors import ConfigError
from afinar.models.decoding import Generation
from afinar.models.search import DEFAULT_NEW_TOKENS, end_tokens, padding_id, search
from tests.tiny import tiny_model, tiny_tokenizer


def model(**own: Any) -> Any:
    """A model whose generation_config says `own`."""
    made = tiny_model()
    for name, value in own.items():
        setattr(made.generation_config, name, value)
    return made


def rules(own: dict[str, Any] | None = None, **given: Any) -> Any:
    return search(model(**(own or {})), tiny_tokenizer(), Generation(**given))


@pytest.mark.parametrize(
    ("own", "given", "limits"),
    [
        ({}, {}, (DEFAULT_NEW_TOKENS, None)),
        ({"max_new_tokens": 7}, {}, (7, None)),
        ({"max_length": 30}, {}, (None, 30)),
        ({"max_length": 30, "max_new_tokens": 7}, {}, (7, None)),
        ({"max_length": 30, "max_new_tokens": 7}, {"max_new_tokens": 9}, (9, None)),
        ({"max_length": 30, "max_new_tokens": 7}, {"max_length": 40}, (None, 40)),
        ({"max_length": 30}, {"max_new_tokens": 9, "max_length": 40}, (9, 40)),
        ({"max_length": 30, "max_new_tokens": 7}, {"inherit": False}, (DEFAULT_NEW_TOKENS, None)),
    ],
)
def test_the_limits_given_count_before_the_models(own, given, limits):
    found = rules(own, **given)
    assert (found.max_new_tokens, found.max_length) == limits


def test_what_is_not_given_is_the_models():
    own = {"do_sample": True, "temperature": 0.6, "top_k": 7, "top_p": 0.9, "repetition_penalty": 1.2, "suppress_tokens": [9]}
    found = rules(own, top_k=3)
    assert found.sampling
    assert [found.chosen[name] for name in ("temperature", "top_k", "top_p", "repetition_penalty")] == [0.6, 3, 0.9, 1.2]
    assert found.config.suppress_tokens == [9]
    plain = rules(own, inherit=False)
    assert not plain.sampling
    assert plain.history([5, 6], torch.device("cpu")) == []
    assert plain.config.suppress_tokens is None


def test_the_models_own_config_stays_as_it_is():
    own = model(do_sample=True, temperature=0.6, num_return_sequences=3, max_length=30)
    before = own.generation_config.to_dict()
    found = search(own, tiny_tokenizer(), Generation(num_beams=2, eos_token_id=7))
    assert own.generation_config.to_dict() == before
    assert (found.config.num_return_sequences, found.beams) == (1, 2)


def test_one_lower_limit_replaces_the_models_other_one():
    prompt, device = [5] * 4, torch.device("cpu")
    least = lambda found: [processor.min_length for processor in found.history(prompt, device)]  # noqa: E731
    assert least(rules({"min_length": 50}, min_new_tokens=3)) == [7]
    assert least(rules({"min_new_tokens": 50}, min_length=9)) == [9]
    assert least(rules({}, min_new_tokens=3, min_length=9)) == [9]
    assert least(rules({}, min_length=4)) == []


class TestSampling:
    @pytest.mark.parametrize(
        ("own", "given", "sampling"),
        [
            ({}, {}, False),
            ({}, {"do_sample": True}, True),
            ({"do_sample": True}, {"do_sample": False}, False),
            ({"do_sample": True}, {"temperature": 0}, False),
            ({}, {"temperature": 0.0}, False),
            ({}, {"do_sample": False, "temperature": 0.7}, False),
            ({"do_sample": True}, {"temperature": 0.7}, True),
            ({}, {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": 0.0}, False),
            ({}, {"top_k": 0, "typical_p": 1.0}, False),
        ],
    )
    def test_is_on_where_someone_asks_for_it(self, own, given, sampling):
        assert rules(own, **given).sampling is sampling

    @pytest.mark.parametrize(
        ("name", "value"), [("temperature", 0.7), ("top_k", 5), ("top_p", 0.9), ("min_p", 0.1), ("typical_p", 0.5)]
    )
    def test_a_setting_of_it_alone_is_no_silent_greedy_search(self, name, value):
        with pytest.raises(ConfigError) as caught:
            rules({}, **{name: value})
        assert (caught.value.key, caught.value.values) == ("models.not_sampling", {"field": name, "got": value})

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"temperature": 0.5, "top_k": 0},
            {"temperature": 2.0, "top_k": 9},
            {"top_k": 200, "top_p": 0.4},
            {"top_k": 0, "min_p": 0.2, "temperature": 0.7},
            {"typical_p": 0.3},
            {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "typical_p": 0.8},
        ],
    )
    def test_the_warpers_are_those_of_transformers(self, settings):
        own, ids = model(), torch.tensor([[9, 8, 7]])
        config = GenerationConfig(
            do_sample=True, max_new_tokens=1, return_dict_in_generate=True, output_scores=True, **settings
        )
        torch.manual_seed(0)
        expected = own.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config, output_logits=True)
        scores = expected.logits[0]
        for warper in rules({}, do_sample=True, **settings).warpers():
            scores = warper(ids, scores)
        assert torch.equal(scores, expected.scores[0])

    def test_the_models_cutoffs_apply_too(self):
        found = rules({"do_sample": True, "epsilon_cutoff": 0.01, "eta_cutoff": 0.02, "top_h": 0.5})
        assert [type(warper).__name__ for warper in found.warpers()] == [
            "TopHLogitsWarper",
            "TopKLogitsWarper",
            "EpsilonLogitsWarper",
            "EtaLogitsWarper",
        ]


class TestEnds:
    def test_are_the_tokenizers_the_templates_and_the_models(self):
        tokenizer = tiny_tokenizer()
        assert end_tokens(model(eos_token_id=[4, 2]), tokenizer) == [2, 4]
        assert end_tokens(model(eos_token_id=None), tokenizer) == [2]

    def test_are_those_given_where_any_are(self):
        assert rules({"eos_token_id": [4, 2]}, eos_token_id=9).ends == (9,)
        assert rules({}, eos_token_id=[9, 3, 9]).ends == (3, 9)

    def test_a_tokenizer_without_any_has_something_to_fill_up_with(self):
        tokenizer = tiny_tokenizer(chat=False)
        assert padding_id(tokenizer) == 0
        tokenizer.pad_token = None
        assert padding_id(tokenizer) == 2
        tokenizer.eos_token = None
        assert padding_id(tokenizer) == 0
        assert padding_id(tokenizer, Generation(pad_token_id=7)) == 7
        found = search(model(eos_token_id=None), tokenizer, Generation())
        assert (found.ends, found.config.eos_token_id) == ((), None)


def test_history_is_what_transformers_would_have_for_a_row_alone():
    found = rules(
        {"encoder_repetition_penalty": 1.5, "encoder_no_repeat_ngram_size": 3},
        repetition_penalty=1.2,
        no_repeat_ngram_size=2,
        min_new_tokens=1,
    )
    assert [type(processor).__name__ for processor in found.history([5, 6], torch.device("cpu"))] == [
        "EncoderRepetitionPenaltyLogitsProcessor",
        "RepetitionPenaltyLogitsProcessor",
        "NoRepeatNGramLogitsProcessor",
        "EncoderNoRepeatNGramLogitsProcessor",
        "MinLengthLogitsProcessor",
    ]
    assert (found.config.repetition_penalty, found.config.no_repeat_ngram_size) == (1.0, 0)  # not twice
