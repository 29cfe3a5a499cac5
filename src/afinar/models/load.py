"""Loading tokenizers and models: any decoder of transformers, from a folder, the hub, or the package.

What this adds to `from_pretrained`: the dtype and device that suit the machine, safetensors only (a pickle file can run any
code), quantised layers that are right on the CPU (:mod:`afinar.models.quantize`), a pad token that leaves EOS alone, no
silently re-initialised weights, and errors that say what to do.

The pad token. Where a tokenizer has none, a reserved token that texts do not hold is taken if the vocabulary has one; else
EOS stands in, for filling up batches only. Masks come from the attention mask and from spans, never from token ids, so EOS is
learned and predicted as ever; embeddings are never resized.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from afinar.errors import AfinarError, ModelError, ResourceError
from afinar.models import quantize
from afinar.models.allocator import returning_memory
from afinar.models.config import ModelConfig
from afinar.models.folder import (
    Saved,
    check_architecture,
    check_weights,
    last_line,
    read_config,
    read_json,
    saved,
)
from afinar.models.hardware import choose_device, choose_dtype
from afinar.models.heads import classify
from afinar.models.sources import locate

__all__ = ["choose_device", "choose_dtype", "describe", "load_model", "load_tokenizer", "set_pad_token"]

PAD_NAMES = ("<pad>", "[PAD]", "<|pad|>", "<PAD>", "<|padding|>", "<|finetune_right_pad_id|>", "<|pad_token|>")
RESERVED = re.compile(r"<\|?(unused|reserved|reserved_special_token|reserved_token|dummy|extra_token)_?\d+\|?>")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
NOT_LOADABLE = (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError, AttributeError, StrictDataclassError)


def describe(config: ModelConfig, *, offline: bool = False) -> Saved:
    """What the model's folder says of itself (task, label names, model type), without loading any weights."""
    return saved(read_config(locate(config, offline=offline, weights=False), trust_remote_code=config.trust_remote_code))


