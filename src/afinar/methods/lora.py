"""LoRA: low-rank adaptation of linear layers.

    y = W x + b + s · B A x,    s = alpha / r   (alpha / sqrt(r) when rank-stabilised)

    W (out, in)  the pretrained weight, frozen          A (r, in)   Kaiming uniform, a = sqrt(5)
    b (out,)     its bias, frozen                       B (out, r)  zero: training starts at the base model

         x ──────── W ──────── + ── y        r·(in + out) weights train in place of in·out, and B A can be folded
         └── drop ── A ── B ── s ┘           into W afterwards, so that the adapted model costs nothing extra.

Sources: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685, equation 3 and section
4.1; Kalajdzievski 2023, "A rank stabilization scaling factor for fine-tuning with LoRA", arXiv:2312.03732.

Where we differ: the paper draws A from a Gaussian; its code and PEFT use Kaiming uniform, as here. PEFT casts x to the
adapter's float32 and forms B A x, s · B A x and the sum, each as wide as y; here A and B are cast to x's dtype (their
float32 values stay the masters) and the product is added into W x in one step. Over a bfloat16 base the
update and the gradients of A and B therefore carry bfloat16's rounding (0.3 % of them), as the base's own products do.

This file is the method: attach, save, merge, switch. The layer itself is :mod:`afinar.methods.lora_layer`; its relatives are
:mod:`afinar.methods.dora` (rows of trained length), :mod:`afinar.methods.lora_init` (PiSSA, OLoRA),
:mod:`afinar.methods.lora_embedding` (embeddings) and :mod:`afinar.methods.trained_parts` (tokens and layers that train whole).
What goes where is decided in :mod:`afinar.methods.lora_places`; several adapters on one base are
:mod:`afinar.methods.adapters`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from afinar import messages
from afinar.errors import ConfigError, ModelError
from afinar.methods import exports, peft_format
from afinar.methods.adapted import Adapted, adapted_layers
from afinar.methods.config import LoRA
from afinar.methods.config.lora import pattern_for
from afinar.methods.head import head_count, head_state, train_head
from afinar.methods.lora_embedding import LoRAEmbedding
from afinar.methods.lora_layer import LoRALayer, add_low_rank, lora_layers
from afinar.methods.lora_places import insert, is_tied, places, places_of
from afinar.methods.trained_parts import TrainedLayer, TrainedTokens
from afinar.methods.training_state import copy_into
from afinar.models.targets import shortest_endings

__all__ = ["LoRALayer", "LoRAMethod", "add_low_rank", "lora_layers", "switch"]


class LoRAMethod:
    """Puts a :class:`LoRALayer`, or one of its relatives, onto each target; its export is PEFT's format."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = True
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = True
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: LoRA) -> None:
        self.config = config

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the base and adapt the targets.

        Raises ConfigError where a name or pattern of the config matches no layer and where it asks for what cannot be,
        ModelError where the model already carries an adapter.
        """
        if adapted_layers(model):
            raise ModelError("methods.already_attached")
        insert(model, places(model, self.config), self.config)
        train_head(model)
        return model

    def trainable_count(self, model: PreTrainedModel) -> int:
        """Σ r·(in + out) over the targets, plus what else trains, plus the classification head."""
        adapted = adapted_layers(model)
        if adapted:
            return sum(layer.count() for layer in adapted.values()) + head_count(model)
        return sum(place.count(self.config) for place in places(model, self.config).values()) + head_count(model)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """A and B of each adapted layer, what else trains, and the classification head.

        Where B A started elsewhere than at zero, A0 and B0 too, which do not train: what they are is not found out again
        to the bit on another machine.
        """
        layers = _attached(model)
        return {
            f"{path}.{name}": tensor for path, layer in layers.items() for name, tensor in layer.tensors().items()
        } | head_state(model)

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, and `afinar.json`."""
        layers = _attached(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        _warn_of_lost_bias(layers)
        whole = [path for path, layer in layers.items() if isinstance(layer, TrainedLayer) and not layer.follows]
        low_rank = [path for path, layer in layers.items() if isinstance(layer, LoRALayer | LoRAEmbedding)]
        peft_format.write(
            directory,
            self.config,
            layers,
            base=base,
            task=task,
            target_modules=shortest_endings(model, low_rank),
            modules_to_save=_names_for_peft(model, whole),
            fan_in_fan_out=any(isinstance(layer.base, Conv1D) for layer in layers.values()),
            head=head_state(model),
        )

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base; the file says which layers it adapts.

        Raises ModelError for what these layers cannot represent, and where file and model do not belong together.
        """
        adapter = peft_format.read(directory).for_config(self.config)
        if not adapted_layers(model):
            found = places_of(model, adapter)
            insert(model, found, self.config, draw=adapter.draws)
            train_head(model)
        state, layers = self.state(model), adapted_layers(model)
        followers = tuple(f"{path}." for path, layer in layers.items() if layer.follows)
        # a tied head is in the files, but has nothing of its own; where PEFT's PiSSA started follows from the base
        tensors = {name: value for name, value in adapter.tensors().items() if name in state or not name.startswith(followers)}
        drawn = {name: value for name, value in state.items() if adapter.draws and name.endswith((".A0", ".B0"))}
        copy_into(state, {**drawn, **tensors})
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Fold every update into its layer and put the plain layer back; a plain model with the same output.

        Embeddings and head that were one weight stay one where both got the same update; otherwise they become two, the
        model's config says so, and a warning too. Raises ModelError without an adapter, and for a quantised base.
        """
        layers, tied = _attached(model), is_tied(model)
        try:
            for layer in layers.values():
                layer.merge()  # all of them before any is put away: a tied head asks the embeddings' layer
        except ModelError:
            for layer in layers.values():
                layer.unmerge()
            raise
        for path, layer in layers.items():
            model.set_submodule(path, layer.fold())
        if tied:
            _tie_again(model, layers)
        return model

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's own output, bit for bit, also while layers are merged. Raises ModelError without an adapter."""
        layers = list(_attached(model).values())
        before = [(layer.enabled, layer.merged) for layer in layers]
        for layer in layers:
            layer.unmerge()
            layer.enabled = False
        try:
            yield
        finally:
            for layer, (enabled, merged) in zip(layers, before, strict=True):
                layer.enabled = enabled
                if merged:
                    layer.merge()


def switch(model: nn.Module, pattern: str, *, on: bool) -> list[str]:
    """Switch the adapted layers that `pattern` fits on or off, at any time; returns their paths.

    pattern: a regular expression for the end of a layer's path, such as `q_proj` or `layers.[01]..*`, as in `rank_pattern`.
    A layer that is off gives the base's own output and gets no gradient. Raises ConfigError for a pattern that fits none,
    ModelError without an adapter.
    """
    layers = _attached(model)
    try:
        found = [path for path in layers if pattern_for({pattern: on}, path)]
    except re.error as error:
        raise ConfigError("lora.bad_pattern", field="pattern", got=pattern, detail=str(error)) from error
    if not found:
        raise ConfigError("lora.switch_matches_nothing", got=pattern, example=next(iter(layers)))
    for path in found:
        layers[path].enabled = on
    return found


def _attached(model: nn.Module) -> dict[str, Adapted]:
    layers = adapted_layers(model)
    if not layers:
        raise ModelError("methods.not_attached")
    return layers


def _warn_of_lost_bias(layers: dict[str, Adapted]) -> None:
    for path, layer in layers.items():
        if isinstance(layer, TrainedTokens) and isinstance(layer.base, nn.Linear) and layer.base.bias is not None:
            warnings.warn(messages.text("lora.peft_drops_bias", path=path), UserWarning, stacklevel=3)


def _names_for_peft(model: nn.Module, paths: list[str]) -> list[str]:
    """Names for the layers at `paths` in PEFT's `modules_to_save`, where `norm` would mean `input_layernorm` too."""
    modules = [path for path, _ in model.named_modules()]
    names = {path: path.rsplit(".", 1)[-1] for path in paths}
    return [name if sum(other.endswith(name) for other in modules) == 1 else path for path, name in names.items()]


def _tie_again(model: PreTrainedModel, layers: dict[str, Adapted]) -> None:
    """After merging a model whose embeddings and head were one weight."""
    embeddings: Any = model.get_input_embeddings()
    head: Any = model.get_output_embeddings()
    if head.weight is embeddings.weight:
        return
    adapted = {id(layer.base): layer for layer in layers.values()}
    follows = adapted.get(id(head))
    if follows is not None and follows.follows:
        head.weight = embeddings.weight
        return
    model.config.tie_word_embeddings = False
    warnings.warn(messages.text("lora.untied"), UserWarning, stacklevel=3)
