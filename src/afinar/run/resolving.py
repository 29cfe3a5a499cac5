"""What a run's `auto` settings become, for its model, its data and this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from afinar.config import RunConfig
from afinar.data.prepare import Prepared
from afinar.errors import ConfigError
from afinar.methods.config import LoRA, MethodConfig, Peft, PrefixTuning, PromptTuning, PTuning
from afinar.methods.peft_bridge import own_config
from afinar.models.config import QUANTIZE
from afinar.models.load import describe
from afinar.models.quantize import double_quantised, kind_of
from afinar.models.targets import find_targets, shortest_endings
from afinar.training import from_config


def resolve(config: RunConfig, data: Prepared, model: PreTrainedModel) -> RunConfig:
    """`config` with every `auto` replaced by what was chosen; `model` is the loaded base."""
    chosen = replace(
        config.model,
        task=data.task,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        attention=model.config._attn_implementation or config.model.attention,
        **_quantisation(model),
    )
    packing = "none" if config.data.packing == "auto" else config.data.packing
    method = _method(config.method, model)
    training = from_config.resolve(
        config.training,
        method=method.name,
        longest=max(data.train.lengths, default=1),
        hidden_size=int(model.config.get_text_config().hidden_size),
        quantised=kind_of(model) != "none",
    )
    return replace(
        config,
        model=chosen,
        data=replace(config.data, format=data.format, packing=packing),
        method=method,
        training=training,
    )


def _quantisation(model: PreTrainedModel) -> dict[str, Any]:
    """How the base was loaded, also where its files were quantised already; FP4 can be read but not asked for."""
    kind = kind_of(model)
    if kind not in QUANTIZE:
        return {}
    return {"quantize": kind, **({"double_quant": double_quantised(model)} if kind == "nf4" else {})}


def check_positions(data: Prepared, model: PreTrainedModel, method: MethodConfig) -> None:
    """Raises ConfigError where a row, with the method's virtual tokens before it, exceeds the positions of the model."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)  # ALiBi models have no limit
    longest = max([*data.train.lengths, *(data.valid.lengths if data.valid else [])], default=0)
    if positions is not None and longest > positions:
        raise ConfigError("run.positions", got=longest, positions=positions)
    taken = _virtual_tokens(method)
    if positions is not None and longest + taken > positions:
        raise ConfigError(
            "run.positions_prompt", got=longest, taken=taken, positions=positions, room=max(positions - taken, 0)
        )


def _virtual_tokens(method: MethodConfig) -> int:
    if isinstance(method, PrefixTuning | PromptTuning | PTuning):
        return method.virtual_tokens
    return int(method.settings.get("num_virtual_tokens") or 0) if isinstance(method, Peft) else 0


def _method(method: MethodConfig, model: PreTrainedModel) -> MethodConfig:
    """The method with its layers by name and its start; a technique of PEFT's that is one of ours is written out as ours."""
    if isinstance(method, Peft):
        return own_config(method, model) or method
    if isinstance(method, PrefixTuning):
        return replace(method, init=method.start)
    if not isinstance(method, LoRA) or method.target_modules != "auto":
        return method
    return replace(method, target_modules=tuple(shortest_endings(model, find_targets(model, "auto"))))


def task_of(config: RunConfig, offline: bool) -> str:
    """What the data are read for; a base that was saved as a classifier stays one."""
    if config.model.task == "auto" and describe(config.model, offline=offline).task == "classification":
        return "classification"
    return config.model.task


def trained_labels(config: RunConfig, offline: bool) -> tuple[str, ...] | None:
    """The classes of a base that was saved as a trained classifier; None for any other."""
    known = describe(config.model, offline=offline)
    generic = all(name == f"LABEL_{index}" for index, name in enumerate(known.label_names))
    return None if known.task != "classification" or generic else tuple(known.label_names)
