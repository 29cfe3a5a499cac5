"""Our attention inside transformers' models: against their own, packed, padded, cached, and where it cannot go."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.masking_utils import AttentionMaskInterface

from afinar.errors import ModelError
from afinar.models import attention
from afinar.models.attention import LazyMask, PrefixStates, pack, use
from afinar.models.attention_check import check_attention
from afinar.models.decoder import decoder_of
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
# Windows shorter than the rows below, so that they matter.
NARROW: dict[str, dict[str, Any]] = {"mistral": {"sliding_window": 4}, "gemma2": {"sliding_window": 4}}
TINY = {"vocab_size": VOCAB, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def model_of(architecture: str, task: str = "causal") -> Any:
    return tiny_model(architecture, task, **NARROW.get(architecture, {}))


def ids(rows: int = 3, length: int = 9) -> Tensor:
    return torch.randint(3, VOCAB, (rows, length), generator=torch.Generator().manual_seed(0))


def padded(side: str) -> dict[str, Tensor]:
    mask = torch.ones_like(ids())
    mask[0, :4] = mask[1, :7] = 0
    return {"input_ids": ids(), "attention_mask": mask if side == "left" else mask.flip(1)}


@torch.no_grad()
def logits(model: Any, **inputs: Any) -> Tensor:
    return model(**inputs).logits


def same(architecture: str, got: Tensor, expected: Tensor) -> None:
    """To the bit; but Gemma-2's eager attention, which has the soft-cap, rounds otherwise in older versions."""
    if architecture == "gemma2":
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(got, expected)


@every_architecture
@pytest.mark.parametrize("side", ["none", "left", "right"])
def test_it_computes_what_the_model_s_own_does(architecture: str, side: str) -> None:
    model = model_of(architecture)
    inputs = {"input_ids": ids()} if side == "none" else padded(side)
    attended = inputs.get("attention_mask", torch.ones_like(ids())).bool()
    own, before = logits(model, **inputs)[attended], model.config._attn_implementation
    assert use(model) == before
    same(architecture, logits(model, **inputs)[attended], own)


@every_architecture
def test_a_segment_gets_what_it_gets_alone(architecture: str) -> None:
    model = model_of(architecture)
    rows = [ids()[0], ids()[1, :1], ids()[2, :7]]
    alone = torch.cat([logits(model, input_ids=row[None])[0] for row in rows])
    use(model)
    torch.testing.assert_close(logits(model, **pack(rows))[0], alone, rtol=1e-5, atol=1e-6)


@every_architecture
@pytest.mark.parametrize("beams", [1, 3])
def test_generation_with_a_cache_is_the_model_s_own(architecture: str, beams: int) -> None:
    model = model_of(architecture)
    options = {**padded("left"), "max_new_tokens": 8, "num_beams": beams, "do_sample": False, "eos_token_id": None}
    own = model.generate(**options)
    use(model)
    assert torch.equal(model.generate(**options), own)


@pytest.mark.parametrize("architecture", ["llama", "mistral"])
def test_a_static_cache_works(architecture: str) -> None:
    model = model_of(architecture)
    options = {**padded("left"), "max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    own = model.generate(**options)
    use(model)
    model.generation_config.disable_compile = True  # seconds of compilation, which is not the matter here
    assert torch.equal(model.generate(**options, cache_implementation="static"), own)


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_gradients_are_the_model_s_own(architecture: str) -> None:
    def gradients(model: Any) -> list[Tensor]:
        inputs = padded("left")
        model(**inputs).logits[inputs["attention_mask"].bool()].square().mean().backward()
        return [parameter.grad for parameter in model.parameters()]

    own, ours = model_of(architecture), model_of(architecture)
    use(ours)
    for expected, got in zip(gradients(own), gradients(ours), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-7)


def test_a_packed_row_makes_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[LazyMask] = []
    monkeypatch.setattr(LazyMask, "dense", lambda self: made.append(self))
    model = model_of("gemma2")
    use(model)
    logits(model, **pack([ids()[0], ids()[1]]))
    assert made == []
    logits(model, input_ids=ids())
    assert made


def test_rows_that_only_restart_their_positions_are_kept_apart_too() -> None:
    model = model_of("llama")
    use(model)
    packed = pack([ids()[0], ids()[1]])
    by_positions = {"input_ids": packed["input_ids"], "position_ids": packed["position_ids"], "use_cache": False}
    torch.testing.assert_close(logits(model, **by_positions), logits(model, **packed), rtol=1e-5, atol=1e-6)


def test_a_mask_is_made_once_for_all_layers() -> None:
    model = model_of("llama")
    use(model)
    seen: list[Any] = []
    for layer in model.model.layers:
        layer.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs["attention_mask"]), with_kwargs=True)
    packed = pack([ids()[0], ids()[1]])
    logits(model, input_ids=packed["input_ids"], position_ids=packed["position_ids"], use_cache=False)
    assert isinstance(seen[0], LazyMask)
    assert seen[0] is seen[1]
    assert seen[0].dense() is seen[1].dense()
    assert seen[0].dense().shape == (1, 1, 18, 18)


