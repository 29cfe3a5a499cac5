"""A source with its adapter folded in: from a run, an adapter or a model to one plain model of transformers.

An adapter on a float base is folded into that base, summed in float32 and rounded once. One on a base in 4 or 8 bits is folded
into the base as it was before it was quantised (`onto="base"`, what is customary: the adapter was trained beside other
weights, and the difference is measured), or into the values that the quantised weights stand for (`onto="dequantised"`).
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from afinar.config import RunConfig
from afinar.config import load as load_config
from afinar.data.examples import Examples
from afinar.errors import ConfigError, ModelError
from afinar.methods.exports import CARD_FILE
from afinar.methods.peft_files import CONFIG_FILE as PEFT_FILE
from afinar.models.config import ModelConfig
from afinar.models.folder import read_config
from afinar.models.load import load_model
from afinar.models.quantised import quantised_core
from afinar.models.quantize import dequantise, kind_of
from afinar.models.sources import locate
from afinar.run import folder as files
from afinar.run.session import Session, load
from afinar.run.writing import check_space

ONTO = ("base", "dequantised")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Source:
    """What is merged or exported: its session, the folder of its adapter (None for a plain model), the run's config."""

    name: str
    session: Session
    folder: Path | None
    config: RunConfig | None
    quantised: str = "none"
    """How the base was quantised in memory: none, nf4, fp4 or int8."""

    @property
    def technique(self) -> str:
        """The name of the method that adapted it; `-` for a plain model, `peft` for what PEFT itself adapted."""
        method = self.session.method
        return "-" if method is None else str(getattr(type(method.config), "name", "peft"))  # PEFT's configs have none

    def let_go(self) -> None:
        """Free the memory of the session's model, which is not used again."""
        self.session.model = None  # type: ignore[assignment]
        gc.collect()


@dataclass(frozen=True)
class Choices:
    """What the caller asked for; see :func:`afinar.run.exporting.export`."""

    dtype: str = "auto"
    onto: str = "base"
    shard_size: str | None = None
    offline: bool = False


@dataclass(frozen=True)
class Written:
    """What was written, read back: the model, what read it, the weights' precision, and what the format adds."""

    model: Any
    read_with: str
    dtype: str
    notes: dict[str, Any] = field(default_factory=dict)


def open_source(name: str | Path, *, offline: bool = False) -> Source:
    """The model of a run, an adapter folder of ours or PEFT's, or a plain model. Raises as :func:`afinar.load` does."""
    path = Path(name)
    session = load(name, offline=offline)
    core = quantised_core(session.model)
    quantised = "none" if core is None else kind_of(core)
    if (path / files.CONFIG).is_file():
        config = load_config(path / files.CONFIG, environ={})
        return Source(str(name), session, files.export_folder(path), config, quantised)
    adapter = (path / PEFT_FILE).is_file() or (path / CARD_FILE).is_file()
    return Source(str(name), session, path if adapter else None, None, quantised)


def check_mergeable(source: Source, choices: Choices) -> None:
    """Raise ModelError where the technique cannot be folded in, ConfigError for an `onto` that does not apply."""
    if choices.onto not in ONTO:
        raise ConfigError("core.choice", field="onto", got=choices.onto, allowed=", ".join(ONTO))
    method = source.session.method
    if method is not None and not method.mergeable:
        raise ModelError("exporting.unmergeable", name=source.technique, run=source.name)
    base = source.session.base_model
    if choices.onto == "dequantised" and source.quantised == "none":
        raise ConfigError("exporting.not_quantised", base=base.name)
    stored = read_config(locate(base, offline=choices.offline, weights=False), trust_remote_code=base.trust_remote_code)
    if choices.onto == "base" and "quantization_config" in stored.to_dict():
        raise ConfigError("exporting.stored_quantised", base=base.name, kind=source.quantised)


def write_merged(part: Path, source: Source, choices: Choices, examples: Examples) -> Written:
    """The merged model in safetensors, as `from_pretrained` reads it, with tokenizer, chat template and labels."""
    dtype = stored_dtype(source, offline=choices.offline) if choices.dtype == "auto" else choices.dtype
    model = merged_model(source, dtype, choices.onto, offline=choices.offline)
    check_space(part, sum(tensor.numel() * tensor.element_size() for tensor in model.parameters()))
    save(model, source.session.tokenizer, part, choices.shard_size)
    device, session = str(model.device), source.session
    del model
    source.let_go()
    config = ModelConfig(name=str(part), dtype=dtype, device=device)
    model = load_model(config, task=session.task, tokenizer=session.tokenizer, offline=True)
    return Written(model, "transformers", dtype, merge_notes(source, choices))


def save(model: Any, tokenizer: Any, part: Path, shard_size: str | None = None) -> None:
    """What `from_pretrained` reads: weights, config, generation config, tokenizer, chat template."""
    model.save_pretrained(part, **({} if shard_size is None else {"max_shard_size": shard_size}))
    tokenizer.save_pretrained(part)


def merge_notes(source: Source, choices: Choices) -> dict[str, Any]:
    """What the report of a merge onto a quantised base says beside."""
    return {} if source.quantised == "none" else {"quantised": source.quantised, "onto": choices.onto}


def stored_dtype(source: Source, *, offline: bool = False) -> str:
    """The precision of the base's own files, which a merged model takes unless another is asked for."""
    folder = source.folder
    if folder is None or not (folder / "config.json").is_file():
        folder = locate(source.session.base_model, offline=offline, weights=False)
    name = str(read_config(folder, trust_remote_code=source.session.base_model.trust_remote_code).dtype)
    name = name.removeprefix("torch.")
    return name if name in DTYPES else "float32"


def merged_model(source: Source, dtype: str, onto: str = "base", *, offline: bool = False) -> PreTrainedModel:
    """The plain model, in `dtype`. It is the session's own where that will do, so the session is used up.

    Raises ModelError where values do not fit into `dtype` (float16 ends at 65,504).
    """
    session, target = source.session, DTYPES[dtype]
    # In the files' own precision the sum is rounded once. In any other the base would be rounded before it is added to.
    summed_in = dtype if dtype == stored_dtype(source, offline=offline) else "float32"
    plain = session.method is None or session.model.dtype == DTYPES[summed_in]
    if plain and source.quantised == "none":
        model = session.model
    elif onto == "dequantised":
        model = dequantise(session.model, torch.float32)
    else:
        model = _again(source, summed_in, offline)
    if session.method is not None:
        model = session.method.merge(model)
    return _cast(model.eval(), target)


def _again(source: Source, precision: str, offline: bool) -> PreTrainedModel:
    """The base anew, in float, with the adapter on it; what was in memory goes first."""
    session, folder = source.session, source.folder
    assert session.method is not None
    assert folder is not None
    source.let_go()
    whole = (folder / "config.json").is_file()
    base = replace(
        session.base_model, name=str(folder) if whole else session.base_model.name, dtype=precision, quantize="none"
    )
    model = load_model(base, task=session.task, label_names=session.label_names, tokenizer=session.tokenizer, offline=offline)
    return model if whole else session.method.restore(model, folder)


def _cast(model: Any, dtype: torch.dtype) -> PreTrainedModel:
    limit = torch.finfo(dtype).max
    if dtype == torch.float16:
        beyond = [name for name, tensor in model.named_parameters() if tensor.detach().abs().max() > limit]
        if beyond:
            raise ModelError("exporting.overflow", dtype="float16", names=", ".join(beyond[:3]))
    return model.to(dtype)
