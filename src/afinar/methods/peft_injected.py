"""A technique of PEFT put into a model in place: PEFT makes and runs the layers, the rest is done as for our own methods.

    attach    peft.get_peft_model adapts the model's layers; the model itself is given back, not PEFT's wrapper, so that
              everything (generation, FSDP, the loss in `forward`) sees a plain model of transformers
    state     what trains, and every other tensor that PEFT keeps under the adapter's name (VeRA's projections, for one)
    export    PEFT's two files, with a classifier's head through `modules_to_save`

PEFT's wrapper is kept beside the model's modules, in `model.__dict__`, for what it knows best: its tensors' names in files,
how to merge. The classification head is ours (:mod:`afinar.methods.head`): float32, and pooled by attention mask.

Techniques that no trainer for supervised fine-tuning can train are refused by :class:`afinar.methods.config.Peft` itself.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods import exports, peft_adalora, peft_files
from afinar.methods.config import Peft
from afinar.methods.head import HEAD, head_of, head_state, train_head
from afinar.methods.training_state import copy_into, trained
from afinar.models.quantised import quantised_core
from afinar.models.targets import linear_layers, shortest_endings

ADAPTER = "default"  # the name that PEFT gives an adapter
_WRAPPER = "_afinar_peft"

NOT_MERGEABLE = frozenset({"ADAPTION_PROMPT", "BEFT", "LILY"})
NOT_AT_BASE = frozenset({"C3A", "DEFT", "FOURIERFT", "FROD", "HRA", "OSF", "UNILORA", "VBLORA"})
"""Techniques whose untrained adapter changes the output, be it by rounding."""
NOT_PACKABLE = frozenset({"ADAPTION_PROMPT"})
"""Techniques that do more than change layers token by token."""


ON_FOUR_BITS = frozenset({
    "ADALORA", "ADAPTION_PROMPT", "BEFT", "BOFT", "C3A", "FOURIERFT", "GRALORA", "HIRA", "IA3", "LILY", "LN_TUNING", "LORA",
    "MISS", "OFT", "PVERA", "RANDLORA", "ROAD", "SHIRA", "TRAINABLE_TOKENS", "VBLORA", "VERA", "WAVEFT",
})  # fmt: skip
"""Techniques that compute on a quantised base what they compute on the same base dequantised; the others fail, or change
its bytes as if they were weights."""


class PeftInjected:
    """A technique of PEFT's that adapts layers, in a plain model."""

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    switchable: ClassVar[bool] = True
    peft_format: ClassVar[bool] = True
    checkpointing: ClassVar[bool] = True

    def __init__(self, config: Peft) -> None:
        self.config = config

    @property
    def mergeable(self) -> bool:
        """Whether PEFT can fold the technique into the weights."""
        return self.config.peft_type not in NOT_MERGEABLE

    @property
    def starts_at_base(self) -> bool:
        """Whether the untrained adapter leaves the output as it is, to the bit."""
        return self.config.peft_type not in NOT_AT_BASE

    @property
    def packing(self) -> bool:
        """Whether it changes single tokens' layers only, which packed rows leave alone."""
        return self.config.peft_type not in NOT_PACKABLE

    @property
    def quantised_base(self) -> bool:
        """Whether PEFT has the technique for layers in 4 bits."""
        return self.config.peft_type in ON_FOUR_BITS

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Let PEFT adapt the model's layers; a classification head trains too.

        Raises ConfigError for what PEFT refuses, ModelError where the model already carries an adapter.
        """
        if _WRAPPER in model.__dict__:
            raise ModelError("methods.already_attached")
        return self._attach(model, self.config)

    def trainable_count(self, model: PreTrainedModel) -> int:
        """What PEFT makes trainable; for a model without the adapter it is counted on one without weights."""
        if _WRAPPER not in model.__dict__:
            model = self._counted(model)
        return sum(tensor.numel() for tensor in trained(model).values())

    def _counted(self, model: PreTrainedModel) -> PreTrainedModel:
        """A model like `model` with the adapter, without weights where PEFT can do that."""
        try:
            with torch.device("meta"):
                return self._attach(type(model)(copy.deepcopy(model.config)), self.config)
        except (ConfigError, RuntimeError) as error:  # it draws its shapes from the weights' values
            if any(parameter.is_meta for parameter in model.parameters()):
                raise ModelError("peft.no_count", got=self.config.peft_type) from error
            return self._attach(copy.deepcopy(model), self.config)

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Every parameter that trains, and every other tensor of the adapter, by name."""
        _wrapper(model)
        tensors = model.state_dict(keep_vars=True)
        kept = {name: value.detach() for name, value in tensors.items() if _is_of_adapter(name)}
        return {**kept, **trained(model)}

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what :meth:`state` gave."""
        copy_into(self.state(model), state)

    def begin(self, model: PreTrainedModel, steps: int) -> None:
        """Before a training of `steps` optimizer steps; AdaLoRA plans its ranks by their number."""
        if self.config.peft_type == "ADALORA":
            peft_adalora.begin(model, _wrapper(model).base_model, self.config, steps)

    def after_step(self, model: PreTrainedModel, step: int) -> None:
        """After optimizer step `step` (the first is 1), while the gradients are there; AdaLoRA allots its ranks."""
        if self.config.peft_type == "ADALORA":
            peft_adalora.allocate(model, _wrapper(model).base_model, step)

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, and `afinar.json`."""
        from peft import get_peft_model_state_dict

        wrapper = _wrapper(model)
        exports.write_card(directory, self.config, model, base=base, task=task)
        found = get_peft_model_state_dict(wrapper, adapter_name=ADAPTER, save_embedding_layers=False)
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in found.items()}
        head = {name: value.cpu().clone() for name, value in head_state(model).items()}
        settings = _settings(wrapper.peft_config[ADAPTER], has_head=bool(head))
        peft_files.write(directory, settings, tensors, base=base, task=task, head=head)

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export, ours or PEFT's own, onto its base. Raises ModelError where the two do not belong together."""
        from peft import get_peft_model_state_dict, set_peft_model_state_dict

        files = peft_files.read(directory)
        config = Peft.of(files.settings)
        if config.peft_type != self.config.peft_type:
            raise ModelError(
                "methods.other_config", field="method.peft_type", got=self.config.peft_type, expected=config.peft_type
            )
        if _WRAPPER not in model.__dict__:
            self._attach(model, config)
        wrapper = _wrapper(model)
        if config.peft_type == "ADALORA":
            wrapper.peft_config[ADAPTER].rank_pattern = files.settings.get("rank_pattern")
        expected = get_peft_model_state_dict(wrapper, adapter_name=ADAPTER, save_embedding_layers=False).keys()
        if expected ^ files.tensors.keys():
            got = ", ".join(sorted(expected ^ files.tensors.keys())[:3])
            raise ModelError("peft.other_tensors", path=files.directory / peft_files.WEIGHTS_FILE, got=got)
        try:
            set_peft_model_state_dict(wrapper, dict(files.tensors), adapter_name=ADAPTER)
        except RuntimeError as error:  # other shapes
            raise ModelError("methods.broken_file", path=files.directory / peft_files.WEIGHTS_FILE, reason=error) from error
        if config.peft_type == "ADALORA":
            peft_adalora.prepare(model, wrapper.base_model)
        copy_into(head_state(model), files.head)
        return model

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Fold the adapter into the base as PEFT does. Raises ModelError for what cannot be, and for a quantised base."""
        wrapper = _wrapper(model)
        if not self.mergeable:
            raise ModelError("methods.no_merge", name=self.config.peft_type)
        quantised = [value for value in model.parameters() if not value.is_floating_point()]
        if quantised:
            raise ModelError("methods.merge_quantised", dtype=quantised[0].dtype)
        peft_adalora.remove(model)
        del model.__dict__[_WRAPPER]
        merged: PreTrainedModel = wrapper.merge_and_unload()
        return merged

    @contextmanager
    def disabled(self, model: PreTrainedModel) -> Iterator[None]:
        """The base's own output while inside, also inside another such block; a classification head stays as it is."""
        wrapper = _wrapper(model)
        if wrapper.__dict__.get("_afinar_off"):
            yield
            return
        training = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
        wrapper.__dict__["_afinar_off"] = True
        wrapper.base_model.disable_adapter_layers()
        try:
            yield
        finally:
            wrapper.base_model.enable_adapter_layers()
            wrapper.__dict__["_afinar_off"] = False
            for name, parameter in model.named_parameters():  # PEFT sets some anew
                parameter.requires_grad_(training[name])

    def _attach(self, model: PreTrainedModel, config: Peft) -> PreTrainedModel:
        from peft import get_peft_model

        _check_start(config)
        if quantised_core(model) is not None and config.peft_type not in ON_FOUR_BITS:
            raise ConfigError("peft.float_base", field="method.peft_type", got=config.peft_type)
        made = config.made()
        if config.settings.get("target_modules") == "all-linear":  # PEFT's would reach into a classification head
            made.target_modules = set(shortest_endings(model, linear_layers(model)))
        head = head_of(model)
        mode = {module: module.training for module in model.modules()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*fan_in_fan_out")  # PEFT mends it itself
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            try:
                wrapper = get_peft_model(model, made)
            except (ValueError, TypeError, NotImplementedError) as error:
                raise ConfigError("methods.peft_refuses", reason=error) from error
        if head_of(model) is not head:
            raise ConfigError("peft.adapts_head", got=config.peft_type, head=HEAD)
        for module in model.modules():
            module.training = mode.get(module, model.training)
        model.__dict__[_WRAPPER] = wrapper
        if config.peft_type == "ADALORA":
            peft_adalora.prepare(model, wrapper.base_model)
        train_head(model)
        return model


_STARTS = (True, False, "eva", "gaussian", "orthogonal")
"""Initialisations of PEFT's LoRA that leave the base's weights alone, so that the adapter can be switched off."""


def _check_start(config: Peft) -> None:
    start = config.settings.get("init_lora_weights", True)
    if config.peft_type == "LORA" and start not in _STARTS:
        raise ConfigError("peft.changes_base", field="method.init_lora_weights", got=start)


def _wrapper(model: nn.Module) -> Any:
    if _WRAPPER not in model.__dict__:
        raise ModelError("methods.not_attached")
    return model.__dict__[_WRAPPER]


def _is_of_adapter(name: str) -> bool:
    return ADAPTER in name.split(".") or name.startswith(f"{peft_adalora.NAME}.")


def _settings(config: Any, *, has_head: bool) -> dict[str, Any]:
    """What `adapter_config.json` says of the technique itself, as JSON holds it."""
    saved = (
        sorted(set(config.modules_to_save or ()) | ({HEAD} if has_head else set()))
        if hasattr(config, "modules_to_save")
        else None
    )
    values = {name: _plain(value) for name, value in config.to_dict().items() if name not in ("runtime_config", "task_type")}
    for name in ("base_model_name_or_path", "inference_mode", "modules_to_save"):
        values.pop(name, None)
    return {**values, **({"modules_to_save": saved} if saved else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    return getattr(value, "value", value)
