"""The optimizer of a training: any `optim` of transformers, or a class given by the caller, over named parameter groups.

transformers hands some optimizers their parameters in its own way; they are treated as it treats them:

| its keyword      | which                    | here                                                                          |
| ---------------- | ------------------------ | ----------------------------------------------------------------------------- |
| `params`         | GaLore, APOLLO           | its groups are cut along ours, so that both keep their settings               |
| `optimizer_dict` | their layer-wise forms   | each parameter's own optimizer gets the rate and decay of its group           |
| `model`          | LOMO, AdaLomo            | no groups: a setting that needs them is refused                               |
| a factory        | Muon, Dion and the like  | no groups: a setting that needs them is refused                               |

Where we differ: a learning rate or weight decay among the optimizer's own keywords (`optim_args`, or those given with the
class) is used; transformers' groups hide the weight decay. Without one, a given class takes `learning_rate` of the
arguments, not its own default. 8-bit optimizers keep embeddings in 32 bits through a table of their own; transformers
writes it to one for the whole process, which then applies to every later optimizer.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from torch import nn
from torch.optim import Optimizer
from transformers import Trainer
from transformers.training_args import OptimizerNames

from afinar.errors import ConfigError
from afinar.training.arguments import SFTConfig
from afinar.training.groups import Groups, describe, parameter_groups

__all__ = ["averaged_weights", "describe", "make_optimizer", "parameter_groups", "training_weights"]

PACKAGES = {
    r"adamw_torch_[48]bit": ("torchao", "torchao"),
    r"(paged_)?(adamw_bnb_8bit|adamw_8bit|adamw_32bit|(ademamix|lion)(_32bit|_8bit)?)|rmsprop_bnb.*": (
        "bitsandbytes",
        "bitsandbytes",
    ),
    r"galore_.*": ("galore_torch", "galore-torch"),
    r"apollo_.*": ("apollo_torch", "apollo-torch"),
    r"lomo|adalomo": ("lomo_optim", "lomo-optim"),
    r"grokadamw": ("grokadamw", "grokadamw"),
    r"schedule_free_.*": ("schedulefree", "schedulefree"),
    r"stable_adamw": ("optimi", "torch-optimi"),
    r"adamw_anyprecision": ("torchdistx", "torchdistx"),
    r"adamw_torch_xla": ("torch_xla", "torch_xla"),
    r"adamw_torch_npu_fused": ("torch_npu", "torch_npu"),
}
"""What each `optim` needs beyond torch and transformers: the module to import, and what to install."""

_IN_BACKWARD = re.compile(r".*_layerwise|lomo|adalomo")  # they update each weight as soon as its gradient is there
_UNWRITABLE = re.compile(r"galore_.*|apollo_.*|lomo|adalomo|adamw_torch_[48]bit")  # state that is not tensors and numbers
_GROUP_SETTINGS = (
    "head_learning_rate",
    "embedding_learning_rate",
    "adapter_learning_rate",
    "layerwise_lr_decay",
    "lora_plus_ratio",
)


def make_optimizer(
    args: SFTConfig,
    model: nn.Module,
    optimizer_cls_and_kwargs: tuple[Any, Mapping[str, Any]] | None = None,
    *,
    several_backwards: bool = False,
) -> Any:
    """The optimizer over :func:`parameter_groups` of `model`: `args.optim`, or the class (or factory) given with keywords.

    several_backwards: whether an optimizer step has more than one backward pass (accumulation).

    Raises ConfigError for a missing package (it names what to install), a setting that this optimizer or this model has
    no use for, an optimizer that updates within the backward pass under accumulation, and one whose state a checkpoint
    cannot hold while checkpoints are asked for.
    """
    if optimizer_cls_and_kwargs is None:
        _check_named(args, several_backwards)
        cls, keywords = Trainer.get_optimizer_cls_and_kwargs(args, model)  # type: ignore[arg-type]
    else:
        cls, keywords = optimizer_cls_and_kwargs
    keywords = dict(keywords)
    if not (isinstance(cls, type) and issubclass(cls, Optimizer)):
        _check_ungrouped(args, cls)
        return cls()(model, **keywords)
    if "model" in keywords:
        _check_ungrouped(args, cls)
        return cls(keywords.pop("model"), **keywords)
    groups = parameter_groups(
        model, args, learning_rate=keywords.get("lr"), weight_decay=_number(keywords.get("weight_decay"))
    )
    given = keywords.pop("params", None)
    if "optimizer_dict" in keywords:
        return cls(_each_at_its_rate(keywords.pop("optimizer_dict"), groups), **keywords)
    optimizer = cls(groups if given is None else cut_along(given, groups), **keywords)
    _keep_embeddings_in_32_bits(optimizer, model)
    return optimizer


def cut_along(given: Iterable[Any], groups: Groups) -> Groups:
    """`given` groups (or one list of parameters) cut along `groups`; where both name a setting, `given` has its way."""
    listed = list(given)
    theirs = listed if listed and isinstance(listed[0], dict) else [{"params": listed}]
    cut = []
    for number, outer in enumerate(theirs):
        members = {id(parameter) for parameter in outer["params"]}
        own = {key: value for key, value in outer.items() if key != "params"}
        for inner in groups:
            shared = [parameter for parameter in inner["params"] if id(parameter) in members]
            if shared:
                name = inner["name"] if len(theirs) == 1 else f"{inner['name']}/{number}"
                cut.append({**inner, "name": name, **own, "params": shared})
    return cut


def training_weights(optimizer: Any) -> None:
    """Put the weights that gradients are taken at in place; call before the forward of every step.

    Schedule-free optimizers (Defazio et al. 2024, arXiv:2405.15682) train at one point, y, and the result is another, the
    average x. For all others nothing happens.
    """
    _switch(optimizer, "train")


def averaged_weights(optimizer: Any) -> None:
    """Put the weights that are the result in place; call before evaluating, generating and saving anything.

    A checkpoint then holds x with the optimizer's state in that mode, so a resumed run goes on with the same bits.
    """
    _switch(optimizer, "eval")


def _switch(optimizer: Any, mode: str) -> None:
    if callable(getattr(optimizer, mode, None)):  # only some torch optimizers have modes; accelerate's wrapper always does
        getattr(optimizer, mode)()


def backward_options(args: SFTConfig, learning_rate: Callable[[], float]) -> dict[str, float]:
    """Keywords of accelerate's `backward`: LOMO's update is made there, so it is told the rate of the step at hand."""
    return {"learning_rate": learning_rate()} if args.optim in ("lomo", "adalomo") else {}


def check_installed(optim: str) -> None:
    """Raises ConfigError, which says what to install, where a package that `optim` needs is missing."""
    for pattern, (module, package) in PACKAGES.items():
        if re.fullmatch(pattern, optim) and find_spec(module) is None:
            raise ConfigError("training.optimizer_package", got=optim, package=package)


# --- refusals ------------------------------------------------------------------------------------------------------


def _check_named(args: SFTConfig, several_backwards: bool) -> None:
    name = OptimizerNames(args.optim).value
    check_installed(name)
    if several_backwards and _IN_BACKWARD.fullmatch(name):
        raise ConfigError("training.optimizer_in_backward", got=name)
    if _UNWRITABLE.fullmatch(name) and args.save_strategy != "no" and not args.save_only_model:
        raise ConfigError("training.optimizer_state_unwritable", got=name)
    if name.startswith("schedule_free") and 0 < args.warmup_steps < 1:
        raise ConfigError("training.schedule_free_warmup", got=args.warmup_steps)


def _check_ungrouped(args: SFTConfig, cls: Any) -> None:
    for name in _GROUP_SETTINGS:
        if getattr(args, name) is not None:
            optimizer = cls.__name__ if hasattr(cls, "__name__") else type(cls).__name__
            raise ConfigError("training.optimizer_without_groups", field=name, got=getattr(args, name), optimizer=optimizer)


# --- ways of transformers ------------------------------------------------------------------------------------------


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _each_at_its_rate(optimizers: dict[nn.Parameter, Optimizer], groups: Groups) -> dict[nn.Parameter, Optimizer]:
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        for parameter in group["params"]:
            for inner in optimizers[parameter].param_groups:
                inner.update(settings)
    return optimizers


def _keep_embeddings_in_32_bits(optimizer: Any, model: nn.Module) -> None:
    """8-bit states are too coarse for embeddings, most of whose rows get no gradient in a step (Dettmers et al. 2021)."""
    if not type(optimizer).__module__.startswith("bitsandbytes") or optimizer.args.optim_bits != 8:
        return
    embeddings = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    optimizer.mng = copy.copy(optimizer.mng)
    optimizer.mng.index2config = dict(optimizer.mng.index2config) if optimizer.mng.uses_config_override else {}
    for number, group in enumerate(optimizer.param_groups):
        for place, parameter in enumerate(group["params"]):
            if id(parameter) in embeddings:
                optimizer.mng.index2config[number, place] = {"optim_bits": 32}
