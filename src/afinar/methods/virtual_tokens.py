"""Virtual tokens: P learnt embeddings before each sequence, as prompt tuning and P-tuning have them.

    h = decoder([p_1 … p_P, embed(x_1) … embed(x_T)])[P:]

A hook before the decoder puts them in, one after it takes their positions out again. Whoever calls the model gives and gets
T positions as ever: the same tokens are scored with the prompt and without it, and the loss, a classifier's pooling
and `generate` need to know nothing of it. They go directly before the first attended token, wherever that is:

    padded on the right   x x x · ·        →  p p x x x · ·
    padded on the left    · · x x x        →  · · p p x x x        so the columns between two tokens are those without padding
    packed                x x x | y y      →  p p x x x | p p y y

Masks, positions and the bounds of segments are lengthened alike. With a cache they go in at the first call, and later calls
only count them. Shapes: B rows, T tokens, P virtual tokens, S sequences in a row (1 unless packed), L = T + S·P, D width.

Where we differ from PEFT: it puts the prompt before the padding and drops the positions that the caller gives; so rows padded
on the left read other positions than alone, and packed rows share one prompt. Unpadded and right-padded rows are equal.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods.head import train_head
from afinar.models.decoder import decoder_of

MODULE = "prompt"
"""The name of the :class:`VirtualTokens` in the model that carries them."""


class Places:
    """Where the tokens of a call and the virtual ones before them go.

    starts_BS: the columns before which virtual tokens go, ascending; None: before column 0 of every row.
    """

    def __init__(self, starts_BS: Tensor | None, tokens: int, virtual_tokens: int) -> None:
        self.starts_BS, self.tokens, self.virtual_tokens = starts_BS, tokens, virtual_tokens
        self.sequences = 1 if starts_BS is None else starts_BS.shape[1]
        self.added = self.sequences * virtual_tokens
        if starts_BS is None:
            return
        rows, device = starts_BS.shape[0], starts_BS.device
        columns_BT = torch.arange(tokens, device=device).expand(rows, -1).contiguous()
        before_BT = torch.searchsorted(starts_BS.contiguous(), columns_BT, right=True)
        self._kept_BT = columns_BT + virtual_tokens * before_BT
        slots_BSP = (starts_BS + virtual_tokens * torch.arange(self.sequences, device=device))[..., None]
        slots_BV = (slots_BSP + torch.arange(virtual_tokens, device=device)).flatten(1)
        order_BL = torch.empty((rows, tokens + self.added), dtype=torch.long, device=device)
        self._order_BL = order_BL.scatter_(
            1,
            torch.cat((slots_BV, self._kept_BT), dim=1),
            torch.arange(tokens + self.added, device=device).expand(rows, -1),
        )

    def put(self, virtual_BV: Tensor, values_BT: Tensor) -> Tensor:
        """(B, S·P, ...) and (B, T, ...) → (B, L, ...)."""
        joined = torch.cat((virtual_BV, values_BT), dim=1)
        return joined if self.starts_BS is None else _columns(joined, self._order_BL)

    def drop(self, values_BL: Tensor) -> Tensor:
        """(B, L, ...) → (B, T, ...): what is at the tokens' own columns."""
        return values_BL[:, self.added :] if self.starts_BS is None else _columns(values_BL, self._kept_BT)

    def at_starts(self, values_BT: Tensor) -> Tensor:
        """(B, T) → (B, S): what is at the first token of each sequence."""
        if self.starts_BS is None:
            return values_BT[:, :1]
        return values_BT.gather(1, self.starts_BS.clamp(max=self.tokens - 1))


