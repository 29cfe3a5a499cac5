"""LoRA's relatives against their formulas in float64, what they refuse, and the switch. PEFT's word is in tests/parity."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from afinar import SFTConfig, messages
from afinar.errors import ConfigError, ModelError
from afinar.methods.adapted import adapted_layers
from afinar.methods.config import LoRA
from afinar.methods.dora import DoRALayer, row_lengths
from afinar.methods.lora import LoRAMethod, lora_layers, switch
from afinar.methods.lora_embedding import LoRAEmbedding
from afinar.methods.lora_init import factors, olora, pissa
from afinar.methods.peft_format import WEIGHTS_FILE
from afinar.methods.trained_parts import TrainedLayer, TrainedTokens
from afinar.training.groups import parameter_groups
from tests.tiny import ARCHITECTURES, VOCAB, tiny_model

IN, OUT, R, SCALE = 6, 5, 3, 0.7
EXACT = {"atol": 1e-12, "rtol": 1e-12}


def ids() -> Tensor:
    return torch.randint(3, VOCAB, (2, 10), generator=torch.Generator().manual_seed(1))


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model(ids()).logits


def attached(architecture: str = "llama", tied: bool = False, **config: Any) -> tuple[LoRAMethod, Any]:
    """A method on a model, with random values in all that trains."""
    torch.manual_seed(0)
    method = LoRAMethod(LoRA(**{"r": 4, **config}))
    model = method.attach(tiny_model(architecture, tie_word_embeddings=tied))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return method, model


def random_dora(conv: bool = False, **options: Any) -> tuple[DoRALayer, Tensor]:
    """A layer in float64 with random A, B and magnitudes, and its W (out, in)."""
    torch.manual_seed(0)
    base: Any = Conv1D(OUT, IN) if conv else nn.Linear(IN, OUT)
    nn.init.normal_(base.bias)
    layer: Any = DoRALayer(base.double().requires_grad_(False), r=R, scale=SCALE, **options).double()
    for parameter in (layer.B, layer.magnitude):
        parameter.data.add_(torch.randn_like(parameter) * 0.3)
    return layer, base.weight.t() if conv else base.weight


# --- DoRA ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conv", [False, True])
def test_dora_is_its_formula(conv: bool) -> None:
    layer, W = random_dora(conv)
    x = torch.randn(2, 4, IN, dtype=torch.float64)
    V = W + SCALE * layer.B @ layer.A
    lengths = torch.linalg.vector_norm(V, dim=1, keepdim=True)
    expected = x @ (layer.magnitude[:, None] * V / lengths).t() + layer.base.bias
    torch.testing.assert_close(layer(x), expected, **EXACT)
    folded = layer.folded()["weight"]
    torch.testing.assert_close(folded.t() if conv else folded, layer.magnitude[:, None] * V / lengths, **EXACT)


def test_dora_s_lengths_are_constant_to_the_gradient() -> None:
    layer, W = random_dora()
    x, g = torch.randn(4, IN, dtype=torch.float64), torch.randn(4, OUT, dtype=torch.float64)
    layer(x).backward(g)
    A, B, m = (p.detach().clone().requires_grad_() for p in (layer.A, layer.B, layer.magnitude))
    V = W + SCALE * B @ A
    lengths = torch.linalg.vector_norm(V, dim=1).detach()
    F.linear(x, (m / lengths)[:, None] * V).backward(g)
    for got, expected in zip((layer.A, layer.B, layer.magnitude), (A, B, m), strict=True):
        torch.testing.assert_close(got.grad, expected.grad, **EXACT)


def test_lengths_are_those_of_the_dense_sum_slice_by_slice() -> None:
    torch.manual_seed(0)
    W, A, B = torch.randn(2500, 7), torch.randn(2, 7), torch.randn(2500, 2)
    expected = torch.linalg.vector_norm(W.double() + 1.5 * B.double() @ A.double(), dim=1)
    torch.testing.assert_close(row_lengths(W, A, B, 1.5).double(), expected, atol=1e-5, rtol=1e-5)
    assert not row_lengths(torch.zeros(2, 7), A, torch.zeros(2, 2), 1.5).any()


def test_dora_s_dropout_leaves_the_base_s_output_whole() -> None:
    layer, _ = random_dora(dropout=0.5)
    layer.B.data.zero_()
    layer.magnitude.data.copy_(layer.lengths())  # g = 1: nothing but the base is left
    x = torch.randn(4, IN, dtype=torch.float64)
    assert torch.equal(layer.train()(x), layer.base(x))


# --- initialisations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pissa", "pissa_fast", "olora"])
def test_factors_are_the_weight_s_own(name: str) -> None:
    torch.manual_seed(0)
    W = torch.randn(20, 12)
    A, B, shifted = factors(name, W, 4, SCALE)
    assert shifted
    assert (A.shape, B.shape) == ((4, 12), (20, 4))
    if name == "olora":
        Q, R_ = torch.linalg.qr(W)
        torch.testing.assert_close(B @ A, Q[:, :4] @ R_[:4], atol=1e-5, rtol=1e-5)
        return
    U, S, Vh = torch.linalg.svd(W)
    best = U[:, :4] * S[:4] @ Vh[:4]  # Eckart-Young: the nearest matrix of rank 4
    torch.testing.assert_close(SCALE * B @ A, best, atol=1e-3 if name == "pissa_fast" else 1e-5, rtol=1e-3)
    torch.testing.assert_close(A @ A.t(), B.t() @ B, atol=1e-3, rtol=1e-3)  # the singular values in equal shares


def test_with_all_ranks_nothing_of_the_weight_is_left_over() -> None:
    W = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    for A, B, _ in (pissa(W, 6, 2.0), olora(W, 6)):
        scale = 2.0 if A.shape[0] and torch.allclose(2.0 * B @ A, W, atol=1e-4) else 1.0
        torch.testing.assert_close(scale * B @ A, W, atol=1e-4, rtol=1e-4)


def test_an_unknown_initialisation_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        factors("eva", torch.zeros(3, 3), 2, 1.0)
    assert error.value.key == "core.choice"


@pytest.mark.parametrize("name", ["pissa", "olora"])
def test_the_base_is_not_changed_by_it(name: str) -> None:
    before = tiny_model().state_dict()
    method = LoRAMethod(LoRA(r=4, initialisation=name))
    model = method.attach(tiny_model())
    for path, layer in lora_layers(model).items():
        assert torch.equal(layer.base.weight, before[f"{path}.weight"])
        assert layer.B.any()
    assert torch.equal(logits(model), logits(tiny_model()))


def test_a_gaussian_start() -> None:
    A, B, shifted = factors("gaussian", torch.zeros(50, 4000), 8, 1.0)
    assert not shifted
    assert not B.any()
    torch.testing.assert_close(A.std().item(), 1 / 8, rtol=0.02, atol=0)


# --- embeddings, tokens, layers ------------------------------------------------------------------------------------


def test_an_adapted_embedding_is_its_formula() -> None:
    torch.manual_seed(0)
    layer = LoRAEmbedding(nn.Embedding(11, 4, padding_idx=0), r=2, scale=SCALE)
    nn.init.normal_(layer.A)
    tokens = torch.tensor([[0, 3], [10, 3]])
    expected = layer.base.weight + SCALE * (layer.B @ layer.A).t()
    torch.testing.assert_close(layer(tokens), expected[tokens])
    layer(tokens).sum().backward()
    assert layer.A.grad is not None
    assert layer.A.grad[:, [3, 10]].any()
    assert not layer.A.grad[:, [0, 1, 2]].any()  # padding learns nothing, as in nn.Embedding


def test_an_embedding_that_multiplies_its_rows_multiplies_the_update_too() -> None:
    class Scaled(nn.Embedding):
        def __init__(self) -> None:
            super().__init__(11, 4)
            self.register_buffer("embed_scale", torch.tensor(3.0), persistent=False)

        def forward(self, tokens: Tensor) -> Tensor:
            return super().forward(tokens) * self.embed_scale

    torch.manual_seed(0)
    tokens = torch.tensor([1, 5])
    adapted: Any
    for adapted in (LoRAEmbedding(Scaled(), r=2, scale=SCALE), TrainedTokens(Scaled(), [1, 4])):
        for parameter in adapted.parameters():
            nn.init.normal_(parameter)
        before = adapted(tokens)
        torch.testing.assert_close(adapted.fold()(tokens), before)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trained_tokens_change_their_own_rows_and_logits_only(architecture: str, tied: bool) -> None:
    tokens = (4, 7, 280)
    base = tiny_model(architecture, tie_word_embeddings=tied)
    method = LoRAMethod(LoRA(trainable_tokens=tokens))
    model = method.attach(tiny_model(architecture, tie_word_embeddings=tied))
    rows = [layer for layer in adapted_layers(model).values() if isinstance(layer, TrainedTokens)]
    assert len(rows) == 2
    hidden = base.get_input_embeddings().weight.shape[1]
    assert method.trainable_count(base) == method.trainable_count(model)
    assert sum(row.count() for row in rows) == len(tokens) * hidden * (1 if tied else 2)
    for parameter in {row.token_rows for row in rows}:
        parameter.data.add_(torch.randn(hidden, generator=torch.Generator().manual_seed(2)))
    after, others = logits(model), [token for token in range(VOCAB) if token not in tokens]
    assert not ({*tokens} & {*ids().flatten().tolist()})
    torch.testing.assert_close(after[..., others], logits(base)[..., others])
    assert (after[..., list(tokens)] - logits(base)[..., list(tokens)]).abs().max(1).values.min() > 0.01
    embedded, before = (m.get_input_embeddings()(torch.tensor([4, 5])) for m in (model, base))
    assert torch.equal(embedded[1], before[1])
    assert (embedded[0] - before[0]).abs().max() > 0.5
    merged = method.merge(model)
    torch.testing.assert_close(logits(merged), after, atol=1e-5, rtol=1e-5)
    assert (merged.get_output_embeddings().weight is merged.get_input_embeddings().weight) == tied


def test_a_token_new_to_the_vocabulary_is_learned_and_saved(tmp_path: Path) -> None:
    model = tiny_model(tie_word_embeddings=True)
    model.resize_token_embeddings(VOCAB + 2, mean_resizing=False)
    method = LoRAMethod(LoRA(trainable_tokens=(VOCAB, VOCAB + 1)))
    method.attach(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    text = torch.tensor([[5, VOCAB, 6, VOCAB + 1]])
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append(model(text, labels=text).loss)
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 1
    method.export(model, tmp_path, base="b", task="causal")
    tensors = load_file(tmp_path / WEIGHTS_FILE)
    assert {name: tuple(value.shape) for name, value in tensors.items() if "token" in name} == {
        "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": (2, 32)
    }


def test_layers_train_whole_in_float32_over_bfloat16() -> None:
    method = LoRAMethod(LoRA(modules_to_save=("norm", "lm_head")))
    model = method.attach(tiny_model().bfloat16())
    layers = [layer for layer in adapted_layers(model).values() if isinstance(layer, TrainedLayer)]
    assert {type(layer.base).__name__ for layer in layers} == {"LlamaRMSNorm", "Linear"}
    assert {value.dtype for value in method.state(model).values()} == {torch.float32}
    assert torch.equal(logits(model), logits(tiny_model().bfloat16()))
    assert logits(model).dtype == torch.bfloat16


def test_a_merged_model_without_its_tie_loads_in_plain_transformers(tmp_path: Path) -> None:
    method, model = attached(tied=True, target_modules=("q_proj", "embed_tokens"))
    before = logits(model)
    with pytest.warns(UserWarning, match=re.escape(messages.text("lora.untied"))):
        method.merge(model)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(loaded), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ("q_proj", "embed_tokens"), "ensure_weight_tying": True},
        {"target_modules": ("q_proj", "lm_head"), "ensure_weight_tying": True},
        {"modules_to_save": ("lm_head",), "ensure_weight_tying": True},
        {"trainable_tokens": (5, 6)},
    ],
)
def test_a_tied_weight_stays_one_where_both_follow(config: dict[str, Any], tmp_path: Path) -> None:
    method, model = attached(tied=True, **config)
    before = logits(model)
    assert (before - logits(tiny_model(tie_word_embeddings=True))).abs().max() > 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.merge(model)
    model.save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(loaded), before, atol=1e-5, rtol=1e-5)


# --- roles, the switch, errors -------------------------------------------------------------------------------------


def test_what_each_part_is_to_the_optimizer(tmp_path: Path) -> None:
    _, model = attached(target_modules=("q_proj",), dora=True, trainable_tokens=(5,), modules_to_save=("norm",))
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, lora_plus_ratio=16.0, learning_rate=1e-3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    group_of = {names[id(p)]: group for group in parameter_groups(model, args) for p in group["params"]}
    rates = {name: group["lr"] for name, group in group_of.items()}
    prefix = "model.layers.0.self_attn.q_proj"
    assert rates[f"{prefix}.B"] == 16 * rates[f"{prefix}.A"] == 16 * rates[f"{prefix}.magnitude"]
    assert group_of["model.embed_tokens.token_rows"]["name"].startswith("embedding")
    assert group_of[f"{prefix}.magnitude"]["weight_decay"] == 0
    assert group_of["model.norm.modules_to_save.weight"]["name"] == "weights/no_decay"


def test_lora_plus_reaches_layers_of_other_ranks_and_embeddings(tmp_path: Path) -> None:
    _, model = attached(target_modules=("q_proj", "v_proj", "embed_tokens"), rank_pattern={"q_proj": 2})
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, lora_plus_ratio=16.0, learning_rate=1e-3)
    groups = {group["name"]: group for group in parameter_groups(model, args)}
    assert {name.split("/no")[0] for name in groups} == {"adapter", "adapter/B"}
    assert sum(len(group["params"]) for name, group in groups.items() if "/B" in name) == 5


def test_the_switch_turns_chosen_layers_off_and_on() -> None:
    _, model = attached()
    whole = logits(model)
    off = switch(model, r"layers\.0\..*", on=False)
    assert [path for path, layer in lora_layers(model).items() if not layer.enabled] == off
    assert len(off) == 4
    part = logits(model)
    switch(model, r"layers\.1\..*", on=False)
    assert torch.equal(logits(model), logits(tiny_model()))
    assert not torch.equal(part, whole)
    model(ids()).logits.sum()  # nothing needs a gradient now, and nothing breaks
    switch(model, ".*", on=True)
    assert torch.equal(logits(model), whole)


def test_a_layer_that_is_off_gets_no_gradient() -> None:
    _, model = attached()
    switch(model, "q_proj", on=False)
    model(ids()).logits.square().sum().backward()
    for path, layer in lora_layers(model).items():
        assert (layer.A.grad is None) == path.endswith("q_proj")


@pytest.mark.parametrize(("pattern", "key"), [("nothing", "lora.switch_matches_nothing"), ("(", "lora.bad_pattern")])
def test_a_switch_for_no_layer_is_refused(pattern: str, key: str) -> None:
    _, model = attached()
    with pytest.raises(ConfigError) as error:
        switch(model, pattern, on=False)
    assert error.value.key == key


@pytest.mark.parametrize(
    ("config", "key", "named"),
    [
        ({"r": 33}, "lora.rank_too_high", "q_proj"),
        ({"rank_pattern": {"v_proj": 17}}, "lora.rank_too_high", "v_proj"),  # 16 wide under grouped queries
        ({"rank_pattern": {"up_proj": 2}}, "lora.pattern_matches_nothing", "up_proj"),
        ({"alpha_pattern": {"up_proj": 2}}, "lora.pattern_matches_nothing", "method.alpha_pattern"),
        ({"trainable_tokens": (VOCAB,)}, "lora.token_outside", str(VOCAB)),
        ({"modules_to_save": ("mlp",)}, "lora.not_a_leaf", "mlp"),
        ({"modules_to_save": ("rotary_emb",)}, "lora.not_a_leaf", "rotary_emb"),
        ({"modules_to_save": ("nomr",)}, "lora.no_module", "nomr"),
        ({"modules_to_save": ("q_proj",)}, "lora.twice", "target_modules"),
        ({"modules_to_save": ("embed_tokens",), "trainable_tokens": (5,)}, "lora.twice", "trainable_tokens"),
        ({"target_modules": ("embed_tokens",), "dora": True}, "lora.plain_embedding", "dora"),
        ({"target_modules": ("embed_tokens",), "initialisation": "olora"}, "lora.plain_embedding", "olora"),
        ({"bias": "lora_only"}, "lora.no_bias", "bias"),
        ({"target_modules": ("embed_tokens", "nothing")}, "methods.no_target", "nothing"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_the_model_alone(config: dict[str, Any], key: str, named: str) -> None:
    model = tiny_model()
    with pytest.raises(ConfigError) as error:
        LoRAMethod(LoRA(**{"r": 4, **config})).attach(model)
    assert error.value.key == key
    assert named in error.value.message
    assert not adapted_layers(model)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_bias_that_peft_drops_is_told(tmp_path: Path) -> None:
    method, model = attached("phi", trainable_tokens=(5,))
    with pytest.warns(UserWarning, match=re.escape(messages.text("lora.peft_drops_bias", path="lm_head"))) as caught:
        method.export(model, tmp_path, base="b", task="causal")
    assert caught[0].filename == __file__
    assert torch.equal(logits(method.restore(tiny_model("phi"), tmp_path)), logits(model))
    method, model = attached("phi", trainable_tokens=(5,), trainable_tokens_in_head=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.export(model, tmp_path, base="b", task="causal")


def test_an_adapter_over_other_embeddings_is_refused(tmp_path: Path) -> None:
    method, model = attached(target_modules=("q_proj", "embed_tokens"))
    method.export(model, tmp_path, base="b", task="causal")
    saved = load_file(tmp_path / WEIGHTS_FILE)
    weight = tiny_model().get_input_embeddings().weight.detach()
    name = "base_model.model.model.embed_tokens.base_layer.weight"
    save_file({**saved, name: weight.clone()}, tmp_path / WEIGHTS_FILE)
    assert torch.equal(logits(method.restore(tiny_model(), tmp_path)), logits(model))
    save_file({**saved, name: weight + 1}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(ModelError) as error:
        method.restore(tiny_model(), tmp_path)
    assert error.value.key == "lora.other_embeddings"
