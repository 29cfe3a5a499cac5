"""PEFT's configs and PEFT's models, taken as they come.

    LoraConfig that a plain LoRA layer can express  → our own :class:`LoRAMethod`, on exactly the layers PEFT would adapt
    any other PEFT config                           → wrapped by PEFT itself, :class:`PeftWrapped`
    a model that PEFT has wrapped already           → taken as it is, never wrapped twice
    a config of afinar                              → its own method

PEFT is imported only when one of its objects is met.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Iterable
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods.base import Method, create
from afinar.methods.config import LoRA
from afinar.methods.head import HEAD
from afinar.methods.lora import LoRAMethod
from afinar.methods.peft_wrapped import PeftWrapped, config_of, is_peft, kind_of
from afinar.models.targets import linear_layers, shortest_endings

__all__ = ["PeftWrapped", "config_of", "is_peft", "is_peft_config", "method_for"]

TASK_TYPES = {"causal": "CAUSAL_LM", "classification": "SEQ_CLS"}

# Fields of LoraConfig that become fields of LoRA, choose its layers, or mean nothing for training. Any other that is not
# at its default asks for more than a plain LoRA layer.
_EXPRESSED = {"r", "lora_alpha", "lora_dropout", "use_rslora"}
_CHOOSING = {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "target_parameters"}
_INERT = {
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "fan_in_fan_out", "megatron_core", "qalora_group_size", "runtime_config", "modules_to_save",
}  # fmt: skip
_HEADS = {HEAD, "classifier"}  # what PEFT adds to modules_to_save of a classifier

# They read inputs, or need calls between steps, that no trainer gives them; without those they train something else.
_NEED_MORE = {"ADALORA", "CARTRIDGE", "CPT", "MULTITASK_PROMPT_TUNING", "POLY", "XLORA"}


def is_peft_config(config: Any) -> bool:
    """Whether `config` is one of PEFT's."""
    if "peft" not in sys.modules:
        return False
    from peft import PeftConfig

    return isinstance(config, PeftConfig)


def method_for(config: Any, model: nn.Module) -> Method:
    """The method that `config` (afinar's, PEFT's, or None for a model wrapped by PEFT) stands for on `model`.

    Raises ModelError for a config on a model that already carries PEFT's adapters, ConfigError for what is no config, for
    another task than the model's, and for target modules that PEFT does not find.
    """
    if is_peft(model):
        if config is not None and config is not config_of(model):
            raise ModelError("methods.already_wrapped", got=type(config).__name__)
        return PeftWrapped(_checked(config_of(model)))
    if not is_peft_config(config):
        return create(config)
    return _method_for_peft(_checked(config), model)


def _checked(config: Any) -> Any:
    kind = kind_of(config)
    if kind in _NEED_MORE:
        raise ConfigError("methods.peft_needs_more", got=kind)
    return config


def _method_for_peft(config: Any, model: nn.Module) -> Method:
    kind = kind_of(config)
    config = copy.deepcopy(config)  # PEFT writes into the one that it gets
    config.task_type = _task_type(config, model)
    config.inference_mode = False  # a config read back from a saved adapter says True, and PEFT would freeze it
    lost = _beyond_lora(config) if kind == "LORA" else [kind]
    if not lost and isinstance(model, PreTrainedModel):
        targets = _targets(config, model)
        if targets is not None:
            return LoRAMethod(_as_lora(config, targets))
        lost = ["target_modules"]
    return PeftWrapped(config, beyond=", ".join(lost))


def _task_type(config: Any, model: nn.Module) -> str | None:
    """The model's own task; a config that says none gets it, so that a classifier's head trains."""
    if not isinstance(model, PreTrainedModel):
        return config.task_type
    task = "classification" if HEAD in dict(model.named_children()) else "causal"
    asked = config.task_type and str(getattr(config.task_type, "value", config.task_type))
    if asked and asked != TASK_TYPES[task]:
        raise ConfigError("methods.peft_task", got=asked, model=type(model).__name__, expected=TASK_TYPES[task])
    return TASK_TYPES[task]


def _beyond_lora(config: Any) -> list[str]:
    """The settings of a LoraConfig that :class:`LoRA` has no place for, as `name=value`."""
    beyond = []
    for field in dataclasses.fields(config):
        if field.name in _EXPRESSED | _CHOOSING | _INERT:
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        value = getattr(config, field.name)
        if value != default and (value or default):  # None, {} and [] say the same
            beyond.append(f"{field.name}={value!r}")
    saved = set(config.modules_to_save or ())
    if saved - (_HEADS if config.task_type == TASK_TYPES["classification"] else set()):
        beyond.append(f"modules_to_save={sorted(saved)!r}")
    return beyond


def _as_lora(config: Any, targets: tuple[str, ...]) -> LoRA:
    return LoRA(
        r=config.r,
        alpha=config.lora_alpha,
        dropout=config.lora_dropout,
        rank_stabilised=config.use_rslora,
        target_modules=targets,
    )


def _targets(config: Any, model: PreTrainedModel) -> tuple[str, ...] | None:
    """Endings of the layers that PEFT would adapt; None where one of them is no linear layer of ours (an embedding, the
    LM head, experts fused into one tensor)."""
    from peft.tuners.tuners_utils import check_target_module_exists
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING

    probe = _for_this_transformers(config, model)
    if probe.target_parameters:
        return None
    if probe.target_modules is None:
        probe.target_modules = TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.get(model.config.model_type)
        if probe.target_modules is None:
            raise ConfigError("methods.peft_no_targets", got=model.config.model_type)
    layers = linear_layers(model)
    if isinstance(probe.target_modules, str) and probe.target_modules.lower() == "all-linear":
        probe.target_modules = set(layers)
    if config.task_type == TASK_TYPES["classification"]:
        probe.modules_to_save = sorted(_HEADS)  # PEFT leaves these out of the matching
    found = [path for path, _ in model.named_modules() if path and check_target_module_exists(probe, path)]
    if not found:
        raise ConfigError("methods.peft_no_match", got=_shown(probe.target_modules), candidates=_candidates(layers))
    if not set(found) <= layers.keys():
        return None
    return tuple(shortest_endings(model, found))


def _for_this_transformers(config: Any, model: PreTrainedModel) -> Any:
    """A copy of `config` as PEFT rewrites it where transformers 5 has fused a mixture's experts into one tensor."""
    probe = copy.deepcopy(config)
    try:
        from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
    except ImportError:  # an older PEFT, which rewrites nothing
        return probe
    try:
        convert_peft_config_for_transformers(probe, model=model, conversions=None)
    except ValueError as error:
        raise ConfigError("methods.peft_refuses", reason=error) from error
    return probe


def _shown(targets: Any) -> str:
    return targets if isinstance(targets, str) else ", ".join(sorted(targets))


def _candidates(layers: Iterable[str]) -> str:
    return ", ".join(sorted({path.rsplit(".", 1)[-1] for path in layers}))