class VirtualTokens(nn.Module):
    """The P embeddings that `rows()` gives, (P, D), before every sequence that the decoder reads."""

    def __init__(self, rows: nn.Module, virtual_tokens: int) -> None:
        super().__init__()
        self.rows, self.virtual_tokens = rows, virtual_tokens
        self.enabled = True
        self._places: Places | None = None  # of the call in progress, from one hook to the other

    def embeddings(self) -> Tensor:
        """(P, D), in float32 also under autocast."""
        device = next(self.parameters()).device
        with torch.autocast(device.type, enabled=False):
            rows: Tensor = self.rows()
        return rows

    def hook_into(self, decoder: nn.Module) -> None:
        """From now on, every call of `decoder` gets the virtual tokens. The hooks are methods, so a deep copy has its own."""
        decoder.register_forward_pre_hook(self.before, with_kwargs=True)
        decoder.register_forward_hook(self.after)

    def before(self, decoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[()], dict[str, Any]] | None:
        """Before the decoder: its inputs, lengthened. Raises ModelError for a mask or a cache that does not count them."""
        self._places = None
        if not self.enabled:
            return None
        accepted = list(inspect.signature(decoder.forward).parameters)
        given = dict(zip(accepted, args, strict=False)) | kwargs
        mask, cache = given.get("attention_mask"), given.get("past_key_values")
        if mask is not None and not (isinstance(mask, Tensor) and mask.dim() == 2):
            raise ModelError("prompts.mask", got=list(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__)
        if cache is not None and cache.is_compileable:  # its size, and the masks for it, are reckoned without the prompt
            raise ModelError("prompts.static_cache", got=type(cache).__name__)
        past = 0 if cache is None else int(cache.get_seq_length())
        if past:
            return (), self._go_on(given, past)
        return (), self._begin(decoder, given, takes_positions="position_ids" in accepted)

    def after(self, decoder: Any, args: tuple[Any, ...], output: Any) -> Any:
        """After the decoder: its hidden states at the caller's own tokens. Attention weights keep all L columns."""
        places, self._places = self._places, None
        if places is None:
            return output
        if isinstance(output, tuple):
            return (places.drop(output[0]), *output[1:])
        output.last_hidden_state = places.drop(output.last_hidden_state)
        if output.get("hidden_states") is not None:
            output.hidden_states = tuple(places.drop(states) for states in output.hidden_states)
        return output

    def _begin(self, decoder: Any, given: dict[str, Any], *, takes_positions: bool) -> dict[str, Any]:
        embeds_BTD = given.get("inputs_embeds")
        if embeds_BTD is None:
            embeds_BTD = decoder.get_input_embeddings()(given["input_ids"])
        rows, tokens = embeds_BTD.shape[:2]
        mask_BT, positions_BT = given.get("attention_mask"), given.get("position_ids")
        places = Places(_starts(given, rows), tokens, self.virtual_tokens)
        prompt_PD = self.embeddings().to(embeds_BTD)
        prompt_BVD = prompt_PD.expand(rows, places.sequences, -1, -1).flatten(1, 2)
        lengthened = {"input_ids": None, "inputs_embeds": places.put(prompt_BVD, embeds_BTD), "cache_position": None}
        if mask_BT is not None:
            lengthened["attention_mask"] = mask_BT = places.put(mask_BT.new_ones(rows, places.added), mask_BT)
        if positions_BT is not None:
            lengthened["position_ids"] = self._positions(places, positions_BT.expand(rows, -1))
        elif mask_BT is not None and takes_positions:
            lengthened["position_ids"] = (mask_BT.long().cumsum(1) - 1).clamp(min=0)
        self._places = places
        return {**given, **{name: value for name, value in lengthened.items() if name in given or value is not None},
                **_lengthen_segments(given, self.virtual_tokens)}  # fmt: skip

    def _positions(self, places: Places, positions_BT: Tensor) -> Tensor:
        """The prompt counts on from where its sequence begins, and the tokens after it."""
        own_BSP = places.at_starts(positions_BT)[..., None] + torch.arange(self.virtual_tokens, device=positions_BT.device)
        return places.put(own_BSP.flatten(1), positions_BT + self.virtual_tokens)

    def _go_on(self, given: dict[str, Any], past: int) -> dict[str, Any]:
        """A later call with a cache, in which the virtual tokens are already."""
        mask_BT = given.get("attention_mask")
        tokens = (given["input_ids"] if given.get("input_ids") is not None else given["inputs_embeds"]).shape[1]
        if mask_BT is not None:
            if mask_BT.shape[1] + self.virtual_tokens != past + tokens:
                raise ModelError(
                    "prompts.cache", got=past, expected=mask_BT.shape[1] - tokens + self.virtual_tokens, n=self.virtual_tokens
                )
            places = Places(first_attended(mask_BT), mask_BT.shape[1], self.virtual_tokens)
            given = {**given, "attention_mask": places.put(mask_BT.new_ones(len(mask_BT), places.added), mask_BT)}
        counted = {name: given[name] + self.virtual_tokens for name in _COUNTED if given.get(name) is not None}
        return {**given, **counted}

    def extra_repr(self) -> str:
        return f"virtual_tokens={self.virtual_tokens}"


_COUNTED = ("position_ids", "cache_position")


def first_attended(mask_BT: Tensor) -> Tensor:
    """(B, 1): the column of each row's first attended token; 0 for a row that has none."""
    return (mask_BT > 0).int().argmax(1, keepdim=True)


def _starts(given: dict[str, Any], rows: int) -> Tensor | None:
    """Where the sequences of a call begin, (B, S): the segments of a packed row, the first attended token of a padded one."""
    if given.get("cu_seq_lens_q") is not None:
        return given["cu_seq_lens_q"][:-1].long()[None]
    if given.get("attention_mask") is not None:
        return first_attended(given["attention_mask"])
    positions_BT = given.get("position_ids")
    if positions_BT is None or positions_BT.shape[1] < 2:
        return None
    begins_BT = positions_BT.diff(prepend=positions_BT[:, :1] - 2) != 1  # a packed row told by its positions alone
    if begins_BT.sum() == len(begins_BT):
        return None
    if rows > 1:
        raise ModelError("prompts.packed_rows", got=rows)
    return begins_BT.nonzero()[:, 1][None]


def _lengthen_segments(given: dict[str, Any], virtual_tokens: int) -> dict[str, Any]:
    """The bounds of a packed row's segments, each of them longer by the prompt."""
    bounds = {name: given[name] for name in ("cu_seq_lens_q", "cu_seq_lens_k") if given.get(name) is not None}
    longest = {name: given[name] for name in ("max_length_q", "max_length_k") if given.get(name) is not None}
    added = {
        name: value + virtual_tokens * torch.arange(len(value), dtype=value.dtype, device=value.device)
        for name, value in bounds.items()
    }
    return added | {name: value + virtual_tokens for name, value in longest.items()}


def _columns(values_BL: Tensor, index_BN: Tensor) -> Tensor:
    """values[b, index[b, n], ...]; each column at most once, so the gradient is the same on every run."""
    for size in values_BL.shape[2:]:
        index_BN = index_BN[..., None].expand(*index_BN.shape, size)
    return values_BL.gather(1, index_BN)


# --- on a model ----------------------------------------------------------------------------------------------------


def token_embeddings(model: PreTrainedModel) -> nn.Embedding:
    """The layer that gives tokens their embeddings. Raises ModelError for a model that has none such."""
    found = decoder_of(model).get_input_embeddings()
    if not isinstance(found, nn.Embedding):
        raise ModelError("prompts.no_embeddings", got=type(model).__name__)
    return found


def width(model: PreTrainedModel) -> int:
    """D: the width of the token embeddings, in which virtual tokens are given."""
    return token_embeddings(model).embedding_dim


def check_room(model: PreTrainedModel, virtual_tokens: int) -> None:
    """Raises ModelError for a model that carries an adapter, ConfigError where the prompt fills all of its positions."""
    if any(type(module).__module__.startswith("afinar.methods.") for module in model.modules()):
        raise ModelError("prompts.already_adapted")
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)  # ALiBi models have no limit
    if positions is not None and virtual_tokens >= positions:
        raise ConfigError("prompts.too_many", got=virtual_tokens, positions=positions)


