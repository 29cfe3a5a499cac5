"""Where sub-layers enter the residual stream: the table against what the modules of each architecture really compute."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from afinar.errors import ModelError
from afinar.models import residual
from afinar.models.sublayers import BRANCHES, Branches, decoder_layers, known_branches
from tests.tiny import ARCHITECTURES, tiny_model

_SMALL = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
_EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
            "shared_expert_intermediate_size": 16}  # fmt: skip
_GPT = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_ctx": 64, "rotary_dim": 4}
OTHERS: dict[str, dict[str, Any]] = {
    "codegen": _GPT,
    "gptj": _GPT,
    "gpt_bigcode": _GPT,
    "gpt_neo": {"vocab_size": 64, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 64,
                "attention_types": [[["global", "local"], 1]]},
    **{name: {**_SMALL, **_EXPERTS} for name in ("gpt_oss", "mixtral", "qwen2_moe", "qwen3_moe")},
}  # fmt: skip
# Layers of the table's architectures that differ by their config.
SPECIAL: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt_neox-sequential": ("gpt_neox", {"use_parallel_residual": False}),
    "opt-post-norm": ("opt", {"do_layer_norm_before": False}),
    "stablelm-parallel": ("stablelm", {**_SMALL, "use_parallel_residual": True}),
}


ALL = {name: (name, {} if name in ARCHITECTURES else OTHERS.get(name, _SMALL)) for name in BRANCHES} | SPECIAL


class Case(NamedTuple):
    """A model and what passes through the modules of its second layer, by name."""

    model: Any
    branches: Branches
    taken: dict[str, Tensor]
    given: dict[str, Tensor]

    @property
    def normalises_the_stream(self) -> bool:
        """OPT-350m: its layers add up to something else."""
        return not getattr(self.model.config, "do_layer_norm_before", True)


@pytest.fixture(params=list(ALL))
def case(request: pytest.FixtureRequest) -> Case:
    return tried(request.param)


@functools.cache
def tried(label: str) -> Case:
    model = make(*ALL[label])
    branches = known_branches(model.config)
    assert branches is not None
    return Case(model, branches, *passed(model))


def make(architecture: str, settings: dict[str, Any]) -> Any:
    if architecture in ARCHITECTURES:
        return tiny_model(architecture, **settings)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **settings), dtype=torch.float32).eval()


def passed(model: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What the modules of the second layer take and give for five tokens, by name."""
    layer = list(decoder_layers(model).values())[1]
    taken: dict[str, Tensor] = {}
    given: dict[str, Tensor] = {}

    def recorder(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            tensor = args[0] if args else kwargs.get("hidden_states")
            if isinstance(tensor, Tensor):
                taken[name] = tensor.reshape(-1, tensor.shape[-1])
            output = output[0] if isinstance(output, tuple) else output
            if isinstance(output, Tensor):
                given[name] = output.reshape(-1, output.shape[-1])

        return hook

    handles = [module.register_forward_hook(recorder(name), with_kwargs=True) for name, module in layer.named_modules()]
    with torch.no_grad():
        model(input_ids=torch.tensor([[5, 6, 7, 8, 9]]), use_cache=False)
    for handle in handles:
        handle.remove()
    return taken, given


def test_the_branches_add_up_to_the_layer(case: Case) -> None:
    taken, given = case.taken, case.given
    attention, feed_forward = case.branches
    if case.normalises_the_stream:
        norm = list(decoder_layers(case.model).values())[1].final_layer_norm
        torch.testing.assert_close(given[""], norm(taken["fc1"] + given["fc2"]), atol=1e-6, rtol=1e-5)
        return
    total = taken[""] + given[attention.output] + given[feed_forward.output]
    torch.testing.assert_close(given[""], total, atol=1e-6, rtol=1e-5)


def test_the_streams_are_what_the_branches_are_added_to(case: Case) -> None:
    taken = case.taken
    attention, feed_forward = case.branches
    assert attention.stream is not None
    assert torch.equal(taken[attention.stream], taken[""])
    second = taken[""] + case.given[attention.output]
    if feed_forward.stream is None:  # parallel: nothing reads the sum of both
        assert not any(x.shape == second.shape and torch.allclose(x, second, atol=1e-6) for x in taken.values())
    elif not case.normalises_the_stream:
        torch.testing.assert_close(taken[feed_forward.stream], second, atol=1e-6, rtol=1e-5)


def test_before_a_norm_comes_what_it_normalises(case: Case) -> None:
    for branch in case.branches:
        if branch.before_norm is not None:
            assert "norm" in branch.output
            assert torch.equal(case.given[branch.before_norm], case.taken[branch.output])


def test_a_trial_finds_the_same_places(case: Case) -> None:
    found = residual.find_branches(case.model)
    if case.normalises_the_stream:
        assert found is None
        return
    assert found is not None
    for ours, theirs in zip(case.branches, found, strict=True):
        assert torch.equal(case.given[ours.output], case.given[theirs.output])
        assert (ours.stream is None) == (theirs.stream is None)
        if ours.stream is not None:
            assert torch.equal(case.taken[ours.stream], case.taken[str(theirs.stream)])


def test_the_trial_leaves_the_model_as_it_was() -> None:
    model = tiny_model("llama").train()
    names = [name for name, _ in model.named_modules()]
    residual.find_branches(model)
    assert model.training
    assert [name for name, _ in model.named_modules()] == names
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_trial_works_in_bfloat16() -> None:
    model = tiny_model("llama").bfloat16()
    found = residual.find_branches(model)
    assert found is not None
    assert (found.attention.output, found.feed_forward.output) == ("self_attn.o_proj", "mlp.down_proj")


def test_no_trial_without_weights() -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**_SMALL))
    assert residual.find_branches(model) is None


def test_candidates_are_linear_layers_of_the_model_s_width() -> None:
    assert residual.candidates(tiny_model("llama")) == ["self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj"]
    assert residual.candidates(tiny_model("gpt2")) == ["attn.c_proj", "mlp.c_proj"]


def test_layers_by_path() -> None:
    assert list(decoder_layers(tiny_model("gpt2"))) == ["transformer.h.0", "transformer.h.1"]
    assert list(decoder_layers(tiny_model("opt", "classification"))) == ["model.decoder.layers.0", "model.decoder.layers.1"]


def test_a_decoder_without_layers() -> None:
    model = tiny_model("llama")
    model.model.layers = nn.Sequential(*model.model.layers)
    with pytest.raises(ModelError) as error:
        decoder_layers(model)
    assert error.value.key == "bottleneck.no_layers"
