"""Where a prefix starts: at the keys and values that the base itself computes for sampled tokens.

    ids = [begin-of-text], then P − 1 ids drawn from the vocabulary        (K_P, V_P) = the base's own for ids, at 0 … P − 1

Drawn from a normal distribution instead, keys and values are nothing that the layers above have ever read, and the first
steps only undo that.

Source: Li & Liang 2021, arXiv:2101.00190, section 7.4: activations of real words, related to the task or not, beat random
numbers, most with few rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from afinar.models.decoder import decoder_of
from afinar.models.modes import evaluating


def sampled_states(model: PreTrainedModel, tokens: int) -> Tensor:
    """The keys and values of `tokens` sampled ids, laid out as PEFT's prefix: (P, 2 · layers · heads · head size) float32.

    The ids come from torch's global generator on the CPU, so that one seed gives the same ones on every device.
    """
    decoder = decoder_of(model)
    config = decoder.config.get_text_config()
    ids_P = torch.randint(config.vocab_size, (tokens,))
    if config.bos_token_id is not None:
        ids_P[0] = config.bos_token_id  # models lean on the first token of a text, whatever follows
    cache: Any = DynamicCache()  # without the config: windows would keep no more of the ids than they hold
    with evaluating(decoder):
        decoder(input_ids=ids_P[None].to(model.device), past_key_values=cache, use_cache=True)
    states = [state[0].float().to(model.device) for layer in cache.layers for state in (layer.keys, layer.values)]
    return torch.stack(states).permute(2, 0, 1, 3).reshape(tokens, -1)
