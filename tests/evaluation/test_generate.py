from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
import torch

from afinar.errors import AfinarError
from afinar.evaluation.generate import end_tokens, generate, stream
from afinar.models.causal import supervise
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

TEXTS = ["bom dia", "a", "o livro que li ontem", "café", "não sei dizer"]


def sharp(architecture: str = "llama", **overrides: Any) -> Any:
    """A random model with spread-out logits, so that greedy search never meets a tie and EOS comes up now and then."""
    model = tiny_model(architecture, **overrides)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def prompts(tokenizer: Any) -> list[list[int]]:
    return [tokenizer(text).input_ids for text in TEXTS]


def greedy(model: Any, prompt: list[int], n: int, ends: set[int]) -> list[int]:
    """Token by token, without a cache."""
    tokens: list[int] = []
    with torch.no_grad():
        for _ in range(n):
            token = int(model(input_ids=torch.tensor([prompt + tokens])).logits[0, -1].argmax())
            if token in ends:
                break
            tokens.append(token)
    return tokens


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pad_is_eos", [False, True])
def test_a_greedy_batch_gives_what_each_prompt_gives_alone(architecture, pad_is_eos):
    model, tokenizer = sharp(architecture), tiny_tokenizer(pad_is_eos=pad_is_eos)
    expected = [tokenizer.decode(greedy(model, p, 12, {2}), skip_special_tokens=True) for p in prompts(tokenizer)]
    assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=12, batch_size=5) == expected
    assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=12, batch_size=2) == expected
    assert any(expected)


def ending_model(tokenizer: Any, answer: str, end: str = "<eos>") -> Any:
    """A model that says `answer` and then `end` after anything: its logits depend on the last token alone."""
    model = tiny_model()
    chain = [*tokenizer(answer).input_ids, tokenizer.convert_tokens_to_ids(end)]
    follows = dict(itertools.pairwise(chain))

    def forward(*args: Any, **kwargs: Any) -> Any:
        output = type(model).forward(model, *args, **kwargs)
        last = kwargs["input_ids"][:, -1].tolist()
        output.logits = torch.zeros_like(output.logits)
        for row, token in enumerate(last):
            output.logits[row, -1, follows.get(token, chain[0])] = 9.0
        return output

    model.forward = forward
    return model


@pytest.mark.parametrize("pad_is_eos", [False, True])
def test_an_answer_ends_before_eos_and_leaves_the_prompt_out(pad_is_eos):
    tokenizer = tiny_tokenizer(pad_is_eos=pad_is_eos)
    model = ending_model(tokenizer, "já vou")
    assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=40) == ["já vou"] * 5
    assert "".join(stream(model, tokenizer, prompts(tokenizer)[0], max_new_tokens=40)) == "já vou"


def test_an_end_of_turn_token_of_the_generation_config_ends_too():
    tokenizer = tiny_tokenizer()
    model = ending_model(tokenizer, "já vou", end="<|user|>")
    model.generation_config.eos_token_id = [2, tokenizer.convert_tokens_to_ids("<|user|>")]
    assert end_tokens(model, tokenizer) == [2, 4]
    assert generate(model, tokenizer, prompts(tokenizer)[:1], max_new_tokens=40) == ["já vou"]


def test_the_tokenizers_eos_ends_even_if_the_model_names_another():
    tokenizer = tiny_tokenizer()
    model = ending_model(tokenizer, "já vou")
    for named in (5, None):
        model.generation_config.eos_token_id = named
        assert generate(model, tokenizer, prompts(tokenizer)[:1], max_new_tokens=40) == ["já vou"]


def test_the_models_own_sampling_settings_do_not_interfere():
    model, tokenizer = sharp(), tiny_tokenizer()
    plain = generate(model, tokenizer, prompts(tokenizer), max_new_tokens=12)
    model.generation_config.update(
        do_sample=True,
        temperature=5.0,
        top_k=3,
        repetition_penalty=9.0,
        no_repeat_ngram_size=1,
        suppress_tokens=list(range(200)),
    )
    own = model.generation_config
    assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=12) == plain
    assert "".join(stream(model, tokenizer, prompts(tokenizer)[2], max_new_tokens=12)) == plain[2]
    assert model.generation_config is own


def test_sampling_repeats_with_the_seed_whatever_the_batch():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    settings: dict[str, Any] = {"max_new_tokens": 10, "temperature": 1.0, "top_p": 0.9}
    first = generate(model, tokenizer, prompts(tokenizer), seed=3, batch_size=5, **settings)
    torch.manual_seed(99)
    assert generate(model, tokenizer, prompts(tokenizer), seed=3, batch_size=2, **settings) == first
    assert generate(model, tokenizer, prompts(tokenizer), seed=4, batch_size=5, **settings) != first
    assert "".join(stream(model, tokenizer, prompts(tokenizer)[0], seed=3, **settings)) == first[0]
    assert len(set(generate(model, tokenizer, [prompts(tokenizer)[0]] * 4, seed=3, **settings))) > 1  # each draws its own


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt"])
def test_an_answer_stops_at_the_models_last_position(architecture):
    model, tokenizer = sharp(architecture), tiny_tokenizer()
    long, short = tokenizer("x" * 126).input_ids, tokenizer("y").input_ids
    both = generate(model, tokenizer, [long, short], max_new_tokens=8)
    assert both == [generate(model, tokenizer, [p], max_new_tokens=8)[0] for p in (long, short)]
    assert both[0] == tokenizer.decode(greedy(model, long, 2, {2}), skip_special_tokens=True)


