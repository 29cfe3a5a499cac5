"""PEFT's files of prompt tuning and P-tuning, both ways.

    adapter_config.json           {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 20, "token_dim": 768, ...}
    adapter_model.safetensors     prompt_embeddings  (P, D);     base_model.score.weight  the head
    encoder.safetensors           P-tuning only, and only in our exports: the encoder that makes prompt_embeddings

PEFT keeps of P-tuning what the encoder gives and drops the encoder, so training cannot go on from its file as it was; the
third file makes ours complete, and PEFT passes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from afinar.errors import AfinarError, ModelError
from afinar.methods import peft_files
from afinar.methods.config import PromptTuning, PTuning
from afinar.methods.head import head_state
from afinar.methods.virtual_tokens import width

TENSOR = "prompt_embeddings"
TYPES = {"PROMPT_TUNING": PromptTuning, "P_TUNING": PTuning}

_INITS = {"SAMPLE_VOCAB": "vocabulary", "RANDOM": "random", "TEXT": "text"}
_SHAPE = {"num_virtual_tokens", "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers"}
_READ = {
    PromptTuning: {"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs"},
    PTuning: {"encoder_reparameterization_type", "encoder_hidden_size", "encoder_num_layers", "encoder_dropout"},
}


def write(
    directory: str | Path,
    config: PromptTuning | PTuning,
    embeddings_PD: Tensor,
    *,
    model: PreTrainedModel,
    base: str,
    task: str,
) -> None:
    """Write the virtual tokens (P, D) as PEFT does."""
    text = model.config.get_text_config()
    settings = {
        "num_virtual_tokens": config.virtual_tokens,
        "token_dim": embeddings_PD.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": text.num_attention_heads,
        "num_layers": text.num_hidden_layers,
        **_own_settings(config, embeddings_PD.shape[1]),
    }
    tensors = {TENSOR: embeddings_PD.contiguous()}
    peft_files.write(directory, settings, tensors, base=base, task=task, head=head_state(model))


def read(directory: str | Path, config: PromptTuning | PTuning, model: PreTrainedModel) -> peft_files.Files:
    """The files of an adapter that `config` and `model` fit; `tensors` holds (P, D) under :data:`TENSOR`.

    Raises ModelError where files are missing or broken, for another kind of adapter, and for another number of virtual
    tokens or width.
    """
    files = peft_files.read(directory)
    if TYPES.get(files.settings["peft_type"]) is not type(config):
        raise ModelError("prompts.other_type", path=files.path, got=files.settings["peft_type"], name=config.name)
    stored = config_of_files(files)
    if stored.virtual_tokens != config.virtual_tokens:
        raise ModelError(
            "methods.other_config", field="method.virtual_tokens", got=config.virtual_tokens, expected=stored.virtual_tokens
        )
    got, expected = tuple(files.tensors[TENSOR].shape), (config.virtual_tokens, width(model))
    if got != expected:
        raise ModelError("methods.state_shape", name=TENSOR, got=got, expected=expected)
    return files


def config_of_files(files: peft_files.Files) -> PromptTuning | PTuning:
    """The config of an adapter's files. Raises ModelError for what a plain prompt cannot represent."""
    cls = TYPES[files.settings["peft_type"]]
    files.refuse_others(_SHAPE | _READ[cls])
    strange = sorted(files.tensors.keys() ^ {TENSOR})
    if strange or files.tensors[TENSOR].dim() != 2:
        raise ModelError("prompts.strange_tensors", path=files.path, got=", ".join(strange) or TENSOR)
    if files.settings.get("num_transformer_submodules", 1) not in (1, None):
        raise ModelError("methods.unsupported_peft", path=files.path, got="num_transformer_submodules")
    try:
        return _config(files.settings)
    except (AfinarError, KeyError, TypeError) as error:
        raise ModelError("methods.broken_file", path=files.path, reason=error) from error


def from_peft(settings: Mapping[str, Any]) -> PromptTuning | PTuning | None:
    """Our config for one of PEFT's to train with; None where it asks for more: a text start names a tokenizer of its own,
    and several prompts belong to encoder-decoders."""
    if settings.get("num_transformer_submodules") not in (1, None) or _value(settings.get("prompt_tuning_init")) == "TEXT":
        return None
    if settings.get("num_virtual_tokens") is None:
        return None
    known = _SHAPE | set().union(*_READ.values()) | peft_files.INERT
    if any(value for name, value in settings.items() if name not in known):
        return None
    return _config(settings)


def _config(settings: Mapping[str, Any]) -> PromptTuning | PTuning:
    if TYPES[_value(settings["peft_type"])] is PromptTuning:
        init = _INITS[_value(settings.get("prompt_tuning_init") or "RANDOM")]
        text = settings.get("prompt_tuning_init_text") if init == "text" else None
        return PromptTuning(virtual_tokens=settings["num_virtual_tokens"], init=init, init_text=text)
    encoder = _value(settings.get("encoder_reparameterization_type") or "MLP").lower()
    layers = settings.get("encoder_num_layers", 2)
    has_dropout = encoder == "lstm" and layers > 1  # elsewhere PEFT reads the setting and does nothing with it
    return PTuning(
        virtual_tokens=settings["num_virtual_tokens"],
        encoder=encoder,
        encoder_hidden_size=settings.get("encoder_hidden_size"),
        encoder_layers=layers,
        dropout=settings.get("encoder_dropout", 0.0) if has_dropout else 0.0,
    )


def _own_settings(config: PromptTuning | PTuning, token_dim: int) -> dict[str, Any]:
    if isinstance(config, PromptTuning):
        # PEFT's TEXT would look for the tokenizer again; the values are there already
        init = "SAMPLE_VOCAB" if config.init == "vocabulary" else "RANDOM"
        return {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": init}
    return {
        "peft_type": "P_TUNING",
        "encoder_reparameterization_type": config.encoder.upper(),
        "encoder_hidden_size": config.encoder_hidden_size or token_dim,
        "encoder_num_layers": config.encoder_layers,
        "encoder_dropout": config.dropout,
    }


def _value(setting: Any) -> str:
    """A setting that PEFT holds as an enum and its files as a text."""
    return str(getattr(setting, "value", setting))
