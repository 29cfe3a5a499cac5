"""What the settings of PEFT's LoRA mean in ours, and the other way: the object of `adapter_config.json`.

r, lora_alpha, lora_dropout, use_rslora          r, alpha, dropout, rank_stabilised
rank_pattern, alpha_pattern, use_dora, bias      rank_pattern, alpha_pattern, dora, bias
init_lora_weights                                initialisation
trainable_token_indices                          trainable_tokens, trainable_tokens_in_head
modules_to_save, ensure_weight_tying             the same
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from afinar.errors import AfinarError, ModelError
from afinar.methods.config import LoRA
from afinar.methods.head import HEAD
from afinar.methods.lora_init import SHIFTED
from afinar.methods.peft_files import Files

_READ = {
    "alpha_pattern", "bias", "ensure_weight_tying", "init_lora_weights", "lora_alpha", "lora_dropout", "modules_to_save",
    "peft_type", "r", "rank_pattern", "target_modules", "trainable_token_indices", "use_dora", "use_rslora",
}  # fmt: skip
# Without meaning for a trained adapter; which layers it adapts, its weights say themselves.
_INERT = {
    "auto_mapping", "base_model_name_or_path", "exclude_modules", "fan_in_fan_out", "inference_mode", "layers_pattern",
    "layers_to_transform", "loftq_config", "megatron_core", "modules_to_tie", "peft_version", "qalora_group_size", "revision",
    "runtime_config", "target_modules_to_tie", "task_type",
}  # fmt: skip
_INITIALISATIONS = {True: "kaiming", "gaussian": "gaussian", "pissa": "pissa", "olora": "olora"}
"""PEFT's names of those that ours has."""
_TRAINED_THE_SAME = (False, "eva", "orthogonal")
"""Initialisations that leave the base as it is, so that an adapter trained from them is like any other."""
_ENDS = {"embed_tokens", "wte", "embed_in", "lm_head", "embed_out", HEAD, "classifier"}
"""Names in modules_to_save that mean one layer."""
_HEADS = {HEAD, "classifier"}  # what PEFT adds to modules_to_save of a classifier


def settings_of(
    config: LoRA, target_modules: list[str], *, modules_to_save: list[str], trained_tokens: Sequence[str]
) -> dict[str, Any]:
    """The settings with which PEFT computes what `config` does, on the base as it was before training.

    modules_to_save: names of what is saved whole, a classification head included. trained_tokens: the paths of the layers
    that hold trained tokens themselves.
    """
    wider = 2 if config.initialisation in SHIFTED else 1  # [B, -B0] [A; A0]
    # s is alpha / r, or alpha / sqrt(r): it must not change with the rank
    louder = math.sqrt(wider) if config.rank_stabilised else wider
    alphas = {pattern: alpha * louder for pattern, alpha in config.alpha_pattern.items()}
    settings: dict[str, Any] = {
        "peft_type": "LORA",
        "r": config.r * wider,
        "lora_alpha": _whole(config.alpha * louder),
        "lora_dropout": config.dropout,
        "use_rslora": config.rank_stabilised,
        "target_modules": target_modules,
        "bias": config.bias,
        "init_lora_weights": True,
    }
    more = {
        "rank_pattern": {pattern: r * wider for pattern, r in config.rank_pattern.items()},
        "alpha_pattern": {pattern: _whole(alpha) for pattern, alpha in alphas.items()},
        "use_dora": config.dora,
        "trainable_token_indices": _token_settings(config, trained_tokens),
        "modules_to_save": modules_to_save,
        "ensure_weight_tying": config.ensure_weight_tying,
    }
    return settings | {name: value for name, value in more.items() if value}


