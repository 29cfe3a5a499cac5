"""What a run's `auto` settings become, for its model, its data and this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from afinar.config import RunConfig
from afinar.data.prepare import Prepared
from afinar.errors import ConfigError
from afinar.methods.config import LoRA, MethodConfig
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
    training = from_config.resolve(
        config.training,
        method=config.method.name,
        longest=max(data.train.lengths, default=1),
        hidden_size=int(model.config.get_text_config().hidden_size),
        quantised=kind_of(model) != "none",
    )
    return replace(
        config,
        model=chosen,
        data=replace(config.data, format=data.format, packing=packing),
        method=_method(config.method, model),
        training=training,
    )


def _quantisation(model: PreTrainedModel) -> dict[str, Any]:
    """How the base was loaded, also where its files were quantised already; FP4 can be read but not asked for."""
    kind = kind_of(model)
    if kind not in QUANTIZE:
        return {}
    return {"quantize": kind, **({"double_quant": double_quantised(model)} if kind == "nf4" else {})}


def check_positions(data: Prepared, model: PreTrainedModel) -> None:
    """Raises ConfigError where a row is longer than the positions that the model knows."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)  # ALiBi models have no limit
    longest = max([*data.train.lengths, *(data.valid.lengths if data.valid else [])], default=0)
    if positions is not None and longest > positions:
        raise ConfigError("run.positions", got=longest, positions=positions)


def _method(method: MethodConfig, model: PreTrainedModel) -> MethodConfig:
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
