"""Names that people bring along: transformers' of other versions, Seq2Seq's, TRL's.

    SFTConfig(evaluation_strategy="steps", max_seq_length=512, packing=True, packing_strategy="wrapped")
    →         eval_strategy="steps",       max_length=512,     packing="blocks"

Every one is understood, with its effect, or refused with the name to use or the reason; an unknown one gets the nearest that
exists. Nothing is accepted and then forgotten: what is let through without an effect (:data:`IDLE`) has none elsewhere
either, or asks for what is done anyway.

Sources: transformers' TrainingArguments from 4.40 to 5.23, TRL's SFTConfig and SFTTrainer from 0.8 to 1.16.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from afinar.errors import ConfigError

RENAMED = {
    "evaluation_strategy": "eval_strategy",
    "no_cuda": "use_cpu",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "warmup_ratio": "warmup_steps",  # a value below 1 is a share of all steps
    "push_to_hub_model_id": "hub_model_id",
    "push_to_hub_token": "hub_token",
    "torchdynamo": "torch_compile_backend",
    "xpu_backend": "ddp_backend",
    "generation_num_beams": "num_beams",
    "max_seq_length": "max_length",
}
"""Names of the same setting. Where this transformers still has the old one, the old one is used."""

_CHECKPOINTING = {
    "gradient_checkpointing": "activation_checkpointing",
    "gradient_checkpointing_kwargs": "activation_checkpointing_kwargs",
}  # renamed in the middle of transformers 5; each version gets the name that it does not warn of

IDLE = frozenset({
    "overwrite_output_dir",  # was read by example scripts only, never by the trainer
    "use_mps_device", "framework",  # chosen by the machine anyway
    "ray_scope",  # of a hyper-parameter search
    "include_tokens_per_second",  # always measured
    "shuffle_dataset",  # every epoch has an order of its own
    "dataset_num_proc", "dataset_batch_size",  # speed of tokenisation; the rows are the same
})  # fmt: skip
"""Names let through with any value, because none changes anything."""

ASKS_NOTHING: dict[str, tuple[Any, ...]] = {
    "activation_offloading": (False,),
    "dispatch_batches": (None, False),
    "fp16_backend": ("auto", "cuda_amp", "cpu_amp"),
    "fp16_opt_level": ("O1",),
    "fsdp_min_num_params": (0,),
    "fsdp_transformer_layer_cls_to_wrap": (None,),
    "half_precision_backend": ("auto", "cuda_amp", "cpu_amp"),
    "jit_mode_eval": (False,),
    "loss_type": (None, "nll", "chunked_nll"),
    "mp_parameters": ("", None),
    "pad_to_multiple_of": (None,),
    "padding_free": (False,),
    "past_index": (-1,),
    "push_to_hub_organization": (None,),
    "save_safetensors": (True, None),
    "sharded_ddp": ("", None, False),
    "sortish_sampler": (False,),
    "split_batches": (None, False),
    "tpu_metrics_debug": (False,),
    "tpu_num_cores": (None,),
    "truncation_mode": ("keep_start",),
    "use_ipex": (False,),
    "use_legacy_prediction_loop": (False,),
}
"""Values that ask for what is so anyway; any other value of the same name is refused with the text `names.<name>`."""

HAS_NO_EFFECT: dict[str, tuple[Any, ...]] = {
    "average_tokens_across_devices": (True,),
    "dataloader_drop_last": (False,),
    "train_sampling_strategy": ("random", "sequential", "group_by_length"),
    "use_liger_kernel": (False,),
}
"""Settings of TrainingArguments, and the values of them that :class:`SFTTrainer` honours."""

_SPECIAL = (
    "adafactor", "dataset_kwargs", "eval_packing", "generation_config", "group_by_length", "include_inputs_for_metrics",
    "packing", "packing_strategy", "trust_remote_code",
)  # fmt: skip

TRAINER_SETTINGS = frozenset({
    "dataset_batch_size", "dataset_kwargs", "dataset_num_proc", "dataset_text_field", "eval_packing", "max_length",
    "max_seq_length", "model_init_kwargs", "neftune_noise_alpha", "packing",
})  # fmt: skip
"""Keywords of earlier SFTTrainers that are settings of SFTConfig today."""

_TRAINER_REFUSED = ("chars_per_token", "infinite", "model_init", "num_of_sequences", "quantization_config")


def sft_settings(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """`given` by the names in `known`, which are those of SFTConfig's fields.

    Raises ConfigError for a name that nobody knows, one that is refused, and two names of one setting that disagree.
    """
    rest = dict(given)
    settings: dict[str, Any] = {}
    for name in [name for name in rest if name in known and name not in (*_SPECIAL, *_CHECKPOINTING)]:
        settings[name] = rest.pop(name)
    _take_special(rest, settings, known)
    if not rest.get("no_cuda", True):
        del rest["no_cuda"]  # False says nothing; use_cpu decides
    for name, value in rest.items():
        if name in _CHECKPOINTING or name in _CHECKPOINTING.values():
            _put(settings, _checkpointing_name(name, known), value, name)
        elif name in RENAMED:
            _put(settings, RENAMED[name], value, name)
        elif name in ASKS_NOTHING:
            _only(name, value, ASKS_NOTHING[name])
        elif name not in IDLE:
            raise _unknown(name, known)
    return settings


def check_settings(args: Any) -> None:
    """Raise ConfigError for a setting of TrainingArguments that :class:`SFTTrainer` would not honour."""
    for field in fields(args):
        if field.name in HAS_NO_EFFECT:
            _only(field.name, getattr(args, field.name), HAS_NO_EFFECT[field.name])
    for name in ("split_batches", "dispatch_batches"):
        _only(name, getattr(args.accelerator_config, name), ASKS_NOTHING[name])


def trainer_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of other trainers' constructors as settings of SFTConfig, for :func:`sft_settings`.

    Raises ConfigError for what has another place, and for a name that nobody knows.
    """
    for name in given:
        if name in _TRAINER_REFUSED:
            raise ConfigError(f"names.{name}", name=name, got=_shown(given[name]))
        if name not in TRAINER_SETTINGS:
            raise _unknown(name, TRAINER_SETTINGS, key="names.unknown_keyword")
    return dict(given)


