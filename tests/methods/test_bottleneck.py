"""Bottleneck adapters: the equation against sums written out, the places, the settings, and what is refused."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GraniteConfig, LlamaConfig

from afinar import Bottleneck, SFTConfig, SFTTrainer
from afinar.errors import ConfigError, ModelError
from afinar.methods.bottleneck import AdaptedBranch, BottleneckAdapter, BottleneckMethod, adapted_branches
from afinar.methods.bottleneck_places import Place
from afinar.methods.config import AdapterConfig
from afinar.training.roles import trained_parameters
from tests.rows import causal_rows
from tests.tiny import tiny_model, tiny_tokenizer

H = 6


def scrambled(module: nn.Module, seed: int = 3) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


def logits(model: Any, ids: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 6, 7, 8]]) if ids is None else ids).logits


def layer_norm(u: Tensor, norm: nn.LayerNorm) -> Tensor:
    middle, spread = u.mean(-1, keepdim=True), u.var(-1, keepdim=True, correction=0)
    return (u - middle) / (spread + norm.eps).sqrt() * norm.weight.double() + norm.bias.double()


def slow(adapter: BottleneckAdapter, u: Tensor) -> Tensor:
    """s · U act(D u + d) + e, entry by entry in float64, with tanh; norms where there are some."""
    u = u.double()
    u = u if adapter.norm_before is None else layer_norm(u, adapter.norm_before)
    units = torch.zeros(*u.shape[:-1], adapter.down.out_features, dtype=torch.float64)
    for s in range(units.shape[-1]):
        for h in range(H):
            units[..., s] += float(adapter.down.weight[s, h]) * u[..., h]
        units[..., s] = (units[..., s] + float(adapter.down.bias[s])).tanh()
    out = torch.zeros_like(u)
    scaling = adapter.scaling if isinstance(adapter.scaling, float) else adapter.scaling.detach().double()
    for h in range(H):
        for s in range(units.shape[-1]):
            out[..., h] += float(adapter.up.weight[h, s]) * units[..., s]
        out[..., h] += float(adapter.up.bias[h])
    out = out * scaling
    return out if adapter.norm_after is None else layer_norm(out, adapter.norm_after)


class TestEquation:
    @pytest.mark.parametrize(
        "settings",
        [{}, {"scaling": 2.5}, {"scaling": "learned"}, {"scaling": "channel"}, {"ln_before": True}, {"ln_after": True}],
    )
    def test_against_the_sums_written_out(self, settings: dict[str, Any]) -> None:
        adapter = scrambled(BottleneckAdapter(H, AdapterConfig(size=4, activation="tanh", **settings)))
        u = torch.randn(2, 3, H, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(adapter(u).double(), slow(adapter, u), atol=1e-6, rtol=1e-5)

    @pytest.mark.parametrize("reads", ["branch", "sum", "stream"])
    def test_what_it_reads_and_what_it_is_added_to(self, reads: str) -> None:
        base = nn.Linear(H, H)
        stream = None if reads == "branch" else "norm"
        branch = AdaptedBranch(base, BottleneckAdapter(H, AdapterConfig(size=4)), Place(0, "", "attention", "", stream, reads))
        scrambled(branch.adapter)
        x, z = torch.randn(2, 3, H), torch.randn(2, 3, H)
        h = base(z)
        if stream is not None:
            branch.keep_stream(base, (x,), {})
        read = {"branch": h, "sum": x + h, "stream": x}[reads]
        assert torch.equal(branch(z), h + branch.adapter(read))

    def test_the_first_of_several_outputs_is_adapted(self) -> None:
        class Attention(nn.Module):
            def forward(self, hidden_states: Tensor) -> tuple[Tensor, None, str]:
                return hidden_states, None, "kept"

        place = Place(0, "", "attention", "", None, "branch")
        branch = AdaptedBranch(Attention(), scrambled(BottleneckAdapter(H, AdapterConfig(size=2))), place)
        x = torch.randn(1, 2, H)
        out = branch(hidden_states=x)
        assert torch.equal(out[0], x + branch.adapter(x))
        assert out[1:] == (None, "kept")

    def test_dropout_is_on_the_output_and_only_in_training(self) -> None:
        adapter = scrambled(BottleneckAdapter(H, AdapterConfig(size=4, dropout=0.5)))
        u = torch.randn(50, H)
        kept = adapter.eval()(u)
        assert torch.equal(kept, adapter(u))
        dropped = adapter.train()(u)
        assert torch.all((dropped == 0) | torch.isclose(dropped, 2 * kept))
        assert 0.3 < float((dropped == 0).float().mean()) < 0.7

    def test_bfloat16_goes_through_and_the_weights_stay_float32(self) -> None:
        adapter = BottleneckAdapter(H, AdapterConfig(size=4, scaling="channel", ln_before=True, ln_after=True))
        out = scrambled(adapter)(torch.randn(2, H, dtype=torch.bfloat16))
        assert out.dtype == torch.bfloat16
        assert {parameter.dtype for parameter in adapter.parameters()} == {torch.float32}


class TestInit:
    def test_mam_adapter_is_the_base(self) -> None:
        adapter = BottleneckAdapter(256, AdapterConfig(size=64))
        assert not adapter.up.weight.any()
        bound = math.sqrt(6 / (1 + 5) / 256)  # Kaiming uniform with a = √5
        assert 0.9 * bound < float(adapter.down.weight.detach().abs().max()) <= bound

    @pytest.mark.parametrize(("init", "std", "most"), [("bert", 0.02, 0.2), ("houlsby", 0.01 * 0.8796, 0.02)])
    def test_the_others_are_near_it(self, init: str, std: float, most: float) -> None:
        # 0.8796: what is left of a normal's deviation when it is cut at two
        adapter = BottleneckAdapter(256, AdapterConfig(size=64, init=init))
        for layer in (adapter.down, adapter.up):
            assert float(layer.weight.detach().std()) == pytest.approx(std, rel=0.03)
            assert float(layer.weight.detach().abs().max()) <= most
            assert not layer.bias.any()
        assert not BottleneckMethod(AdapterConfig(init=init)).starts_at_base
        assert BottleneckMethod(AdapterConfig()).starts_at_base


def expected_paths(*names: str, start: str = "model.layers") -> set[str]:
    return {f"{start}.{layer}.{name}" for layer in range(2) for name in names}


class TestPlaces:
    @pytest.mark.parametrize(
        ("architecture", "config", "paths"),
        [
            ("llama", AdapterConfig(), expected_paths("self_attn.o_proj", "mlp")),
            ("llama", AdapterConfig(placement="pfeiffer"), expected_paths("mlp")),
            ("llama", AdapterConfig(placement="pfeiffer", attention=True), expected_paths("self_attn.o_proj", "mlp")),
            ("llama", AdapterConfig(feed_forward=False, leave_out=(1,)), {"model.layers.0.self_attn.o_proj"}),
            ("gemma2", AdapterConfig(), expected_paths("post_attention_layernorm", "post_feedforward_layernorm")),
            ("gemma2", AdapterConfig(before_post_norm=True), expected_paths("self_attn.o_proj", "mlp")),
            ("gpt2", AdapterConfig(), expected_paths("attn.resid_dropout", "mlp", start="transformer.h")),
            (
                "gpt_neox", AdapterConfig(placement="parallel"),
                expected_paths("post_mlp_dropout", start="gpt_neox.layers"),
            ),
            ("opt", AdapterConfig(), expected_paths("self_attn.out_proj", "fc2", start="model.decoder.layers")),
        ],
    )  # fmt: skip
    def test_of_each_placement(self, architecture: str, config: AdapterConfig, paths: set[str]) -> None:
        model = BottleneckMethod(config).attach(tiny_model(architecture))
        assert adapted_branches(model).keys() == paths

    @pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2", "gpt_neox", "phi"])
    def test_only_the_branch_changes(self, architecture: str) -> None:
        """Adapters that give minus what they read cancel the branch, so the layers pass the stream on untouched."""
        model = tiny_model(architecture)
        BottleneckMethod(AdapterConfig(size=H, activation="linear")).attach(model)
        for branch in adapted_branches(model).values():
            branch.adapter = nn.Module()
            branch.adapter.forward = torch.neg  # type: ignore[method-assign]
        with torch.no_grad():
            states = model(input_ids=torch.tensor([[5, 6, 7]]), output_hidden_states=True).hidden_states
        assert torch.equal(states[0], states[1])

    def test_the_adapters_of_a_copy_read_the_copy_s_stream(self) -> None:
        model = BottleneckMethod(AdapterConfig(placement="pfeiffer", size=4)).attach(tiny_model())
        for branch in adapted_branches(model).values():
            scrambled(branch.adapter)
        before, other = logits(model), copy.deepcopy(model)
        with torch.no_grad():
            model.model.embed_tokens.weight.zero_()
        assert not torch.equal(logits(model), before)
        assert torch.equal(logits(other), before)
        for branch in adapted_branches(model).values():
            assert branch._stream is None  # no activation is kept

    def test_without_the_stream_s_module_before_it(self) -> None:
        model = BottleneckMethod(AdapterConfig(placement="pfeiffer", size=4)).attach(tiny_model())
        with pytest.raises(ModelError) as error:
            model.model.layers[0].mlp(torch.zeros(1, 2, 32))
        assert error.value.key == "bottleneck.no_stream_seen"
        assert error.value.values["stream"] == "model.layers.0.post_attention_layernorm"

    def test_they_are_adapters_to_the_optimizer(self) -> None:
        config = AdapterConfig(placement="pfeiffer", scaling="learned", ln_after=True, size=4)
        model = BottleneckMethod(config).attach(tiny_model("gpt2", "classification"))
        items, layers = trained_parameters(model)
        assert {item.role for item in items} == {"adapter", "head"}
        assert (layers, {item.layer for item in items if item.role == "adapter"}) == (2, {0, 1})


SMALL = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2}  # fmt: skip


class TestUnknownArchitectures:
    def granite(self) -> Any:
        """It multiplies its branches, so that no two modules add up to what a layer adds."""
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(GraniteConfig(**SMALL, residual_multiplier=0.5)).eval()

    @pytest.mark.parametrize("placement", ["houlsby", "pfeiffer", "parallel"])
    def test_a_trial_finds_the_places(self, placement: str) -> None:
        model = tiny_model()
        model.config.model_type = "new_architecture"
        config = AdapterConfig(placement=placement, size=3)
        before, count = logits(model), BottleneckMethod(config).trainable_count(model)
        BottleneckMethod(config).attach(model)
        assert torch.equal(logits(model), before)
        assert adapted_branches(model).keys() <= expected_paths("self_attn.o_proj", "mlp.down_proj")
        assert count == sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

    def test_the_error_lists_candidates(self) -> None:
        with pytest.raises(ModelError) as error:
            BottleneckMethod(AdapterConfig()).attach(self.granite())
        assert error.value.key == "bottleneck.unknown_architecture"
        assert error.value.values["candidates"] == "self_attn.q_proj, self_attn.o_proj, mlp.down_proj"
        assert "method.attention_output" in error.value.hint

    def test_places_can_be_named(self) -> None:
        config = AdapterConfig(attention_output="self_attn.o_proj", feed_forward_output="mlp.down_proj")
        model = BottleneckMethod(config).attach(self.granite())
        assert adapted_branches(model).keys() == expected_paths("self_attn.o_proj", "mlp.down_proj")

    def test_a_name_that_the_layer_lacks(self) -> None:
        with pytest.raises(ConfigError) as error:
            BottleneckMethod(AdapterConfig(attention_output="attn.wo")).attach(tiny_model())
        assert error.value.key == "bottleneck.no_module"
        assert "self_attn.o_proj" in error.value.message

    def test_a_named_place_has_no_known_stream(self) -> None:
        config = AdapterConfig(placement="pfeiffer", feed_forward_output="mlp.down_proj")
        with pytest.raises(ConfigError) as error:
            BottleneckMethod(config).attach(self.granite())
        assert error.value.key == "bottleneck.no_stream"


class TestRefusals:
    def test_attached_twice(self) -> None:
        method = BottleneckMethod(AdapterConfig(size=2))
        model = method.attach(tiny_model())
        with pytest.raises(ModelError) as error:
            method.attach(model)
        assert error.value.key == "bottleneck.already_attached"

    def test_not_attached(self) -> None:
        with pytest.raises(ModelError) as error:
            BottleneckMethod(AdapterConfig(size=2)).state(tiny_model())
        assert error.value.key == "bottleneck.not_attached"

    def test_merging(self) -> None:
        method = BottleneckMethod(AdapterConfig(size=2))
        with pytest.raises(ModelError) as error:
            method.merge(method.attach(tiny_model()))
        assert (error.value.key, error.value.values["name"]) == ("methods.no_merge", "bottleneck")

    @pytest.mark.parametrize(("layers", "key"), [((2,), "bottleneck.no_such_layer"), ((0, 1), "bottleneck.all_left_out")])
    def test_layers(self, layers: tuple[int, ...], key: str) -> None:
        with pytest.raises(ConfigError) as error:
            BottleneckMethod(AdapterConfig(leave_out=layers)).attach(tiny_model())
        assert error.value.key == key


class TestConfig:
    def test_a_placement_fills_what_is_left_open(self) -> None:
        houlsby, parallel = AdapterConfig(), AdapterConfig(placement="parallel", activation="gelu")
        assert (houlsby.attention, houlsby.reads, houlsby.activation, houlsby.reduction_factor) == (
            True,
            "branch",
            "swish",
            16,
        )
        assert (parallel.attention, parallel.reads, parallel.activation, parallel.scaling) == (False, "stream", "gelu", 4)
        assert Bottleneck is AdapterConfig
        hash(houlsby)

    @pytest.mark.parametrize(
        ("settings", "width"), [({}, 4), ({"reduction_factor": 3}, 21), ({"reduction_factor": 0.5}, 128), ({"size": 7}, 7),
                                ({"reduction_factor": 1000}, 1)],
    )  # fmt: skip
    def test_width(self, settings: dict[str, Any], width: int) -> None:
        assert AdapterConfig(**settings).width(64) == width

    def test_two_widths(self) -> None:
        with pytest.raises(ConfigError) as error:
            AdapterConfig(size=4, reduction_factor=8.0)
        assert error.value.key == "bottleneck.two_widths"

    def test_nowhere(self) -> None:
        with pytest.raises(ConfigError) as error:
            AdapterConfig(placement="pfeiffer", feed_forward=False)
        assert error.value.key == "bottleneck.nowhere"

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("placement", ["houlsbi", ""]), ("activation", ["swishy"]), ("init", ["zero"]), ("reads", ["input"]),
            ("size", [0, -1, 2.5, True]), ("reduction_factor", [0, -1.0, math.nan, math.inf, "16", True]),
            ("scaling", [0, math.nan, "fixed", True]), ("dropout", [1.0, -0.1, math.nan]), ("attention", ["yes", 1]),
            ("leave_out", [(-1,), (True,), (0.5,)]),
        ],
    )  # fmt: skip
    def test_wrong_values(self, field: str, values: list[Any]) -> None:
        for value in values:
            with pytest.raises(ConfigError) as error:
                AdapterConfig(**{field: value})
            assert error.value.key in ("core.choice", "core.range")
            assert error.value.values["field"] == f"method.{field}"

    def test_lists_become_tuples(self) -> None:
        assert AdapterConfig(leave_out=[0, 1]) == AdapterConfig(leave_out=(0, 1))


def test_the_count_of_the_documented_model() -> None:
    """Llama-2-7B, on the meta device."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(LlamaConfig())
    assert BottleneckMethod(AdapterConfig()).trainable_count(model) == 64 * (2 * 4096 * 256 + 256 + 4096) == 134_496_256
    pages = [Path(__file__).parents[2] / "docs" / language / "methods" / "bottleneck.md" for language in ("en", "pt")]
    assert "134,496,256" in pages[0].read_text(encoding="utf-8")
    assert "134.496.256" in pages[1].read_text(encoding="utf-8")


def test_where_a_peft_config_is_taken(tmp_path: Path) -> None:
    """`SFTTrainer(peft_config=AdapterConfig(...))`, as with PEFT's configs."""
    args = SFTConfig(output_dir=str(tmp_path), max_steps=2, learning_rate=1e-2, use_cpu=True, disable_tqdm=True)
    model = tiny_model()
    trainer = SFTTrainer(
        model, args, train_dataset=causal_rows(), processing_class=tiny_tokenizer(), peft_config=AdapterConfig(size=2)
    )
    assert not isinstance(trainer.model, peft.PeftModel)
    trainer.train()
    assert all(branch.adapter.up.weight.any() for branch in adapted_branches(trainer.model).values())
    assert {parameter.requires_grad for name, parameter in trainer.model.named_parameters() if ".adapter." not in name} == {
        False
    }
