"""Tiny random models and a byte tokenizer, made on the spot: no network, no files, milliseconds."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from afinar.models.config import ModelConfig
from afinar.models.load import load_model

VOCAB = 288
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

_LLAMA = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": _LLAMA,
    "mistral": {**_LLAMA, "sliding_window": 64},
    "qwen2": _LLAMA,
    "qwen3": {**_LLAMA, "head_dim": 8},
    "gemma2": {**_LLAMA, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 64},
    "gpt2": {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "resid_pdrop": 0.0,
             "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    "gpt_neox": {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                 "num_attention_heads": 4, "max_position_embeddings": 128},
    "opt": {"vocab_size": VOCAB, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "max_position_embeddings": 128, "word_embed_proj_dim": 32, "dropout": 0.0},
    "phi": {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 128},
}  # fmt: skip


def tiny_model(architecture: str = "llama", task: str = "causal", num_labels: int = 2, seed: int = 0, **overrides: Any) -> Any:
    """A random float32 model of `architecture` in evaluation mode; token ids 0 / 1 / 2 are pad / bos / eos."""
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = AutoConfig.for_model(architecture, **{**ARCHITECTURES[architecture], **special, **overrides})
    torch.manual_seed(seed)
    if task == "causal":
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    config.num_labels = num_labels
    return AutoModelForSequenceClassification.from_config(config, dtype=torch.float32).eval()


def tiny_quantised(
    architecture: str = "llama", kind: str = "nf4", task: str = "causal", double_quant: bool = True, **overrides: Any
) -> Any:
    """As :func:`tiny_model`, its linear layers in NF4 or int8 (`kind`), as `model.quantize` loads them; needs bitsandbytes."""
    with TemporaryDirectory() as folder:
        tiny_model(architecture, task, **overrides).save_pretrained(folder)
        config = ModelConfig(name=folder, quantize=kind, double_quant=double_quant, dtype="float32", device="cpu")
        return load_model(config, task=task)


def tiny_tokenizer(chat: bool = True, pad_is_eos: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer without merges: one token per UTF-8 byte, plus pad, bos, eos and three roles."""
    specials = ["<pad>", "<bos>", "<eos>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate([*specials, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<eos>" if pad_is_eos else "<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        additional_special_tokens=specials[3:],
    )
    if chat:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