def test_packing_says_where_the_segments_lie() -> None:
    packed = pack([torch.tensor([5, 6, 7]), torch.tensor([8])])
    assert packed["input_ids"].tolist() == [[5, 6, 7, 8]]
    assert packed["position_ids"].tolist() == [[0, 1, 2, 0]]
    assert packed["cu_seq_lens_q"].tolist() == packed["cu_seq_lens_k"].tolist() == [0, 3, 4]
    assert packed["cu_seq_lens_q"].dtype == torch.int32
    assert packed["max_length_q"] == packed["max_length_k"] == 3


def test_switching_back() -> None:
    model = model_of("llama")
    assert use(model) == "sdpa"
    assert model.config._attn_implementation == attention.NAME
    assert use(model, "sdpa") == attention.NAME
    assert model.config._attn_implementation == "sdpa"


def test_a_saved_model_does_not_ask_for_it(tmp_path: Any) -> None:
    model = model_of("llama")
    use(model)
    model.save_pretrained(tmp_path)
    assert attention.NAME not in (tmp_path / "config.json").read_text()


def test_a_prefix_reaches_the_layer_that_it_is_for() -> None:
    """A value of layer 1's prefix changes that layer's output and not the one below it."""
    model = model_of("llama")
    use(model)
    decoder = decoder_of(model)

    def hidden(value: float) -> Any:
        layers = [(torch.zeros(2, 1, 8), torch.full((2, 1, 8), filled)) for filled in (0.0, value)]
        states = PrefixStates(layers, torch.arange(1, 10)[None])
        return decoder(ids(), prefix=states, output_hidden_states=True).hidden_states

    zero, one = hidden(0.0), hidden(1.0)
    assert torch.equal(zero[1], one[1])
    assert not torch.allclose(zero[2], one[2])


def other(kind: str, **config: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**TINY, **config})).eval()


def test_families_that_the_tests_do_not_cover_are_tried() -> None:
    granite = other("granite", hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2)  # fmt: skip
    check_attention(granite, (2, 8))
    assert granite.config._attn_implementation == "sdpa"
    with pytest.raises(ModelError) as error:
        check_attention(granite, (4, 8))
    assert error.value.key == "prefix.uneven_layers"
    assert "(2, 8, 2, 8)" in error.value.message


def test_attention_of_the_model_s_own_is_refused() -> None:
    bloom = other("bloom", hidden_size=32, n_layer=2, n_head=4)
    with pytest.raises(ModelError) as error:
        check_attention(bloom, (4, 8))
    assert error.value.key == "prefix.attention_not_reached"
    assert (error.value.values["reached"], error.value.values["layers"]) == (0, 2)
    assert bloom.config._attn_implementation != "afinar_watched"


def test_attention_with_more_in_it_is_refused() -> None:
    """gpt-oss has sinks: a learnt score that takes part in each softmax."""
    sinks = other("gpt_oss", hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, head_dim=8, num_local_experts=2, num_experts_per_tok=1)  # fmt: skip
    with torch.no_grad():
        for layer in sinks.model.layers:
            layer.self_attn.sinks.fill_(3.0)
    with pytest.raises(ModelError) as error:
        check_attention(sinks, (2, 8))
    assert error.value.key == "prefix.attention_differs"


def test_segments_that_see_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that hands its attention no keywords: the probe has to notice, since nothing else would."""
    granite = other("granite", hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4)
    whole = attention.attention
    monkeypatch.setattr(attention, "attention", lambda *args, **kwargs: whole(*args, **{**kwargs, "cu_seq_lens_q": None}))
    monkeypatch.setattr(LazyMask, "dense", lambda self: None)
    with pytest.raises(ModelError) as error:
        check_attention(granite, (4, 8))
    assert error.value.key == "prefix.attention_leaks"


def test_the_names_are_registered_by_use_and_not_by_import() -> None:
    attention.register()
    assert AttentionMaskInterface()[attention.NAME] is attention.make_mask
