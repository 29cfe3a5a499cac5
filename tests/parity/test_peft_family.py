"""DoRA, PiSSA, OLoRA, patterns, embeddings, trained tokens and layers against PEFT: files and configs, both ways."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

import peft
import pytest
import torch
from torch import nn

from afinar.methods import saved
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.methods.lora import LoRAMethod
from afinar.methods.peft_settings import from_peft
from afinar.methods.trained_parts import TrainedLayer
from tests.parity.test_peft import CLOSE, base, logits

TOKENS = (4, 7, 9, 280)


class Same(NamedTuple):
    """One thing said to us and to PEFT. tied: whether embeddings and LM head are one weight."""

    ours: dict[str, Any]
    theirs: dict[str, Any]
    tied: bool = False


FAMILY: dict[str, Same] = {
    "patterns": Same(
        {"rank_pattern": {"q_proj": 2, r"layers\.1\..*v_proj": 6}, "alpha_pattern": {"o_proj": 3.0}},
        {"rank_pattern": {"q_proj": 2, r"layers\.1\..*v_proj": 6}, "alpha_pattern": {"o_proj": 3.0}},
    ),
    "patterns-rslora": Same(
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 3.0}, "rank_stabilised": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 3.0}, "use_rslora": True},
    ),
    "dora": Same({"dora": True}, {"use_dora": True}),
    "dora-patterns": Same({"dora": True, "rank_pattern": {"v_proj": 2}}, {"use_dora": True, "rank_pattern": {"v_proj": 2}}),
    "pissa": Same({"initialisation": "pissa"}, {"init_lora_weights": "pissa"}),
    "olora": Same({"initialisation": "olora"}, {"init_lora_weights": "olora"}),
    "pissa-dora": Same({"initialisation": "pissa", "dora": True}, {"init_lora_weights": "pissa", "use_dora": True}),
    "embeddings": Same({"more": ("embed_tokens",)}, {"more": ["embed_tokens"]}),
    "embeddings-head": Same({"more": ("embed_tokens", "lm_head")}, {"more": ["embed_tokens", "lm_head"]}),
    "embeddings-apart": Same({"more": ("embed_tokens",)}, {"more": ["embed_tokens"]}, tied=True),
    "embeddings-tied": Same(
        {"more": ("embed_tokens",), "ensure_weight_tying": True},
        {"more": ["embed_tokens"], "ensure_weight_tying": True},
        tied=True,
    ),
    "tokens": Same({"trainable_tokens": TOKENS, "trainable_tokens_in_head": False}, {"trainable_token_indices": list(TOKENS)}),
    "tokens-head": Same(
        {"trainable_tokens": TOKENS},
        {"trainable_token_indices": {"embed_tokens": list(TOKENS), "lm_head": list(TOKENS)}},
    ),
    "tokens-tied": Same({"trainable_tokens": TOKENS}, {"trainable_token_indices": list(TOKENS)}, tied=True),
    "layers": Same({"modules_to_save": ("embed_tokens",)}, {"modules_to_save": ["embed_tokens"]}),
    "layers-head": Same({"modules_to_save": ("lm_head",)}, {"modules_to_save": ["lm_head"]}),
    "layers-apart": Same({"modules_to_save": ("embed_tokens",)}, {"modules_to_save": ["embed_tokens"]}, tied=True),
    "layers-tied": Same(
        {"modules_to_save": ("embed_tokens",), "ensure_weight_tying": True},
        {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        tied=True,
    ),
    "bias": Same({"bias": "lora_only"}, {"bias": "lora_only"}),
}
every_one = pytest.mark.parametrize("same", FAMILY.values(), ids=FAMILY)
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


def fresh(same: Same, architecture: str = "llama") -> Any:
    model = base(architecture, tie_word_embeddings=same.tied, **({"attention_bias": True} if architecture == "llama" else {}))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(len(name)))
    return model


def our_config(same: Same, **more: Any) -> LoRA:
    options = {"r": 4, "alpha": 6.0, **same.ours, **more}
    return LoRA(target_modules=(*ATTENTION, *options.pop("more", ())), **options)


def their_config(same: Same, **more: Any) -> Any:
    options = {"r": 4, "lora_alpha": 6, "task_type": "CAUSAL_LM", **copy.deepcopy(same.theirs), **more}  # PEFT writes into it
    return peft.LoraConfig(target_modules=[*ATTENTION, *options.pop("more", ())], **options)


def scrambled(model: Any) -> Any:
    """Values of about their own size in everything that trains."""
    generator = torch.Generator().manual_seed(3)
    for _, parameter in sorted(model.named_parameters(), key=lambda item: item[0]):
        if parameter.requires_grad:
            size = float(parameter.detach().std(correction=0)) or 0.2
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3 * size)
    return model


@every_one
def test_ours_loads_in_plain_peft_on_the_original_base(same: Same, tmp_path: Path) -> None:
    method = LoRAMethod(our_config(same))
    model = scrambled(method.attach(fresh(same)))
    method.export(model, tmp_path, base="some/base", task="causal")
    theirs = peft.PeftModel.from_pretrained(fresh(same), tmp_path).eval()
    assert not torch.allclose(logits(theirs), logits(fresh(same)), atol=1e-3)
    torch.testing.assert_close(logits(theirs), logits(model), **CLOSE)


@every_one
@pytest.mark.filterwarnings("ignore")
def test_peft_s_loads_here(same: Same, tmp_path: Path) -> None:
    theirs = scrambled(peft.get_peft_model(fresh(same), their_config(same))).eval()
    theirs.save_pretrained(tmp_path)
    method = create(saved.read(tmp_path).config)
    model = method.restore(fresh(same), tmp_path)
    torch.testing.assert_close(logits(model), logits(theirs), **CLOSE)
    assert not torch.allclose(logits(model), logits(fresh(same)), atol=1e-3)
    method.export(model, tmp_path / "again", base="some/base", task="causal")
    again = peft.PeftModel.from_pretrained(fresh(same), tmp_path / "again").eval()
    torch.testing.assert_close(logits(again), logits(theirs), **CLOSE)


@every_one
@pytest.mark.filterwarnings("ignore")
def test_peft_s_config_is_ours(same: Same) -> None:
    config = from_peft(their_config(same).to_dict())
    assert config is not None
    theirs = peft.get_peft_model(fresh(same), their_config(same))
    ours = LoRAMethod(config).attach(fresh(same))
    counted = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    if same.ours.get("ensure_weight_tying") and "more" in same.ours:
        counted -= 4 * (288 + 32)  # PEFT counts the tied head's views once more
    assert LoRAMethod(config).trainable_count(ours) == LoRAMethod(config).trainable_count(fresh(same)) == counted


@pytest.mark.filterwarnings("ignore")
def test_norm_means_every_name_that_ends_so_to_peft_and_one_layer_here(tmp_path: Path) -> None:
    same = Same({"modules_to_save": ("norm",)}, {"modules_to_save": ["norm"]})
    assert from_peft(their_config(same).to_dict()) is None
    theirs = scrambled(peft.get_peft_model(fresh(same), their_config(same))).eval()
    theirs.save_pretrained(tmp_path)
    model = create(saved.read(tmp_path).config).restore(fresh(same), tmp_path)
    assert sum(isinstance(module, TrainedLayer) for module in model.modules()) == 5
    torch.testing.assert_close(logits(model), logits(theirs), **CLOSE)
    method = LoRAMethod(our_config(same))
    model = scrambled(method.attach(fresh(same)))
    assert sum(isinstance(module, TrainedLayer) for module in model.modules()) == 1
    method.export(model, tmp_path / "ours", base="some/base", task="causal")
    theirs = peft.PeftModel.from_pretrained(fresh(same), tmp_path / "ours").eval()
    torch.testing.assert_close(logits(theirs), logits(model), **CLOSE)


@pytest.mark.parametrize("name", ["dora", "pissa", "olora", "pissa-dora"])
@pytest.mark.parametrize("task", ["causal", "classification"])
def test_conv1d_too(name: str, task: str, tmp_path: Path) -> None:
    config = LoRA(r=4, alpha=6.0, target_modules=("attn.c_attn", "mlp.c_proj"), **FAMILY[name].ours)
    method = LoRAMethod(config)
    model = scrambled(method.attach(base("gpt2", task)))
    before = logits(model)
    method.export(model, tmp_path, base="some/base", task=task)
    theirs = peft.PeftModel.from_pretrained(base("gpt2", task), tmp_path).eval()
    torch.testing.assert_close(logits(theirs), before, **CLOSE)
    torch.testing.assert_close(logits(method.merge(model)), before, **CLOSE)
