"""What the keys of AdapterHub's `BnConfig` mean here, and which of them cannot be taken.

    AdapterHub                                   here
    mh_adapter, output_adapter                   attention, feed_forward
    is_parallel                                  reads: stream
    original_ln_before                           reads: sum, else branch
    non_linearity, init_weights                  activation, init
    reduction_factor                             reduction_factor, or size by ⌊hidden_size / reduction_factor⌋
    scaling, dropout, ln_before, ln_after, leave_out    the same

Only what a plain bottleneck adapter computes can be taken; the rest is refused by name: Compacter's layers, invertible
adapters, gates (their mean over a sequence reads later tokens), stochastic depth, a reduction factor for each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afinar.errors import AfinarError, ModelError
from afinar.methods.config.bottleneck import PLACEMENTS, AdapterConfig

_POST_NORMS = ("gemma2", "gemma3_text")  # AdapterHub adapts these before the norm that ends a branch
_ACTIVATIONS = {"leakyrelu": "leaky_relu"}
_NATIVE = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "phi", *_POST_NORMS)
_READ = {
    "mh_adapter", "output_adapter", "reduction_factor", "non_linearity", "original_ln_before", "original_ln_after",
    "ln_before", "ln_after", "init_weights", "is_parallel", "scaling", "residual_before_ln", "leave_out", "dropout",
}  # fmt: skip
# Without effect on a decoder, on a loaded adapter, or while what they belong to is off.
_INERT = {
    "architecture", "cross_adapter", "init_weights_seed", "inv_adapter_reduction_factor", "phm_dim", "factorized_phm_W",
    "shared_W_phm", "shared_phm_rule", "factorized_phm_rule", "phm_c_init", "phm_init_range", "learn_phm",
    "hypercomplex_nonlinearity", "phm_rank", "phm_bias",
}  # fmt: skip


def from_config(config: AdapterConfig, hidden_size: int) -> dict[str, Any]:
    """AdapterHub's BnConfig of ours."""
    return {
        "mh_adapter": config.attention,
        "output_adapter": config.feed_forward,
        "reduction_factor": _factor(config, hidden_size),
        "non_linearity": config.activation,
        "original_ln_before": config.reads == "sum",
        "original_ln_after": True,
        "residual_before_ln": True,
        "is_parallel": config.reads == "stream",
        "ln_before": config.ln_before,
        "ln_after": config.ln_after,
        "init_weights": config.init,
        "scaling": config.scaling,
        "dropout": config.dropout,
        "leave_out": list(config.leave_out),
    }


def to_config(path: Path, settings: Mapping[str, Any]) -> AdapterConfig:
    """Ours of an `adapter_config.json`. Raises ModelError for what it cannot represent."""
    values = settings["config"]
    if not isinstance(values, dict) or not {"mh_adapter", "output_adapter"} <= values.keys():
        raise ModelError("bottleneck.other_kind", path=path, got=_kind(values))
    reads = "stream" if values.get("is_parallel") else "sum" if values.get("original_ln_before") else "branch"
    _check(path, settings, values, reads)
    attention, feed_forward = bool(values["mh_adapter"]), bool(values["output_adapter"])
    names = {(place.attention, place.feed_forward, place.reads): name for name, place in PLACEMENTS.items()}
    activation = str(values["non_linearity"]).lower()
    try:
        return AdapterConfig(
            placement=names.get((attention, feed_forward, reads), "houlsby"),
            attention=attention,
            feed_forward=feed_forward,
            reads=reads,
            reduction_factor=float(values["reduction_factor"]),
            activation=_ACTIVATIONS.get(activation, activation),
            scaling=values.get("scaling", 1.0),
            dropout=values.get("dropout", 0.0),
            init=values.get("init_weights", "bert"),
            ln_before=bool(values.get("ln_before")),
            ln_after=bool(values.get("ln_after")),
            before_post_norm=settings.get("model_type") in _POST_NORMS,
            leave_out=tuple(values.get("leave_out") or ()),
        )
    except (AfinarError, KeyError, TypeError, ValueError) as error:
        raise ModelError("methods.broken_file", path=path, reason=error) from error


def _check(path: Path, settings: Mapping[str, Any], values: Mapping[str, Any], reads: str) -> None:
    """Raise ModelError for settings that are on and would give another model."""
    lost = [f"{key}={value!r}" for key, value in values.items() if key not in _READ | _INERT and value]
    if values.get("ln_after") is not True:
        lost = [item for item in lost if not item.startswith("adapter_residual_before_ln=")]
    if isinstance(values.get("reduction_factor"), Mapping):
        lost.append(f"reduction_factor={values['reduction_factor']!r}")
    if not _adds_once(values, reads):
        lost.append(f"residual_before_ln={values.get('residual_before_ln')!r}")
        lost.append(f"original_ln_after={values.get('original_ln_after')!r}")
    if "version" not in settings:  # before it, the names of activations meant others
        lost.append("version=None")
    if lost:
        raise ModelError("bottleneck.unsupported", path=path, got=", ".join(sorted(lost)))
    _check_architecture(path, settings, reads)


def _adds_once(values: Mapping[str, Any], reads: str) -> bool:
    """Whether what comes out is x + h + adapter(u): every part of it once."""
    before, after = values.get("residual_before_ln", True), values.get("original_ln_after", True)
    if reads == "sum":  # x comes in with the skip connection, or is added afterwards
        return (before is True and after is True) or (before is False and after is False)
    return after is True and isinstance(before, bool)


def _check_architecture(path: Path, settings: Mapping[str, Any], reads: str) -> None:
    """Raise ModelError where AdapterHub hands the adapter another stream than ours reads."""
    kind = settings.get("model_type")
    if reads != "branch" and (kind not in _NATIVE or (kind in _POST_NORMS and reads == "sum")):
        raise ModelError("bottleneck.other_stream", path=path, architecture=kind, reads=reads)


def computes(config: AdapterConfig) -> dict[str, Any]:
    """The fields that two configs must share to compute the same of the same weights."""
    names = ("attention", "feed_forward", "reads", "scaling", "ln_before", "ln_after", "before_post_norm")
    activation = "silu" if config.activation == "swish" else config.activation
    return {name: getattr(config, name) for name in names} | {"activation": activation, "leave_out": set(config.leave_out)}


def _factor(config: AdapterConfig, hidden_size: int) -> float:
    """A reduction factor that gives the width again: ⌊hidden_size / factor⌋."""
    if config.reduction_factor is not None:
        return float(config.reduction_factor)
    size = config.width(hidden_size)
    exact = hidden_size / size
    return exact if hidden_size // exact == size else hidden_size / (size + 0.5)


def _kind(values: Any) -> str:
    return str(values.get("architecture")) if isinstance(values, dict) else str(values)
