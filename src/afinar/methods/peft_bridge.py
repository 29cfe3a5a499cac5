"""PEFT's configs and PEFT's models, taken as they come.

    a config that one of our own methods can express   → that method, on exactly the layers that PEFT would adapt
    any other config of PEFT                           → wrapped by PEFT itself, :class:`PeftWrapped`
    `method: {name: peft, peft_type: ...}`             → our own method, else PEFT's layers in the plain model,
                                                         :class:`PeftInjected`
    a model that PEFT has wrapped already              → taken as it is, never wrapped twice
    a config of afinar                                 → its own method

PEFT is imported only when one of its objects is met.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods.base import Method, create
from afinar.methods.config import MethodConfig, Peft
from afinar.methods.config.peft import check_trainable
from afinar.methods.head import HEAD
from afinar.methods.peft_injected import PeftInjected
from afinar.methods.peft_wrapped import PeftWrapped, config_of, is_peft, kind_of
from afinar.models.targets import linear_layers, shortest_endings

__all__ = ["PeftInjected", "PeftWrapped", "config_of", "is_peft", "is_peft_config", "method_for", "own_config", "peft_method"]

TASK_TYPES = {"causal": "CAUSAL_LM", "classification": "SEQ_CLS"}
OURS: dict[str, str] = {
    "IA3": "afinar.methods.ia3_format",
    "LORA": "afinar.methods.peft_settings",
    "PREFIX_TUNING": "afinar.methods.prefix_format",
    "PROMPT_TUNING": "afinar.methods.prompt_format",
    "P_TUNING": "afinar.methods.prompt_format",
}
"""The modules whose `from_peft(settings)` gives our config for PEFT's, or None where it asks for more than ours has."""
PROMPTS = ("PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING")
_HEADS = {HEAD, "classifier"}  # what PEFT adds to modules_to_save of a classifier


def is_peft_config(config: Any) -> bool:
    """Whether `config` is one of PEFT's."""
    if "peft" not in sys.modules:
        return False
    from peft import PeftConfig

    return isinstance(config, PeftConfig)


def method_for(config: Any, model: nn.Module) -> Method:
    """The method that `config` (afinar's, PEFT's, or None for a model wrapped by PEFT) stands for on `model`.

    Raises ModelError for a config on a model that already carries PEFT's adapters, ConfigError for what is no config, for
    another task than the model's, for target modules that PEFT does not find, and for techniques that need more than rows.
    """
    if is_peft(model):
        if config is not None and config is not config_of(model):
            raise ModelError("methods.already_wrapped", got=type(config).__name__)
        check_trainable(kind_of(config_of(model)))
        if kind_of(config_of(model)) == "ADALORA":
            raise ConfigError("peft.adalora_wrapped", field="peft_config")
        return PeftWrapped(config_of(model))
    if isinstance(config, Peft):
        ours = own_config(config, model)
        return peft_method(config) if ours is None else create(ours)
    if not is_peft_config(config):
        return create(config)
    return _method_for_peft(config, model)


def peft_method(config: Peft) -> Method:
    """The method of `method: peft` where no model is at hand: ours for prompts, PEFT's own layers for everything else.

    Raises ConfigError for what needs more than rows to train, and for settings of a prompt that ours has no place for.
    """
    if config.peft_type not in PROMPTS:
        return PeftInjected(config)
    ours = _from_peft(config.peft_type, config.made())
    if ours is None:
        raise ConfigError("peft.prompt_settings", field="method.peft_type", got=config.peft_type)
    return create(ours)


def own_config(config: Peft, model: nn.Module) -> MethodConfig | None:
    """The config of ours that trains on `model` what `config` would; None where PEFT has to do it."""
    if config.peft_type not in OURS:
        return None
    made = config.made()
    made.task_type = _task_type(made, model)
    return _ours(made, model)


def _method_for_peft(config: Any, model: nn.Module) -> Method:
    kind = kind_of(config)
    check_trainable(kind)
    config = copy.deepcopy(config)  # PEFT writes into the one that it gets
    config.task_type = _task_type(config, model)
    config.inference_mode = False  # a config read back from a saved adapter says True, and PEFT would freeze it
    ours = _ours(config, model) if kind in OURS else None
    if ours is not None:
        return create(ours)
    if kind == "ADALORA" and isinstance(model, PreTrainedModel):
        return PeftInjected(Peft.of(config.to_dict()))
    return PeftWrapped(config, beyond=", ".join(_beyond(config)))


def _ours(config: Any, model: nn.Module) -> MethodConfig | None:
    """Our config for one of PEFT's on `model`, its target modules resolved as PEFT would."""
    if not isinstance(model, PreTrainedModel):
        return None
    kind = kind_of(config)
    if kind != "LORA":
        return _from_peft(kind, config)
    targets = _targets(config, model)
    return None if targets is None else _from_peft(kind, config, targets=targets)


def _from_peft(kind: str, config: Any, **options: Any) -> MethodConfig | None:
    found: MethodConfig | None = import_module(OURS[kind]).from_peft(_settings(config), **options)
    return found


def _settings(config: Any) -> dict[str, Any]:
    """`to_dict()` without a classifier's head, which trains with every method of ours."""
    settings: dict[str, Any] = dict(config.to_dict())
    if config.task_type == TASK_TYPES["classification"] and settings.get("modules_to_save"):
        settings["modules_to_save"] = [name for name in settings["modules_to_save"] if name not in _HEADS]
    return settings


def _beyond(config: Any) -> list[str]:
    """What a config asks for beyond its defaults, as `name=value`; its technique alone where ours has none of it."""
    kind = kind_of(config)
    if kind not in OURS:
        return [kind]
    asked = Peft.of(_settings(config)).settings
    plain = ("r", "lora_alpha", "lora_dropout", "use_rslora", "num_virtual_tokens")
    return [f"{name}={value!r}" for name, value in asked.items() if name not in plain] or [kind]


def _task_type(config: Any, model: nn.Module) -> str | None:
    """The model's own task; a config that says none gets it, so that a classifier's head trains."""
    if not isinstance(model, PreTrainedModel):
        return config.task_type
    task = "classification" if HEAD in dict(model.named_children()) else "causal"
    asked = config.task_type and str(getattr(config.task_type, "value", config.task_type))
    if asked and asked != TASK_TYPES[task]:
        raise ConfigError("methods.peft_task", got=asked, model=type(model).__name__, expected=TASK_TYPES[task])
    return TASK_TYPES[task]


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
