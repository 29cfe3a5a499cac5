"""A model without its weights: every layer in its shape, on torch's meta device, to be counted before it is loaded."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel

from afinar.models.config import ModelConfig
from afinar.models.folder import check_architecture, read_config
from afinar.models.hardware import choose_device, choose_dtype
from afinar.models.sources import locate


def empty_model(config: ModelConfig, *, task: str, labels: int = 2, offline: bool = False) -> PreTrainedModel:
    """The model that `config` names, in the dtype that it would be loaded in, with no weights read or downloaded.

    task: "causal", or "classification" with `labels` classes.
    Raises ModelError where there is no such model, or it is none for `task`.
    """
    folder = locate(config, offline=offline, weights=False)
    model_config = read_config(folder, trust_remote_code=config.trust_remote_code)
    check_architecture(model_config, task)
    return empty_like(model_config, task=task, labels=labels, dtype=choose_dtype(config, choose_device(config)))


def empty_like(config: PretrainedConfig, *, task: str, labels: int = 2, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A model of the shape that `config` describes, on the meta device."""
    auto = AutoModelForCausalLM if task == "causal" else AutoModelForSequenceClassification
    if task == "classification":
        config.num_labels = labels
    with torch.device("meta"):
        model: PreTrainedModel = auto.from_config(config, dtype=dtype)
    return model