def test_supervised_and_adapted_models_generate_too():
    from afinar.methods.base import create
    from afinar.methods.config import LoRA

    model, tokenizer = sharp(), tiny_tokenizer()
    base = generate(model, tokenizer, prompts(tokenizer), max_new_tokens=8)
    assert generate(supervise(model), tokenizer, prompts(tokenizer), max_new_tokens=8) == base
    method = create(LoRA(r=2))
    method.attach(model)
    assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=8) == base
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not name.endswith("A"):
                parameter.fill_(0.5)
    adapted = generate(model, tokenizer, prompts(tokenizer), max_new_tokens=8)
    assert adapted != base
    with method.disabled(model):
        assert generate(model, tokenizer, prompts(tokenizer), max_new_tokens=8) == base


def test_a_peft_model_generates_too():
    from peft import LoraConfig, TaskType, get_peft_model

    model, tokenizer = sharp(), tiny_tokenizer()
    base = generate(model, tokenizer, prompts(tokenizer), max_new_tokens=8)
    wrapped = get_peft_model(model, LoraConfig(task_type=TaskType.CAUSAL_LM, r=2, target_modules=["q_proj"]))
    assert generate(wrapped, tokenizer, prompts(tokenizer), max_new_tokens=8) == base
    assert "".join(stream(wrapped, tokenizer, prompts(tokenizer)[1], max_new_tokens=8)) == base[1]


def test_training_goes_on_afterwards():
    model, tokenizer = tiny_model("gpt2", resid_pdrop=0.5).train(), tiny_tokenizer()
    assert generate(model, tokenizer, prompts(tokenizer)) == generate(model, tokenizer, prompts(tokenizer))
    assert model.training
    list(stream(model, tokenizer, prompts(tokenizer)[0], max_new_tokens=3))
    assert model.training


def test_progress_reaches_the_number_of_prompts():
    calls: list[tuple[int, int]] = []
    tokenizer = tiny_tokenizer()
    generate(
        tiny_model(), tokenizer, prompts(tokenizer), max_new_tokens=2, batch_size=2, on_batch=lambda *call: calls.append(call)
    )
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_no_prompts_give_no_answers():
    assert generate(tiny_model(), tiny_tokenizer(), []) == []


# -- streams -----------------------------------------------------------------------------------------------------------------


def test_pieces_come_one_by_one_and_never_hold_half_a_character():
    tokenizer = tiny_tokenizer()
    pieces = list(stream(ending_model(tokenizer, "já v🙂"), tokenizer, [7], max_new_tokens=40))
    assert pieces == list("já v🙂")  # one byte a token: á waits for its second byte, the face for its fourth


def test_an_unfinished_character_at_the_end_is_given_as_generate_gives_it():
    model, tokenizer = ending_model(tiny_tokenizer(), "ébano"), tiny_tokenizer()
    assert "".join(stream(model, tokenizer, [7], max_new_tokens=1)) == generate(model, tokenizer, [[7]], max_new_tokens=1)[0]


def test_a_closed_stream_stops_the_model():
    tokenizer = tiny_tokenizer()
    model = ending_model(tokenizer, "ab", end="a")  # ababab..., without an end
    passes = []
    model.register_forward_pre_hook(lambda module, args: (passes.append(1), time.sleep(0.01))[1])
    pieces = stream(model, tokenizer, [7], max_new_tokens=100)
    assert [next(pieces), next(pieces)] == ["a", "b"]
    pieces.close()
    stopped = len(passes)
    assert stopped < 100
    assert model.generation_config.max_new_tokens is None  # the model's own settings are back
    time.sleep(0.05)
    assert len(passes) == stopped  # no thread is left


def test_gradients_stay_on_for_the_reader_between_pieces():
    pieces = stream(tiny_model(), tiny_tokenizer(), [7], max_new_tokens=5)
    next(pieces)
    assert torch.is_grad_enabled()
    pieces.close()


def test_an_error_of_the_model_reaches_the_reader():
    model = tiny_model()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of luck")

    model.model.layers[1].mlp.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        list(stream(model, tiny_tokenizer(), [7]))


# -- what is refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_settings_outside_their_range(settings, field):
    with pytest.raises(AfinarError) as caught:
        generate(tiny_model(), tiny_tokenizer(), [[7]], **settings)
    assert (caught.value.key, caught.value.values["field"]) == ("core.range", field)
    if field != "batch_size":
        with pytest.raises(AfinarError, match=field):
            stream(tiny_model(), tiny_tokenizer(), [7], **settings)  # at once, not when it is read


def test_an_empty_prompt():
    with pytest.raises(AfinarError, match="nothing to continue") as caught:
        generate(tiny_model(), tiny_tokenizer(), [[7], []])
    assert caught.value.key == "evaluation.empty_prompt"


def test_a_prompt_that_leaves_no_room():
    with pytest.raises(AfinarError) as caught:
        generate(tiny_model(), tiny_tokenizer(), [[7] * 128])
    assert (caught.value.key, caught.value.values) == ("evaluation.long_prompt", {"tokens": 128, "positions": 128})


def test_a_turn_ends_where_the_template_ends_it():
    """A base model's EOS is another token than the one its template ends turns with."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("eos_token", "'<|system|>'")
    turn_end = tokenizer.convert_tokens_to_ids("<|system|>")
    assert end_tokens(tiny_model(), tokenizer) == sorted({tokenizer.eos_token_id, turn_end})