def load_tokenizer(config: ModelConfig, *, offline: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer of `config.name`, with a pad token (see the module's text).

    Raises ModelError if it is missing or broken, or has no EOS: without one a model cannot learn to stop.
    """
    folder = locate(config, offline=offline, weights=False)
    if not any((folder / name).is_file() for name in (*TOKENIZER_FILES, "tokenizer_config.json")):
        raise ModelError("models.no_tokenizer", path=str(folder))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            read_json(folder / name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=config.trust_remote_code)
    except Exception as error:  # the tokenizers library raises plain Exception for a malformed file
        raise ModelError("models.broken_tokenizer", path=str(folder), reason=last_line(error)) from error
    if tokenizer.eos_token_id is None:
        raise ModelError("models.no_eos", path=str(folder))
    set_pad_token(tokenizer)
    return tokenizer


def set_pad_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a tokenizer without a pad token one that is already in its vocabulary: a reserved token, else EOS."""
    if tokenizer.pad_token_id is not None:
        return
    vocabulary = tokenizer.get_vocab()
    taken = {tokenizer.eos_token, tokenizer.bos_token, tokenizer.unk_token}
    named = [name for name in PAD_NAMES if name in vocabulary and name not in taken]
    reserved = sorted((index, name) for name, index in vocabulary.items() if RESERVED.fullmatch(name) and name not in taken)
    tokenizer.pad_token = next(iter(named), reserved[0][1] if reserved else tokenizer.eos_token)


def load_model(
    config: ModelConfig,
    *,
    task: str,
    label_names: Sequence[str] = (),
    tokenizer: PreTrainedTokenizerBase | None = None,
    offline: bool = False,
    dtype: torch.dtype | None = None,
) -> PreTrainedModel:
    """A causal or sequence-classification model in evaluation mode, on its device and in its dtype.

    task: "causal" or "classification". A classification model has one output for each of `label_names` (where none are
    given, those it was saved with), pools by attention mask (:func:`afinar.models.heads.classify`), and draws a missing
    `score` layer from torch's global generator: seed before.
    tokenizer: gives the model's config its pad token.
    dtype: overrides `config.dtype`.

    Raises ModelError for whatever cannot be loaded as asked, ResourceError for a missing device or too little memory.
    """
    folder = locate(config, offline=offline)
    model_config = read_config(folder, trust_remote_code=config.trust_remote_code)
    check_architecture(model_config, task)
    check_weights(folder)
    if task == "classification":
        _set_labels(model_config, label_names, folder)
    device = choose_device(config)
    dtype = choose_dtype(config, device) if dtype is None else dtype
    as_told = quantize.told_to_loader(config, model_config, folder, device, dtype)
    with _memory_errors(config.name, device), returning_memory() if as_told else nullcontext():
        model = _read(folder, config, model_config, task, dtype, as_told)
        model = (model if as_told else model.to(device)).eval()
    quantize.adopt(model)
    model.name_or_path = model.config._name_or_path = config.name  # exports name the model, not the cache folder
    if tokenizer is not None:
        _set_pad(model, tokenizer)
    return classify(model) if task == "classification" else model


def _set_labels(model_config: PretrainedConfig, label_names: Sequence[str], folder: Path) -> None:
    """Name the classes; a trained head keeps its own names, since other names or another order would be other answers."""
    trained = saved(model_config).label_names
    named = tuple(label_names) or trained
    if not named:
        raise ModelError("models.no_labels", path=str(folder))
    if len(named) < 2:
        raise ModelError("models.one_label", got=named[0])
    generic = all(name == f"LABEL_{index}" for index, name in enumerate(trained))
    if trained and (len(trained) != len(named) or (trained != named and not generic)):
        raise ModelError("models.labels_differ", path=str(folder), got=", ".join(named), trained=", ".join(trained))
    model_config.id2label = dict(enumerate(named))
    model_config.label2id = {name: index for index, name in enumerate(named)}


def _read(
    folder: Path,
    config: ModelConfig,
    model_config: PretrainedConfig,
    task: str,
    dtype: torch.dtype,
    quantisation: dict[str, Any],
) -> Any:
    """The model from its files. Weights that the folder lacks are an error, but for the head of a new classifier."""
    auto = AutoModelForSequenceClassification if task == "classification" else AutoModelForCausalLM
    attention = {} if config.attention == "auto" else {"attn_implementation": config.attention}
    try:
        with _quiet():
            loaded: Any = auto.from_pretrained(
                folder,
                config=model_config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=config.trust_remote_code,
                ignore_mismatched_sizes=True,  # they are named below, as an error
                output_loading_info=True,
                **quantisation,
                **attention,
            )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except SafetensorError as error:
        raise ModelError("models.broken_weights", path=str(folder), reason=last_line(error)) from error
    except NOT_LOADABLE as error:
        if _is_memory(error):
            raise
        raise ModelError("models.cannot_load", path=str(folder), reason=last_line(error)) from error
    model, found = loaded
    missing = sorted(key for key in found["missing_keys"] if not (task == "classification" and key.startswith("score.")))
    if missing:
        raise ModelError("models.missing_weights", path=str(folder), n=len(missing), keys=", ".join(missing[:3]))
    if found["mismatched_keys"]:
        keys = sorted(entry if isinstance(entry, str) else entry[0] for entry in found["mismatched_keys"])
        raise ModelError("models.mismatched_weights", path=str(folder), n=len(keys), keys=", ".join(keys[:3]))
    return model


def _set_pad(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Tell the model which token fills up batches; one that is also EOS keeps an embedding that learns."""
    embedding = model.get_input_embeddings()
    highest = max(tokenizer.get_vocab().values())
    if highest >= embedding.weight.shape[0]:
        raise ModelError("models.vocabulary", tokens=highest + 1, rows=embedding.weight.shape[0])
    pad = tokenizer.pad_token_id
    model.config.pad_token_id = model.config.get_text_config().pad_token_id = pad
    if model.can_generate():
        model.generation_config.pad_token_id = pad
    if getattr(embedding, "padding_idx", None) == tokenizer.eos_token_id:  # only nn.Embedding has it
        embedding.padding_idx = None  # else torch drops every gradient of the EOS embedding


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no load report of transformers: what matters in it is checked, and raised, above."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()


@contextmanager
def _memory_errors(name: str, device: torch.device) -> Iterator[None]:
    """Turn every way of running out of memory into a ResourceError that says so."""
    try:
        yield
    except AfinarError:
        raise
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not _is_memory(error):
            raise
        raise ResourceError("models.no_memory", name=name, device=str(device)) from error


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)  # torch's CPU allocator has no type of its own