# --- settings that are more than a name ----------------------------------------------------------------------------


def _take_special(rest: dict[str, Any], settings: dict[str, Any], known: Collection[str]) -> None:
    if rest.pop("adafactor", False):
        _put(settings, "optim", "adafactor", "adafactor")
    if rest.pop("group_by_length", False):
        _put(settings, "train_sampling_strategy", "group_by_length", "group_by_length")
    if rest.pop("include_inputs_for_metrics", False):
        settings["include_for_metrics"] = sorted({*settings.get("include_for_metrics", []), "inputs"})
    trusted = rest.pop("trust_remote_code", False)
    if trusted:
        settings["model_init_kwargs"] = {**(settings.get("model_init_kwargs") or {}), "trust_remote_code": True}
    _take_packing(rest, settings)
    _take_dataset_kwargs(rest.pop("dataset_kwargs", None))
    generation = rest.pop("generation_config", None)
    if generation is not None:
        _put(settings, "gen_kwargs", _generation(generation), "generation_config")


def _take_packing(rest: dict[str, Any], settings: dict[str, Any]) -> None:
    """TRL's `wrapped` joins texts and cuts them into blocks, as our `blocks` does; its `bfd` has no counterpart here."""
    strategy = rest.pop("packing_strategy", None)
    if "packing" in rest:
        packing = rest.pop("packing")
        if packing is True:
            _only("packing_strategy", strategy or "bfd", ("wrapped",))
            packing = "blocks"
        settings["packing"] = packing
    _only("eval_packing", rest.pop("eval_packing", None), (None, bool(settings.get("packing"))))


def _take_dataset_kwargs(given: Mapping[str, Any] | None) -> None:
    """`skip_prepare_dataset` asks nothing: rows that are tokenised pass through as they are."""
    for name in given or {}:
        if name != "skip_prepare_dataset":
            raise ConfigError("names.dataset_kwargs", name="dataset_kwargs", got=name)


def _generation(config: Any) -> dict[str, Any]:
    """What a GenerationConfig (or its folder or name) says beyond transformers' defaults, without its token ids."""
    from transformers import GenerationConfig

    if not isinstance(config, GenerationConfig):
        config = GenerationConfig.from_pretrained(config)
    said = config.to_diff_dict()
    return {
        name: value
        for name, value in said.items()
        if name != "transformers_version" and not name.startswith("_") and not name.endswith("_token_id")
    }


# --- small parts ---------------------------------------------------------------------------------------------------


def _checkpointing_name(name: str, known: Collection[str]) -> str:
    for old, new in _CHECKPOINTING.items():
        if name in (old, new):
            return new if new in known else old
    return name


def _put(settings: dict[str, Any], name: str, value: Any, as_given: str) -> None:
    """Set `name`; None under another name says nothing. Raises ConfigError where both names say different things."""
    if value is None:
        return
    if settings.get(name) is not None and settings[name] != value and name != as_given:
        raise ConfigError("names.twice", name=as_given, got=_shown(value), other=name, value=_shown(settings[name]))
    settings[name] = value


def _only(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if not any(value is item or (type(value) is type(item) and value == item) for item in allowed):
        raise ConfigError(f"names.{name}", name=name, got=_shown(value))


def _unknown(name: str, known: Collection[str], key: str = "names.unknown_setting") -> ConfigError:
    named = {*known, *RENAMED, *IDLE, *ASKS_NOTHING, *_SPECIAL} if key == "names.unknown_setting" else known
    near = get_close_matches(name, named, n=1)
    return ConfigError(key, got=name, near=f" ({near[0]}?)" if near else "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
