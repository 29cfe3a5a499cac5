"""Prefix tuning: trained keys and values that come before those of the tokens, in every layer.

    y_i = softmax( s · q_i · [K_P ; K]ᵀ ) [V_P ; V]        K_P, V_P (P, heads · head size)  trained, one pair a layer

    P         the number of virtual tokens: positions −P … −1, so the first token's position is P in place of 0
    K_P, V_P  as they are: not rotated, the same for every row and every segment of a packed one

    without projection   [K_P ; V_P] of all layers = E                                E (P, 2 · layers · heads · head size)
    with projection                                = W₂ tanh(W₁ E + b₁) + b₂          E (P, heads · head size)

The base is frozen, and nothing of it changes: the prefix goes into the attention function (:mod:`afinar.models.attention`). It
is no cache, so gradient checkpointing, packed rows, padding on either side and generation with a cache or beams work as
they do without it. Under a sliding window it slides out of sight as tokens do. With the projection only its output is
needed after training: it is what PEFT's file holds; what trains is kept beside it.

Sources: Li & Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", arXiv:2101.00190, equation 3 and
section 4.3 (the projection); Liu et al. 2022, "P-Tuning v2", arXiv:2110.07602 (without projection; classification).

Where we differ: PEFT hands the prefix to the model as a cache, which gradient checkpointing throws away, and refuses
it; here positions count attended tokens only, so that a row padded on the left gets what it gets alone. PEFT draws the
prefix from a normal distribution; ours starts at keys and values of real tokens (:mod:`afinar.methods.prefix_start`).

Shapes: P virtual tokens, L layers, G key heads, D head size, B rows, T positions.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from afinar.errors import ConfigError, ModelError
from afinar.methods import exports, prefix_format
from afinar.methods.config import PrefixTuning
from afinar.methods.head import head_count, head_state, train_head
from afinar.methods.prefix_start import sampled_states
from afinar.methods.training_state import copy_into
from afinar.models import attention
from afinar.models.attention import PrefixStates
from afinar.models.attention_check import check_attention
from afinar.models.decoder import decoder_of

MODULE = "prefix"  # what the model calls the encoder


class Dimensions(NamedTuple):
    """What a decoder's keys are like: L layers with G key heads of size D."""

    layers: int
    heads: int
    head_size: int

    @property
    def width(self) -> int:
        """G · D: the keys of one layer at one position."""
        return self.heads * self.head_size


