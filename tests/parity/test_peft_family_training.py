"""DoRA, PiSSA, OLoRA, patterns, embeddings, trained tokens and layers against PEFT: loss, gradients, merged weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor

from afinar.methods.lora import LoRAMethod
from tests.parity.test_peft import CLOSE, base, batch, logits
from tests.parity.test_peft_family import FAMILY, Same, every_one, fresh, our_config, scrambled, their_config


def grads(model: Any) -> dict[str, Tensor]:
    """Gradients by one set of names, whoever's model it is."""
    renamed = {
        "base_model.model.": "", ".default": "", "lora_A.weight": "A", "lora_B.weight": "B", "lora_embedding_": "",
        "lora_magnitude_vector.weight": "magnitude", "token_adapter.trainable_tokens_delta": "token_rows",
        "base_layer.bias": "trained_bias",
    }  # fmt: skip
    named = {}
    for name, parameter in model.named_parameters():
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
        if parameter.grad is not None:
            named[name] = parameter.grad
    return named


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "embeddings-tied"])  # there PEFT has two parameters
@pytest.mark.filterwarnings("ignore")
def test_loss_and_gradients_are_peft_s_with_dropout(name: str, tmp_path: Path) -> None:
    same = FAMILY[name]
    theirs = scrambled(peft.get_peft_model(fresh(same), their_config(same, lora_dropout=0.3)))
    theirs.save_pretrained(tmp_path)
    ours = LoRAMethod(our_config(same, dropout=0.3)).restore(fresh(same), tmp_path)
    losses = []
    for model in (ours.train(), theirs.train()):
        torch.manual_seed(5)
        losses.append(model(**batch()).loss)
        losses[-1].backward()
    torch.testing.assert_close(losses[0], losses[1], **CLOSE)
    got, wanted = grads(ours), grads(theirs)
    assert got.keys() == wanted.keys()
    for key, gradient in got.items():
        assert gradient.any(), key
        torch.testing.assert_close(gradient, wanted[key], atol=2e-5, rtol=1e-4)


@every_one
@pytest.mark.filterwarnings("ignore")
def test_merged_weights_are_peft_s(same: Same, tmp_path: Path) -> None:
    method = LoRAMethod(our_config(same))
    model = scrambled(method.attach(fresh(same)))
    before = logits(model)
    method.export(model, tmp_path, base="some/base", task="causal")
    merged = method.merge(model)
    torch.testing.assert_close(logits(merged), before, **CLOSE)
    changed = same.ours.keys() & {"more", "modules_to_save"} and not same.ours.get("ensure_weight_tying")
    assert merged.config.tie_word_embeddings == (same.tied and not changed)
    again = fresh(same) if merged.config.tie_word_embeddings == same.tied else base("llama", attention_bias=True)
    again.load_state_dict(merged.state_dict())
    torch.testing.assert_close(logits(again), before, **CLOSE)
    if same.tied:  # PEFT writes an update of one of both into both
        return
    theirs = peft.PeftModel.from_pretrained(fresh(same), tmp_path).merge_and_unload().state_dict()
    for name, tensor in merged.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], atol=2e-6, rtol=2e-6)
