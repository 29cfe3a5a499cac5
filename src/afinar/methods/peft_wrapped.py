"""A model that PEFT wraps, held to the promises of a method: any of its techniques, saved and resumed exactly.

    state    every tensor that belongs to the adapter: what trains (P-tuning's encoder too, which PEFT's own files lack) and
             what the technique keeps beside it
    export   PEFT's `save_pretrained`: the adapter only, never the base, never pickle

Prompt methods lengthen the sequence inside PEFT's forward and pad `labels` themselves; per-token `weights`, which PEFT does
not know, are padded here. Prefix tuning hands its keys and values over as a cache, which checkpointing throws away, silently;
that is refused.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch.nn.functional as F
from huggingface_hub import try_to_load_from_cache
from torch import Tensor, nn
from transformers import PreTrainedModel

from afinar.errors import ConfigError, ModelError
from afinar.methods import exports, peft_files, peft_format
from afinar.methods.head import HEAD
from afinar.methods.training_state import copy_into, trained
from afinar.models import embedded

CACHES = {"PREFIX_TUNING", "CARTRIDGE"}
"""Prompt methods that are keys and values in a cache; the others are embeddings in front of the sequence."""


def is_peft(model: Any) -> bool:
    """Whether `model` carries PEFT's adapters: wrapped by `get_peft_model`, or through transformers' `add_adapter`."""
    if isinstance(model, PreTrainedModel):
        return bool(model._hf_peft_config_loaded)
    if "peft" not in sys.modules:  # nobody can have made one
        return False
    from peft import PeftMixedModel, PeftModel

    return isinstance(model, PeftModel | PeftMixedModel)


def active_adapters(model: Any) -> list[str]:
    """Names of the adapters that are active in `model`. Raises ModelError where :func:`is_peft` is False."""
    if not is_peft(model):
        raise ModelError("methods.not_wrapped", got=type(model).__name__)
    return list(model.active_adapters() if isinstance(model, PreTrainedModel) else model.active_adapters)


def config_of(model: Any) -> Any:
    """The PEFT config of the adapter that is active in `model`. Raises ModelError where :func:`is_peft` is False."""
    first, *_ = active_adapters(model)
    return model.peft_config[first]


def virtual_tokens(model: Any) -> int:
    """Positions that a prompt method takes from the model for itself; 0 for every other model."""
    if isinstance(model, PreTrainedModel) or not is_peft(model):
        return 0
    config = config_of(model)
    return int(config.num_virtual_tokens) if config.is_prompt_learning else 0


def kind_of(config: Any) -> str:
    """The technique of a PEFT config, such as "LORA"."""
    return str(getattr(config.peft_type, "value", config.peft_type))


class PeftWrapped:
    """A PEFT technique, wrapped and run by PEFT itself.

    config: PEFT's. beyond: what it asks for that afinar's own LoRA has not, for whoever tells what trains.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"causal", "classification"})
    mergeable: ClassVar[bool] = True
    """:meth:`merge` raises ModelError for the techniques that PEFT cannot fold in."""
    switchable: ClassVar[bool] = True
    starts_at_base: ClassVar[bool] = False  # true of most, but not of all that PEFT has
    peft_format: ClassVar[bool] = True
    packing: ClassVar[bool] = False
    checkpointing: ClassVar[bool] = True
    quantised_base: ClassVar[bool] = True

    def __init__(self, config: Any, *, beyond: str = "") -> None:
        self.config = config
        self.beyond = beyond

    def attach(self, model: Any) -> Any:
        """Wrap `model`; one that carries PEFT's adapters already is taken as it is.

        Raises ConfigError for what PEFT refuses.
        """
        if not is_peft(model):
            model = _wrap(model, self.config)
        elif not isinstance(model, PreTrainedModel):
            from peft import PeftMixedModel

            if isinstance(model, PeftMixedModel):
                raise ModelError("methods.mixed_adapters")
        if self.config.is_prompt_learning:
            model.register_forward_pre_hook(_fit_to_prompt, with_kwargs=True)
        return model

    def trainable_count(self, model: Any) -> int:
        """Values that train in the wrapped model; PEFT has no formula for one that is not wrapped yet."""
        active_adapters(model)
        return sum(tensor.numel() for tensor in trained(model).values())

    def state(self, model: Any) -> dict[str, Tensor]:
        """Every parameter that trains, and every other tensor under the active adapters' names, by name."""
        adapters = active_adapters(model)
        tensors = {name: value for name, value in model.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}
        kept = {name: tensor.detach() for name, tensor in tensors.items() if _belongs_to(name, adapters)}
        return {**kept, **trained(model)}

    def load_state(self, model: Any, state: dict[str, Tensor]) -> None:
        """Put back what :meth:`state` gave."""
        copy_into(self.state(model), state)

    def export(self, model: Any, directory: str | Path, *, base: str, task: str) -> None:
        """Write the adapter as PEFT does; and `afinar.json` where this package reads the adapter too (plain LoRA)."""
        directory = Path(directory)
        config = config_of(model)
        if isinstance(model, PreTrainedModel):  # transformers writes the adapters of such a model and nothing else
            model.save_pretrained(directory)
        else:
            config.base_model_name_or_path = config.base_model_name_or_path or base
            model.save_pretrained(directory, save_embedding_layers=_saves_embeddings(model, config, base))
        _write_card(directory, model, base=base, task=task)

    def restore(self, model: Any, directory: str | Path) -> Any:
        """Put an exported adapter onto its base. Raises ModelError for a wrapped model, a pickle, and missing files."""
        from peft import PeftModel

        directory = Path(directory)
        if is_peft(model):
            raise ModelError("methods.already_wrapped", got=str(directory))
        if not (directory / peft_files.WEIGHTS_FILE).exists() and (directory / peft_files.PICKLE_FILE).exists():
            raise ModelError("methods.pickle_adapter", file=peft_files.PICKLE_FILE, directory=directory)
        exports.read_json(directory / peft_files.CONFIG_FILE)
        exports.read_tensors(directory / peft_files.WEIGHTS_FILE)
        # PEFT trains no prompt that it loads: the encoder behind it is not in the file
        return PeftModel.from_pretrained(model, str(directory), is_trainable=not self.config.is_prompt_learning)

    def merge(self, model: Any) -> Any:
        """Fold the adapter into the base where PEFT can. Raises ModelError for prompts, and for a quantised base."""
        if isinstance(model, PreTrainedModel) or self.config.is_prompt_learning or not hasattr(model, "merge_and_unload"):
            raise ModelError("methods.peft_no_merge", got=kind_of(self.config))
        quantized = [name for name, value in model.named_parameters() if not value.is_floating_point()]
        if quantized:
            raise ModelError("methods.merge_quantised", dtype=model.get_parameter(quantized[0]).dtype)
        return model.merge_and_unload()

    @contextmanager
    def disabled(self, model: Any) -> Iterator[None]:
        """The base's behaviour while inside; a classification head stays as it is trained."""
        active_adapters(model)
        with _injected_off(model) if isinstance(model, PreTrainedModel) else model.disable_adapter():
            for head in _heads(model):
                head.enable_adapters(True)
            yield