class PrefixEncoder(nn.Module):
    """The trained prefix of a model: float32 masters, as PEFT lays them out and draws them.

    `enabled = False` leaves the decoder's inputs as they are.
    """

    def __init__(self, dimensions: Dimensions, config: PrefixTuning, base_attention: str) -> None:
        super().__init__()
        self.dimensions, self.virtual_tokens, self.dropout = dimensions, config.virtual_tokens, config.dropout
        self.base_attention = base_attention
        self.enabled = True
        width, full = dimensions.width, 2 * dimensions.layers * dimensions.width
        hidden = config.encoder_hidden_size or width
        float32 = torch.float32
        self.embedding = nn.Embedding(config.virtual_tokens, width if config.projection else full, dtype=float32)
        self.transform: nn.Sequential | None = None
        last: nn.Module = self.embedding
        if config.projection:
            first, last = nn.Linear(width, hidden, dtype=float32), nn.Linear(hidden, full, dtype=float32)
            self.transform = nn.Sequential(first, nn.Tanh(), last)
        if config.start == "zero":
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self) -> Tensor:
        """The keys and values of all layers, flat: (P, 2 · L · G · D)."""
        rows = self.embedding.weight
        return rows if self.transform is None else self.transform(rows)

    def layers(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """(keys, values) of each layer, (G, P, D) both; dropout only in training."""
        L, G, D = self.dimensions
        flat = F.dropout(self(), self.dropout, self.training)
        states = flat.view(-1, 2 * L, G, D).permute(1, 2, 0, 3).unbind()
        return tuple(zip(states[::2], states[1::2], strict=True))

    def before(self, decoder: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The decoder's pre-hook: the prefix as one more keyword, and positions that begin after it."""
        if not self.enabled:
            return None
        _check_checkpointing(decoder)
        inputs = dict(zip(inspect.signature(decoder.forward).parameters, args, strict=False)) | kwargs
        positions_BT = _positions(inputs) + self.virtual_tokens
        states = PrefixStates(self.layers(), positions_BT)
        return (), inputs | {"position_ids": positions_BT, "prefix": states}


def _positions(inputs: dict[str, Any]) -> Tensor:
    """The positions of a decoder's inputs, (B, T) or (1, T): the caller's own, else those that count attended tokens."""
    given, mask, cache = (inputs.get(name) for name in ("position_ids", "attention_mask", "past_key_values"))
    if given is not None:
        return given
    tokens = inputs["input_ids"] if inputs.get("input_ids") is not None else inputs["inputs_embeds"]
    length = tokens.shape[1]
    if isinstance(mask, Tensor) and mask.dim() == 2:
        return (mask.long().cumsum(1) - 1).clamp(min=0)[:, -length:]
    seen = 0 if cache is None else cache.get_seq_length()
    return torch.arange(length, device=tokens.device)[None] + seen


def _check_checkpointing(decoder: nn.Module) -> None:
    """Raise ConfigError under reentrant checkpointing, whose second forward cannot reach what lies outside of a layer."""
    if not (decoder.training and torch.is_grad_enabled()):
        return
    for layer in decoder.modules():
        if isinstance(layer, GradientCheckpointingLayer) and layer.gradient_checkpointing:
            how = layer._gradient_checkpointing_func
            if isinstance(how, functools.partial) and how.keywords.get("use_reentrant"):
                raise ConfigError("prefix.reentrant")
            return


def dimensions_of(model: PreTrainedModel) -> Dimensions:
    """The layers and keys of the decoder in `model`, by its config."""
    config = decoder_of(model).config.get_text_config()
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    known = config.to_dict()
    return Dimensions(config.num_hidden_layers, known.get("num_key_value_heads") or heads, known.get("head_dim") or size)


def _checked_dimensions(model: PreTrainedModel) -> Dimensions:
    dimensions = dimensions_of(model)
    check_attention(model, (dimensions.heads, dimensions.head_size))
    return dimensions


def encoder_of(model: nn.Module) -> PrefixEncoder:
    """The prefix of a model. Raises ModelError where it has none."""
    encoder = model._modules.get(MODULE)
    if not isinstance(encoder, PrefixEncoder):
        raise ModelError("prefix.not_attached")
    return encoder


class PrefixMethod:
    """Adds a :class:`PrefixEncoder` to the model and switches its attention to ours; its export is PEFT's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = False
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = False
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: PrefixTuning) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base, and put the prefix before every row.

        Raises ModelError where the model has one already, and for attention that a prefix cannot be put into.
        """
        if MODULE in model._modules:
            raise ModelError("methods.already_attached")
        dimensions = _checked_dimensions(model)
        sampled = self.config.start == "vocabulary" and model.device.type != "meta"  # there are no states on meta
        start_PX = sampled_states(model, self.config.virtual_tokens) if sampled else None
        self._attach(model, dimensions)
        if start_PX is not None:
            encoder_of(model).embedding.weight.data.copy_(start_PX)
        return model

    def _attach(self, model: PreTrainedModel, dimensions: Dimensions) -> None:
        model.requires_grad_(False)
        # On the CPU first, so that one seed gives the same prefix on every device.
        encoder = PrefixEncoder(dimensions, self.config, base_attention=attention.use(model)).to(model.device)
        encoder.train(model.training)
        model.add_module(MODULE, encoder)
        decoder_of(model).register_forward_pre_hook(encoder.before, with_kwargs=True)
        train_head(model)

    def trainable_count(self, model: PreTrainedModel) -> int:
        """P · 2 · L · G · D, plus the classification head.

        With projection to a hidden width H: P · G·D + (G·D + 1) · H + (H + 1) · 2 · L · G·D in place of the first.
        """
        width, tokens = dimensions_of(model).width, self.config.virtual_tokens
        full = 2 * dimensions_of(model).layers * width
        hidden = self.config.encoder_hidden_size or width
        projected = tokens * width + (width + 1) * hidden + (hidden + 1) * full
        return (projected if self.config.projection else tokens * full) + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """The prefix, with its perceptron where it has one, and the classification head."""
        return _own_state(model) | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write PEFT's two files, the perceptron's weights beside them where there is one, and `afinar.json`."""
        encoder = encoder_of(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        with torch.no_grad():
            flat = encoder().contiguous()
        own = _own_state(model) if encoder.transform is not None else {}
        prefix_format.write(
            directory, self.config, flat, own, encoder.dimensions, base=base, task=task, head=head_state(model)
        )

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base.

        Raises ModelError where file and model do not belong together, and where `projection` is to go on training but the
        file, like all of PEFT's, has only its output.
        """
        saved = prefix_format.read(directory)
        saved.check_same(self.config)
        if MODULE not in model._modules:
            self._attach(model, _checked_dimensions(model))
        tensors = saved.trained if self.config.projection else {f"{MODULE}.embedding.weight": saved.flat}
        copy_into(self.state(model), tensors | saved.head)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Raises ModelError: no weight of the base computes what keys and values of their own do."""
        raise ModelError("methods.no_merge", name=self.config.name)

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's behaviour while inside, with the base's own attention function."""
        encoder = encoder_of(model)
        enabled, encoder.enabled = encoder.enabled, False
        attention_inside = attention.use(model, encoder.base_attention)
        try:
            yield
        finally:
            encoder.enabled = enabled
            attention.use(model, attention_inside)


def _own_state(model: PreTrainedModel) -> dict[str, Tensor]:
    return {f"{MODULE}.{name}": tensor.detach() for name, tensor in encoder_of(model).named_parameters()}