def install(model: PreTrainedModel, rows: nn.Module, virtual_tokens: int) -> PreTrainedModel:
    """Freeze the base and put the `virtual_tokens` embeddings that `rows` gives before all it reads."""
    decoder = decoder_of(model)
    model.requires_grad_(False)
    prompt = VirtualTokens(rows, virtual_tokens).to(token_embeddings(model).weight.device)
    prompt.train(model.training)
    prompt.hook_into(decoder)
    model.add_module(MODULE, prompt)
    train_head(model)
    return model


def find_prompt(model: nn.Module) -> VirtualTokens | None:
    """The virtual tokens that `model` carries, or None."""
    found = model._modules.get(MODULE)
    return found if isinstance(found, VirtualTokens) else None


def prompt_of(model: nn.Module) -> VirtualTokens:
    """The virtual tokens that `model` carries. Raises ModelError where it carries none."""
    found = find_prompt(model)
    if found is None:
        raise ModelError("prompts.not_attached")
    return found


def prompt_state(model: nn.Module) -> dict[str, Tensor]:
    """What trains in the prompt, by its name in the model, sharing memory."""
    return {f"{MODULE}.{name}": tensor.detach() for name, tensor in prompt_of(model).named_parameters()}


@contextmanager
def without_prompt(model: nn.Module) -> Iterator[None]:
    """The model without its virtual tokens while inside."""
    prompt = prompt_of(model)
    before, prompt.enabled = prompt.enabled, False
    try:
        yield
    finally:
        prompt.enabled = before
