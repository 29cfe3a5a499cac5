"""The checks that need more than one section; each section checks its own fields."""

from __future__ import annotations

import os

from afinar.config.schema import RunConfig
from afinar.errors import ConfigError
from afinar.methods.config import Head


def validate(config: RunConfig) -> RunConfig:
    """`config` itself, if its sections agree. Raises ConfigError naming the fields that do not, and what to change.

    What only the data can tell (the format that `auto` finds) is checked when they are read.
    """
    _check_data(config)
    _check_task(config)
    _check_packing(config)
    micro = config.training.micro_batch_size
    if isinstance(micro, int) and micro > config.training.batch_size:
        raise ConfigError("config.micro_batch", micro=micro, batch=config.training.batch_size)
    return config


def _check_data(config: RunConfig) -> None:
    if config.data.train is None:
        raise ConfigError("core.missing", field="data.train")
    if config.data.valid is not None and os.path.normpath(config.data.valid) == os.path.normpath(config.data.train):
        raise ConfigError("config.valid_is_train", path=config.data.valid)


def _check_task(config: RunConfig) -> None:
    task, data_format = config.model.task, config.data.format
    if isinstance(config.method, Head) and (task == "causal" or data_format not in ("auto", "classification")):
        raise ConfigError("config.head_causal")
    if task == "classification" and data_format not in ("auto", "classification"):
        raise ConfigError("config.task_format", task=task, format=data_format)
    if task == "causal" and data_format == "classification":
        raise ConfigError("config.task_format", task=task, format=data_format)
    if config.evaluation.generate and (task == "classification" or data_format == "classification"):
        raise ConfigError("config.generate_classification")


def _check_packing(config: RunConfig) -> None:
    if config.data.packing != "blocks":
        return
    if config.model.task == "classification" or config.data.format not in ("auto", "text"):
        raise ConfigError("config.blocks_text_only", task=config.model.task, format=config.data.format)
