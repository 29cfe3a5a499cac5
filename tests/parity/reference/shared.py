"""Models that are the same in two environments: AdapterHub's, where the reference is made, and the project's.

Weights are drawn by name, so no weights need to be stored; only torch and transformers are imported.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

VOCAB = 64
LABELS = 3
_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_HEAD_DIM = {**_SIZES, "head_dim": 8}
_PLAIN = {key: value for key, value in _SIZES.items() if key != "num_key_value_heads"}
_GPT2 = {
    "vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": _SIZES,
    "mistral": _SIZES,
    "qwen2": _SIZES,
    "qwen3": _HEAD_DIM,
    "gemma2": {**_HEAD_DIM, "query_pre_attn_scalar": 8},
    "gpt2": _GPT2,
    "phi": _PLAIN,
    "gpt_neox": _PLAIN,
    "opt": {**_PLAIN, "ffn_dim": 48, "word_embed_proj_dim": 32},
}


def base_model(architecture: str, task: str = "causal") -> Any:
    """The same tiny model wherever it is made, in evaluation mode; eager attention."""
    config = AutoConfig.for_model(architecture, **CONFIGS[architecture])
    config._attn_implementation = "eager"
    if task == "classification":
        config.num_labels = LABELS
    cls = AutoModelForCausalLM if task == "causal" else AutoModelForSequenceClassification
    model = cls.from_config(config)
    model.tie_weights()
    fill(dict(model.named_parameters()))
    return model.float().eval()


@torch.no_grad()
def fill(tensors: dict[str, torch.Tensor]) -> None:
    """Random values that depend on each tensor's name and shape alone; vectors around 1 where they are weights."""
    for name, tensor in tensors.items():
        seed = crc32(name.replace("embed_out", "lm_head").encode())  # GPT-NeoX's head, renamed in transformers 5
        generator = torch.Generator().manual_seed(seed)
        middle = 1.0 if tensor.dim() == 1 and name.endswith(("weight", "scaling")) else 0.0
        tensor.copy_(middle + 0.2 * torch.randn(tensor.shape, generator=generator))


def tokens() -> torch.Tensor:
    """Two rows of nine tokens, none of them padding."""
    return torch.randint(3, VOCAB, (2, 9), generator=torch.Generator().manual_seed(5))


def logits(model: Any) -> torch.Tensor:
    """Its logits for :func:`tokens`."""
    with torch.no_grad():
        return model(input_ids=tokens(), attention_mask=torch.ones_like(tokens())).logits.float()