def from_peft(settings: Mapping[str, Any], *, targets: Sequence[str] | None = None) -> LoRA | None:
    """The config of ours that trains what PEFT's LoraConfig with these settings would; None where ours has no place for them.

    settings: `peft_config.to_dict()`. targets: endings of the layers to adapt; by default those in the settings, which must
    then be a list or "all-linear" (PEFT's own defaults by architecture, and regular expressions, need the model).
    """
    chosen = settings.get("target_modules") if targets is None else targets
    if not chosen or (isinstance(chosen, str) and chosen != "all-linear") or settings.get("peft_type") not in (None, "LORA"):
        return None
    if targets is None and (settings.get("layers_to_transform") is not None or settings.get("exclude_modules")):
        return None
    saved = settings.get("modules_to_save") or ()
    if not _ENDS.issuperset(name.rsplit(".", 1)[-1] for name in saved):  # PEFT takes `norm` for every name that ends so
        return None
    if _lost(settings) or settings.get("init_lora_weights", True) not in _INITIALISATIONS:
        return None
    return _config(settings, chosen if isinstance(chosen, str) else tuple(sorted(chosen)))


def config_from(files: Files, paths: tuple[str, ...]) -> LoRA:
    """The config of an adapter's files, whose low-rank updates lie at `paths`.

    Raises ModelError for settings that would be lost, and for broken ones.
    """
    lost = _lost(files.settings)
    if lost:
        raise ModelError("methods.unsupported_peft", path=files.path, got=", ".join(sorted(lost)))
    targets = files.settings.get("target_modules")
    try:
        return _config(files.settings, tuple(sorted(targets)) if isinstance(targets, list) and targets else paths)
    except (AfinarError, KeyError, TypeError, ValueError) as error:
        raise ModelError("methods.broken_file", path=files.path, reason=error) from error


def token_order(settings: Mapping[str, Any]) -> list[int]:
    """The ids of the trained tokens in the order of their rows in the file."""
    return _token_ids(settings.get("trainable_token_indices")) or []


def _lost(values: Mapping[str, Any]) -> list[str]:
    """The settings that ours has no place for, as `name=value`."""
    lost = [f"{key}={value!r}" for key, value in values.items() if key not in _READ | _INERT and value]
    if values.get("bias", "none") not in ("none", "lora_only"):
        lost.append(f"bias={values['bias']!r}")
    start = values.get("init_lora_weights", True)
    if not any(start is known or start == known for known in (*_INITIALISATIONS, *_TRAINED_THE_SAME)):
        lost.append(f"init_lora_weights={start!r}")
    if _token_ids(values.get("trainable_token_indices")) is None:
        lost.append(f"trainable_token_indices={values['trainable_token_indices']!r}")
    return lost


def _config(values: Mapping[str, Any], targets: str | tuple[str, ...]) -> LoRA:
    tokens = values.get("trainable_token_indices")
    saved = [name for name in values.get("modules_to_save") or () if name not in _HEADS]
    return LoRA(
        r=values["r"],
        alpha=values["lora_alpha"],
        dropout=values.get("lora_dropout", 0.0),
        rank_stabilised=bool(values.get("use_rslora", False)),
        target_modules=targets,
        rank_pattern=values.get("rank_pattern") or {},
        alpha_pattern=values.get("alpha_pattern") or {},
        dora=bool(values.get("use_dora", False)),
        initialisation=_INITIALISATIONS.get(values.get("init_lora_weights", True), "kaiming"),
        bias=values.get("bias", "none"),
        trainable_tokens=tuple(_token_ids(tokens) or ()),
        trainable_tokens_in_head=not tokens or (isinstance(tokens, Mapping) and len(tokens) > 1),
        modules_to_save=tuple(saved),
        ensure_weight_tying=bool(values.get("ensure_weight_tying", False)),
    )


def _token_ids(tokens: Any) -> list[int] | None:
    """The ids of PEFT's setting, a list or lists by layer; None where the layers have different ones."""
    if not tokens:
        return []
    lists = list(tokens.values()) if isinstance(tokens, Mapping) else [tokens]
    if not all(isinstance(one, Sequence) and len(one) == len(set(one)) for one in lists) or len(lists) > 2:
        return None
    return list(lists[0]) if all(list(one) == list(lists[0]) for one in lists) else None


def _token_settings(config: LoRA, paths: Sequence[str]) -> Any:
    ids = list(config.trainable_tokens)
    if len(paths) < 2:  # the embeddings, which PEFT finds by itself, and a head that follows them
        return ids
    return {path.rsplit(".", 1)[-1]: ids for path in paths}


def _whole(alpha: float) -> float:
    """As PEFT writes it: an integer where it is one."""
    return int(alpha) if float(alpha).is_integer() else alpha
