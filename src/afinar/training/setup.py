"""What the constructor of SFTTrainer is given, made into what it needs: arguments, model, tokenizer, method."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments, set_seed

from afinar import messages
from afinar.errors import ConfigError, ModelError
from afinar.methods.base import Method, ReadsText, config_class
from afinar.methods.config import Full, QLoRA
from afinar.methods.peft_bridge import is_peft, method_for
from afinar.methods.peft_wrapped import virtual_tokens
from afinar.models import quantised, quantize
from afinar.models.causal import supervise
from afinar.models.config import ModelConfig
from afinar.models.decoder import last_position
from afinar.models.heads import classify
from afinar.models.load import load_model, load_tokenizer
from afinar.models.own_loss import can_enter, own_loss
from afinar.training.adjusting import adjust_router, adjusted_tokenizer
from afinar.training.arguments import SFTConfig, as_sft_config
from afinar.training.given import Given
from afinar.training.names import check_settings, sft_settings, trainer_settings
from afinar.training.rows import label_names_of, masks_real_eos

MODEL_SETTINGS = {
    "dtype": "dtype",
    "torch_dtype": "dtype",
    "revision": "revision",
    "attn_implementation": "attention",
    "device": "device",
    "trust_remote_code": "trust_remote_code",
    "quantize": "quantize",
    "double_quant": "double_quant",
}
"""What `model_init_kwargs` may hold, and the field of :class:`ModelConfig` it sets."""


def arguments(args: TrainingArguments | None, model: Any, others: Mapping[str, Any]) -> SFTConfig:
    """`args` as an SFTConfig of the trainer's own; the caller's object stays as it is.

    None: transformers' defaults, written to `<model's name>-SFT`. others: keywords of the constructor that it does not name,
    some of which are settings (see :mod:`afinar.training.names`).
    Raises ConfigError for what is no TrainingArguments, and for what SFTTrainer does not do.
    """
    if args is None:
        args = SFTConfig(output_dir=f"{model_name(model)}-SFT")
    if not isinstance(args, TrainingArguments):
        raise ConfigError("training.not_arguments", got=type(args).__name__)
    config = as_sft_config(args)
    if others:
        known = {item.name for item in fields(SFTConfig) if item.init}
        config = replace(config, **sft_settings(trainer_settings(others), known))
    check_settings(config)
    if config.auto_find_batch_size:
        raise ConfigError("training.auto_batch_size")
    if config.batch_eval_metrics:
        raise ConfigError("training.batch_eval_metrics")
    if config.n_gpu > 1:  # DataParallel would split a step's micro-batches among the cards
        warnings.warn(messages.text("training.one_gpu", got=config.n_gpu), UserWarning, stacklevel=3)
        config._n_gpu = 1
    return config


def name_of(model: Any) -> str:
    """The folder or hub name that a model came from; empty for one that came from nowhere."""
    config = getattr(model, "config", None)  # plain modules have none
    return "" if config is None else str(config.name_or_path)


def model_name(model: Any) -> str:
    """The last part of a model's name, for naming a folder."""
    path = str(model) if isinstance(model, str | Path) else name_of(model)
    return Path(path).name or type(model).__name__


def loaded(
    model: Any, args: SFTConfig, processing_class: Any, tokenizer: Any, train_dataset: Any, method: Any = None
) -> tuple[Any, PreTrainedTokenizerBase | None]:
    """Model and tokenizer, loaded where they are given by name, with what `args` says of special tokens and routers.

    method: the config that :func:`asked_method` gave; QLoRA's has the model loaded in 4 bits.
    """
    processing_class = tokenizer_of(processing_class, tokenizer, model)
    if isinstance(model, str | Path):
        config = model_config(str(model), args, quantize=QLoRA.quantize if isinstance(method, QLoRA) else "none")
        model, processing_class = load(config, args, processing_class, train_dataset)
    if processing_class is not None:
        processing_class = adjusted_tokenizer(processing_class, args)
    adjust_router(model, args)
    return model, processing_class


def load(
    config: ModelConfig, args: SFTConfig, tokenizer: PreTrainedTokenizerBase | None, train_dataset: Any
) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder or hub name, for the task that `args.task` or the rows say.

    Raises ModelError for what cannot be loaded.
    """
    tokenizer = tokenizer or load_tokenizer(config)
    labels = label_names_of(train_dataset, args.dataset_text_field) if args.task != "causal" else ()
    task = args.task if args.task != "auto" else "classification" if labels else "causal"
    set_seed(args.seed)  # a new classification head is drawn here
    return load_model(config, task=task, label_names=labels, tokenizer=tokenizer), tokenizer


def model_config(name: str, args: SFTConfig, *, quantize: str) -> ModelConfig:
    """The ModelConfig of `name` and `args.model_init_kwargs`, on the device that `args` trains on.

    quantize: where `model_init_kwargs` does not say. Raises ConfigError for a setting that is not known.
    """
    values: dict[str, Any] = {"device": str(args.device), "quantize": quantize}
    for key, value in (args.model_init_kwargs or {}).items():
        if key not in MODEL_SETTINGS:
            near = get_close_matches(key, MODEL_SETTINGS, n=1)
            raise ConfigError(
                "training.model_setting", got=key, near=f" ({near[0]}?)" if near else "", allowed=", ".join(MODEL_SETTINGS)
            )
        values[MODEL_SETTINGS[key]] = str(value).removeprefix("torch.") if "dtype" in key else value
    return ModelConfig(name=name, **values)


def tokenizer_of(given: Any, alias: Any, model: Any) -> PreTrainedTokenizerBase | None:
    """The tokenizer: `processing_class`, or `tokenizer`, or the one in the model's own folder (never downloaded)."""
    if given is not None and alias is not None and given is not alias:
        raise ConfigError("training.two_tokenizers")
    tokenizer = alias if given is None else given
    if isinstance(tokenizer, str | Path):
        return load_tokenizer(ModelConfig(name=str(tokenizer)))
    if tokenizer is not None or isinstance(model, str | Path):
        return tokenizer
    name = name_of(model)
    if not name:
        return None
    try:
        return load_tokenizer(ModelConfig(name=name), offline=True)
    except ModelError:
        return None  # rows that are tokenised need none; those that do say so


def asked_method(method: Any, peft_config: Any) -> Any:
    """The config that `method` (a config, a name, or a mapping with one) or `peft_config` asks for; None without either.

    Raises ConfigError where both are given, and for an unknown name.
    """
    if method is not None and peft_config is not None:
        raise ConfigError("training.two_methods")
    asked = peft_config if method is None else method
    if isinstance(asked, str):
        return config_class(asked)()
    if isinstance(asked, Mapping):
        settings = dict(asked)
        return config_class(settings.pop("name", ""))(**settings)
    return asked


def method_of(asked: Any, model: nn.Module, *, named: bool) -> Method:
    """The method of the config that was asked for.

    Without one, a model given by name is fine-tuned whole, and a model object trains whatever has `requires_grad`.
    Raises ConfigError for a method on a model that carries PEFT's adapters already, and for QLoRA on a float model.
    """
    if isinstance(asked, QLoRA):
        if quantised.quantised_core(model) is None:
            raise ConfigError("quantised.float_base", got=type(model).__name__)
        asked = asked.lora()
    if asked is None and not is_peft(model):
        asked = Full() if named else None
    if asked is None and not is_peft(model):
        return Given()
    return method_for(asked, model)


def check_trainable(model: nn.Module) -> None:
    """Raise ConfigError where nothing trains; warn where what trains is too coarse for small steps."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise ConfigError("training.nothing_trains", model=type(model).__name__)
    coarse = {parameter.dtype for parameter in trained} & {torch.bfloat16, torch.float16}
    if coarse:
        dtype = str(next(iter(coarse))).removeprefix("torch.")
        warnings.warn(messages.text("training.coarse_weights", dtype=dtype), UserWarning, stacklevel=3)


def prepared(method: Method, model: nn.Module, tokenizer: Any, collator: Any) -> tuple[Any, str]:
    """The model with its method attached and its loss inside, and its task; told where the data would teach wrongly."""
    task = "classification" if is_classifier(model) else "causal"
    quantised.check_adapted(model, adapted=method.switchable)
    quantize.adopt(model)
    if isinstance(method, ReadsText):
        method.use_tokenizer(tokenizer)
    model = method.attach(model)  # type: ignore[arg-type]
    if not can_enter(model, task):
        own_loss(model, shifted=task == "causal")
    elif task == "classification":
        classify(model)
    else:
        supervise(model)
    check_trainable(model)
    if collator is not None and tokenizer is not None and masks_real_eos(collator, tokenizer):
        warnings.warn(messages.text("training.eos_masked", token=tokenizer.eos_token), UserWarning, stacklevel=3)
    return model, task


def is_classifier(model: nn.Module) -> bool:
    """Whether there is a sequence-classification model with its `score` layer inside."""
    return any(isinstance(module, PreTrainedModel) and "score" in module._modules for module in model.modules())


def label_names(model: Any, task: str) -> tuple[str, ...]:
    """The classes of a classifier, in the order of its outputs."""
    names = {int(number): name for number, name in (model.config.id2label or {}).items()} if task == "classification" else {}
    return tuple(names[number] for number in sorted(names))


def longest(model: Any, args: SFTConfig) -> int:
    """Tokens of the longest row: `max_length`, but no more than the model has positions."""
    config = getattr(model, "config", None)  # plain modules have none
    positions = None if config is None else last_position(model, config)
    if positions is not None:
        positions -= virtual_tokens(model)
    return min(length for length in (args.max_length, positions, 2**31) if length)


@contextmanager
def use_cache_kept(model: Any) -> Iterator[None]:
    """transformers' Trainer switches `use_cache` off in the config that is saved; our forwards say it per call."""
    config = getattr(model, "config", None)
    before = None if config is None else config.use_cache
    yield
    if config is not None:
        config.use_cache = before
