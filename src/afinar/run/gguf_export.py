"""A merged model as one GGUF file, for llama.cpp and the programs that are built on it.

What the file holds is told by :mod:`afinar.run.gguf_architectures` and :mod:`afinar.run.gguf_vocabulary`, how it is written by
:mod:`afinar.run.gguf_file`. transformers reads it back for the comparison, which shares the `gguf` package's table of names
with what wrote it; it takes names, shapes and values from the file, and from the model's config what it does not look for
there (a stretched rotary table, the soft-caps of Gemma 2).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PretrainedConfig

from afinar import messages
from afinar.data.examples import Examples
from afinar.errors import ConfigError, ModelError
from afinar.run.gguf_architectures import describe
from afinar.run.gguf_file import write
from afinar.run.gguf_vocabulary import alike, backend, cut_by, vocabulary
from afinar.run.merging import Choices, Source, Written, check_mergeable, merge_notes, merged_model, stored_dtype

TYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "q8_0": "Q8_0"}
TEXTS = 256
"""Most rows whose texts are compared token by token."""
ALIKE = 0.9
"""Smallest share of rows that must become the same tokens."""
PROBES = (
    "Olá! Não é só isso: d'água, 'tá bom; it's R$ 1.234,56 (12%).",
    "linha um\n\n  linha dois\tfim  \n",
    "2026-11-22 às 21h30, a  3 km/h, x_y=10**2  # nota",
    "ÁRVORE Árvore árvore ñandú naïve 日本語 🙂 …",
)
"""Texts beside the rows by which the rule is chosen that cuts text."""

_SHARED = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_parameters", "tie_word_embeddings",
    "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip


def check_gguf(source: Source, choices: Choices) -> None:
    """Raise what :func:`check_mergeable` does, ConfigError without the package, ModelError for what GGUF cannot hold."""
    if find_spec("gguf") is None:
        raise ConfigError("exporting.gguf_missing")
    check_mergeable(source, choices)
    if source.session.task != "causal":
        raise ModelError("exporting.gguf_task", run=source.name)
    describe(source.session.model.config)
    backend(source.session.tokenizer)


def write_gguf(part: Path, source: Source, choices: Choices, examples: Examples) -> Written:
    """One file, named after the base, the technique and the precision; the notes say what it holds."""
    session = source.session
    stored, computed = stored_dtype(source, offline=choices.offline), session.model.dtype
    dtype = stored if choices.dtype == "auto" else choices.dtype
    model = merged_model(source, stored if dtype == "q8_0" else dtype, choices.onto, offline=choices.offline)
    config = model.config
    texts = [str(session.tokenizer.decode(example.input_ids)) for example in examples.examples[:TEXTS]]
    words = vocabulary(session.tokenizer, config.vocab_size, _ends(model), [*texts, *PROBES])
    technique = [source.technique] if session.method is not None else []
    name = "-".join([Path(session.base_model.name).name, *technique])
    file = part / f"{name}-{TYPES[dtype]}.gguf"
    write(file, name, model, words, TYPES[dtype])
    del model
    source.let_go()
    same = alike(session.tokenizer, read_tokenizer(file, words.cut), texts)
    if same < ALIKE:
        raise ModelError("exporting.gguf_cut", cut=words.cut or words.kind, share=messages.number(100 * same, 1))
    read = read_model(file, config, computed)
    notes = {
        **merge_notes(source, choices),
        "file": file.name,
        "architecture": describe(config)[0].name,
        "tokenizer": words.kind,
        **({"cut": words.cut} if words.cut else {}),
        "rows_tokenised_alike": same,
    }
    return Written(read, "transformers", dtype, notes)


def read_model(file: Path, config: PretrainedConfig, dtype: torch.dtype) -> Any:
    """The model that a GGUF file holds, as transformers reads it; `config` is that of the model it was made of."""
    if config.model_type == "mistral":  # a Llama in GGUF, and transformers knows no other name for it there
        config = LlamaConfig(**{name: getattr(config, name) for name in _SHARED})
    return AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, config=config, dtype=dtype).eval()


def read_tokenizer(file: Path, cut: str | None) -> Any:
    """The tokenizer that a GGUF file describes, as transformers reads it; `cut` is llama.cpp's rule, None for llama."""
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    if cut is not None:  # transformers knows some of the rules only
        tokenizer.backend_tokenizer.pre_tokenizer = cut_by(cut)
    return tokenizer


def _ends(model: Any) -> list[int]:
    """All tokens that end an answer, as the model's own generation config has them."""
    ends = model.generation_config.eos_token_id
    return [] if ends is None else list(ends) if isinstance(ends, list) else [ends]
