"""Virtual tokens in every way of calling a model, against the base given the same embeddings by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache

from afinar.errors import ConfigError, ModelError
from afinar.methods.config import LoRA, PromptTuning
from afinar.methods.lora import LoRAMethod
from afinar.methods.prompt import PromptTuningMethod
from afinar.methods.virtual_tokens import prompt_of
from afinar.models import attention
from afinar.models.causal import supervise
from afinar.models.decoder import decoder_of, last_position, virtual_tokens
from afinar.models.heads import classify
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

P = 4
PAD = 0
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def prompted(architecture: str = "llama", task: str = "causal", **overrides: Any) -> Any:
    torch.manual_seed(4)
    model = tiny_model(architecture, task, **overrides)
    return PromptTuningMethod(PromptTuning(virtual_tokens=P)).attach(model)


def tokens(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(6)
    return [torch.randint(3, VOCAB, (length,), generator=generator) for length in lengths]


def embedded(model: Any, row_T: Tensor) -> Tensor:
    """(1, P + T, D): what the base is to read in place of prompt and row."""
    rows_TD = model.get_input_embeddings()(row_T)
    return torch.cat([prompt_of(model).embeddings(), rows_TD])[None]


@torch.no_grad()
def by_hand(model: Any, row_T: Tensor) -> Tensor:
    """(T, V): the base's logits at the row's own tokens, after the prompt."""
    prompt = prompt_of(model)
    inputs = embedded(model, row_T)
    prompt.enabled = False
    logits: Tensor = model(inputs_embeds=inputs).logits[0, P:]
    prompt.enabled = True
    return logits


def pad(rows: list[Tensor], side: str) -> dict[str, Tensor]:
    length = max(len(row) for row in rows)
    fills = [(length - len(row), 0) if side == "left" else (0, length - len(row)) for row in rows]
    ids = torch.stack([F.pad(row, fill, value=PAD) for row, fill in zip(rows, fills, strict=True)])
    mask = torch.stack([F.pad(torch.ones_like(row), fill) for row, fill in zip(rows, fills, strict=True)])
    return {"input_ids": ids, "attention_mask": mask}


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=2e-5)


@every_architecture
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padded_rows_without_positions(architecture: str, side: str) -> None:
    """The positions then count attended tokens, also in models that would count columns."""
    model, rows = prompted(architecture), tokens(5, 9)
    inputs = pad(rows, side)
    logits = model(**inputs).logits
    for row, got, mask in zip(rows, logits, inputs["attention_mask"], strict=True):
        close(got[mask.bool()], by_hand(model, row))


@every_architecture
@torch.no_grad()
def test_a_row_without_a_mask(architecture: str) -> None:
    model, (row,) = prompted(architecture), tokens(7)
    close(model(row[None]).logits[0], by_hand(model, row))
    close(model(inputs_embeds=model.get_input_embeddings()(row)[None]).logits[0], by_hand(model, row))


@torch.no_grad()
def test_positions_of_the_caller_s_go_on_after_the_prompt() -> None:
    """A row at positions 10, 11, ... has its prompt at 10 … 13: in a model of learned positions the base by hand agrees."""
    model, (row,) = prompted("gpt2"), tokens(6)
    got = model(row[None], position_ids=torch.arange(10, 16)[None]).logits[0]
    prompt = prompt_of(model)
    inputs = embedded(model, row)
    prompt.enabled = False
    close(got, model(inputs_embeds=inputs, position_ids=torch.arange(10, 20)[None]).logits[0, P:])


@every_architecture
@torch.no_grad()
def test_packed_rows(architecture: str) -> None:
    model, rows = prompted(architecture), tokens(5, 1, 8)
    attention.use(model)
    got = model(**attention.pack(rows)).logits[0].split([5, 1, 8])
    for row, logits in zip(rows, got, strict=True):
        close(logits, by_hand(model, row))


@torch.no_grad()
def test_a_packed_row_told_by_its_positions_alone() -> None:
    model, rows = prompted(), tokens(5, 8)
    packed = attention.pack(rows)
    got = model(input_ids=packed["input_ids"], position_ids=packed["position_ids"], use_cache=False).logits[0].split([5, 8])
    for row, logits in zip(rows, got, strict=True):
        close(logits, by_hand(model, row))


@every_architecture
def test_a_classifier_pools_the_same_token(architecture: str) -> None:
    model, rows = prompted(architecture, "classification"), tokens(5, 9)
    classify(model)
    with torch.no_grad():
        alone = torch.cat([model(row[None]).logits for row in rows])
        for side in ("left", "right"):
            close(model(**pad(rows, side)).logits, alone)
        prompt = prompt_of(model)
        prompt.enabled = False
        base = [model.score(decoder_of(model)(inputs_embeds=embedded(model, row)).last_hidden_state[0, -1]) for row in rows]
    close(alone, torch.stack(base))


@every_architecture
def test_the_same_tokens_are_scored_with_and_without_the_prompt(architecture: str) -> None:
    model, rows = supervise(prompted(architecture)), tokens(5, 9)
    inputs = pad(rows, "right")
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    labels[:, :2] = -100
    with torch.no_grad():
        losses = model(**inputs, labels=labels).token_losses
        expected = torch.cat([F.cross_entropy(by_hand(model, row)[1:-1], row[2:], reduction="none") for row in rows])
        prompt_of(model).enabled = False
        assert model(**inputs, labels=labels).token_losses.shape == losses.shape
    close(losses, expected)


SEARCHES: dict[str, dict[str, Any]] = {"greedy": {}, "beams": {"num_beams": 3}, "no-cache": {"use_cache": False}}


def answer(model: Any, **options: Any) -> list[list[int]]:
    settings = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None, "pad_token_id": PAD, **options}
    return model.generate(**settings)[:, -6:].tolist()


@pytest.mark.parametrize(
    ("architecture", "search"),
    # greedy answers of every architecture are in the contract suite
    [(architecture, "beams") for architecture in ARCHITECTURES]
    + [(architecture, search) for architecture in ("llama", "mistral", "gpt2", "opt") for search in ("greedy", "no-cache")],
)
def test_generate_is_that_of_the_base_after_the_same_embeddings(architecture: str, search: str) -> None:
    overrides = {"sliding_window": 5} if architecture in ("mistral", "gemma2") else {}
    model, rows = prompted(architecture, **overrides), tokens(5, 9)
    together = answer(model, **pad(rows, "left"), **SEARCHES[search])
    prompt = prompt_of(model)
    for row, got in zip(rows, together, strict=True):
        inputs = embedded(model, row)
        prompt.enabled = False
        assert answer(model, inputs_embeds=inputs, attention_mask=torch.ones(1, P + len(row)), **SEARCHES[search]) == [got]
        prompt.enabled = True


def test_generate_takes_embeddings_of_the_caller_s() -> None:
    model, (row,) = prompted(), tokens(5)
    inputs = model.get_input_embeddings()(row)[None]
    assert answer(model, inputs_embeds=inputs) == answer(model, input_ids=row[None])


def test_the_gradient_reaches_embeddings_of_the_caller_s_and_every_virtual_token() -> None:
    model, rows = prompted(), tokens(5, 9)
    inputs = pad(rows, "left")
    embeds = model.get_input_embeddings()(inputs["input_ids"]).detach().requires_grad_()
    model(inputs_embeds=embeds, attention_mask=inputs["attention_mask"]).logits[:, -5:].square().sum().backward()
    attended = inputs["attention_mask"].bool()
    assert (embeds.grad[attended].abs().sum(-1) > 0).all()
    assert not embeds.grad[~attended].any()
    assert (prompt_of(model).rows.embedding.weight.grad.abs().sum(-1) > 0).all()


@torch.no_grad()
def test_hidden_states_have_the_caller_s_tokens() -> None:
    model, rows = prompted(), tokens(5, 9)
    inputs = pad(rows, "left")
    made = model(**inputs, output_hidden_states=True)
    assert [states.shape[:2] for states in made.hidden_states] == [(2, 9)] * 3
    close(model.lm_head(made.hidden_states[-1]), made.logits)
    assert torch.equal(model(**inputs, return_dict=False)[0], made.logits)
    decoder = decoder_of(model)
    assert torch.equal(decoder(**inputs, return_dict=False)[0], decoder(**inputs).last_hidden_state)


@torch.no_grad()
def test_the_caller_s_inputs_stay_as_they_are() -> None:
    model, rows = prompted(), tokens(5, 9)
    inputs = pad(rows, "left") | {"position_ids": torch.arange(9).expand(2, -1).clone()}
    before = copy.deepcopy(inputs)
    model(**inputs)
    assert all(torch.equal(inputs[name], before[name]) for name in before)


@torch.no_grad()
def test_a_deep_copy_has_a_prompt_of_its_own() -> None:
    model, (row,) = prompted(), tokens(5)
    before = model(row[None]).logits
    other = copy.deepcopy(model)
    assert torch.equal(other(row[None]).logits, before)
    prompt_of(other).rows.embedding.weight.zero_()
    assert torch.equal(model(row[None]).logits, before)
    assert not torch.equal(other(row[None]).logits, before)


@torch.no_grad()
def test_a_call_that_fails_leaves_nothing_behind() -> None:
    model, rows = prompted(), tokens(5, 9)
    expected = model(rows[1][None]).logits
    with pytest.raises((ValueError, RuntimeError)):
        model(rows[0][None], position_ids=torch.zeros(3, 7, dtype=torch.long))
    assert torch.equal(model(rows[1][None]).logits, expected)


@torch.no_grad()
def test_a_row_without_any_attended_token_disturbs_no_other() -> None:
    """The dummy rows that even processes out."""
    model, rows = prompted(), tokens(9)
    ids = torch.stack([rows[0], torch.zeros_like(rows[0])])
    mask = torch.stack([torch.ones_like(rows[0]), torch.zeros_like(rows[0])])
    logits = model(input_ids=ids, attention_mask=mask).logits
    assert logits.isfinite().all()
    close(logits[0], by_hand(model, rows[0]))


@torch.no_grad()
def test_a_cache_goes_on_where_it_was() -> None:
    """Several tokens at once, as chunked prefill gives them, with a mask and without."""
    model, (row,) = prompted(), tokens(9)
    for mask in (None, torch.ones(1, 9, dtype=torch.long)):
        cache = DynamicCache()
        first = model(row[None, :4], past_key_values=cache, attention_mask=None if mask is None else mask[:, :4]).logits
        rest = model(row[None, 4:], past_key_values=cache, attention_mask=mask).logits
        close(torch.cat([first, rest], 1)[0], by_hand(model, row))


def test_positions_are_counted_for_whoever_asks() -> None:
    model = prompted()
    assert virtual_tokens(model) == P
    assert last_position(model, model.config) == 128 - P
    assert virtual_tokens(tiny_model()) == 0


@torch.no_grad()
def test_an_attention_mask_of_another_shape_is_refused() -> None:
    model, (row,) = prompted(), tokens(5)
    with pytest.raises(ModelError) as error:
        model(row[None], attention_mask=torch.ones(1, 1, 5, 5))
    assert error.value.key == "prompts.mask"


@torch.no_grad()
def test_a_static_cache_is_refused() -> None:
    model, (row,) = prompted(), tokens(5)
    with pytest.raises(ModelError) as error:
        model.generate(row[None], max_new_tokens=2, cache_implementation="static", pad_token_id=PAD)
    assert error.value.key == "prompts.static_cache"


@torch.no_grad()
def test_a_cache_from_elsewhere_is_refused() -> None:
    model, (row,) = prompted(), tokens(5)
    prompt, cache = prompt_of(model), DynamicCache()
    prompt.enabled = False
    model(row[None], past_key_values=cache, attention_mask=torch.ones(1, 5))
    prompt.enabled = True
    with pytest.raises(ModelError) as error:
        model(row[None, :1], past_key_values=cache, attention_mask=torch.ones(1, 6))
    assert error.value.key == "prompts.cache"
    assert (error.value.values["got"], error.value.values["expected"]) == (5, 5 + P)


def test_several_packed_rows_at_once_are_refused() -> None:
    model, rows = prompted(), tokens(6, 6)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 2, 3]])
    with pytest.raises(ModelError) as error:
        model(input_ids=torch.stack(rows), position_ids=positions)
    assert error.value.key == "prompts.packed_rows"


def test_a_prompt_that_leaves_no_position_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        PromptTuningMethod(PromptTuning(virtual_tokens=128)).attach(tiny_model())
    assert error.value.key == "prompts.too_many"


def test_a_model_that_carries_an_adapter_is_refused() -> None:
    model = LoRAMethod(LoRA(r=2)).attach(tiny_model())
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    with pytest.raises(ModelError) as error:
        PromptTuningMethod(PromptTuning(virtual_tokens=P)).attach(model)
    assert error.value.key == "prompts.already_adapted"
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == trained


def test_without_a_prompt_there_is_nothing_to_do() -> None:
    method = PromptTuningMethod(PromptTuning())
    for call in (method.state, lambda model: method.disabled(model).__enter__()):
        with pytest.raises(ModelError) as error:
            call(tiny_model())
        assert error.value.key == "prompts.not_attached"


def test_a_model_without_token_embeddings_is_refused() -> None:
    model = tiny_model()
    model.set_input_embeddings(torch.nn.Linear(2, 32))
    with pytest.raises(ModelError) as error:
        PromptTuningMethod(PromptTuning()).attach(model)
    assert error.value.key == "prompts.no_embeddings"


def test_a_prompt_says_what_it_is() -> None:
    assert "virtual_tokens=4" in repr(prompt_of(prompted()))
