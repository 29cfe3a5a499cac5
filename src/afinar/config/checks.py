"""The checks that need more than one section, or that the libraries would make too late; a section checks its own fields."""

from __future__ import annotations

import os
from importlib.util import find_spec

from afinar.config.schema import RunConfig
from afinar.errors import ConfigError
from afinar.methods.config import Full, Head
from afinar.training.config import TrainingConfig

# The experiment loggers of transformers that this version offers, and the packages of which each needs one.
LOGGERS = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    **{name: (name,) for name in ("clearml", "codecarbon", "comet_ml", "dvclive", "mlflow", "swanlab", "trackio", "wandb")},
}


def validate(config: RunConfig) -> RunConfig:
    """`config` itself, if its sections agree. Raises ConfigError naming the fields that do not, and what to change.

    What only the data can tell (the format that `auto` finds) is checked when they are read.
    """
    _check_data(config)
    _check_task(config)
    _check_packing(config)
    if isinstance(config.method, Full) and config.model.quantize != "none":
        raise ConfigError("quantised.full", got=config.model.quantize)
    _check_training(config.training)
    return config


def _check_training(training: TrainingConfig) -> None:
    """The batch sizes, and what the libraries would refuse only after the data and the model are loaded."""
    micro = training.micro_batch_size
    if isinstance(micro, int) and micro > training.batch_size:
        raise ConfigError("config.micro_batch", micro=micro, batch=training.batch_size)
    if not 0 <= training.seed < 2**32:  # numpy's range, which transformers' set_seed shares
        raise ConfigError("core.range", field="training.seed", got=training.seed, allowed="0 <= x < 2**32")
    logger = training.report_to
    if logger == "none":
        return
    if logger not in LOGGERS:
        raise ConfigError("core.choice", field="training.report_to", got=logger, allowed=", ".join(("none", *LOGGERS)))
    if all(find_spec(package) is None for package in LOGGERS[logger]):
        raise ConfigError("config.no_logger", logger=logger, package=LOGGERS[logger][0])


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