def _wrap(model: nn.Module, config: Any) -> Any:
    from peft import get_peft_model

    with warnings.catch_warnings():  # PEFT asks transformers by a name that has become old
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        try:
            wrapped = get_peft_model(model, config)
        except (ValueError, TypeError) as error:
            raise ConfigError("methods.peft_refuses", reason=error) from error
    for head in _heads(wrapped):  # PEFT leaves a classifier's head in the base's precision
        head.modules_to_save.float()
    return wrapped


def _belongs_to(name: str, adapters: list[str]) -> bool:
    return not set(adapters).isdisjoint(name.split("."))


def _fit_to_prompt(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Before PEFT's forward: weights of 0 for the virtual tokens in front, as PEFT itself pads labels with -100."""
    if not model.has_active_enabled_adapter:
        return args, kwargs
    config = model.active_peft_config
    if kind_of(config) in CACHES:
        if model.training and any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
            raise ConfigError("methods.prefix_checkpointing", got=kind_of(config))
    elif config.task_type == "CAUSAL_LM" and kwargs.get("weights") is not None:
        kwargs["weights"] = F.pad(kwargs["weights"], (config.num_virtual_tokens, 0))
    return args, kwargs


def _heads(model: nn.Module) -> list[Any]:
    from peft.utils import ModulesToSaveWrapper

    found = (module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] == HEAD)
    return [module for module in found if isinstance(module, ModulesToSaveWrapper)]


@contextmanager
def _injected_off(model: Any) -> Iterator[None]:
    model.disable_adapters()
    try:
        yield
    finally:
        model.enable_adapters()


def _saves_embeddings(model: Any, config: Any, base: str) -> bool:
    """PEFT's own rule (embeddings that are adapted, or that were resized), without asking the hub at every save."""
    if kind_of(config) == "TRAINABLE_TOKENS" or getattr(config, "trainable_token_indices", None) is not None:
        return False
    if config.is_prompt_learning:
        return False
    core = model.get_base_model()
    if not isinstance(core, PreTrainedModel):
        return False
    if any(hasattr(layer, "base_layer") for layer in (core.get_input_embeddings(), core.get_output_embeddings())):
        return True
    rows = _rows_of(base)
    return rows is not None and rows != core.config.get_text_config().vocab_size


def _rows_of(base: str) -> int | None:
    """The vocabulary in the base's saved config, if that is on this machine."""
    folder = embedded.path() if base == embedded.NAME else Path(base).expanduser()
    file: Any = folder / "config.json"
    if not base:
        return None
    if not file.is_file() and base.count("/") <= 1:
        file = try_to_load_from_cache(base, "config.json")
    if not isinstance(file, str | Path) or not Path(file).is_file():
        return None
    values = json.loads(Path(file).read_text(encoding="utf-8"))
    return values.get("text_config", values).get("vocab_size")


def _write_card(directory: Path, model: Any, *, base: str, task: str) -> None:
    """`afinar.json` where :func:`afinar.methods.peft_format.read` takes what PEFT wrote."""
    try:
        lora = peft_format.read_config(directory)
    except ModelError:  # another technique, or more than a plain LoRA: PEFT's own files say all there is
        return
    core = model if isinstance(model, PreTrainedModel) else model.get_base_model()
    exports.write_card(directory, lora, core, base=base, task=task)
