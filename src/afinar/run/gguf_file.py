"""Writing a GGUF file through the `gguf` package, one tensor at a time.

Vectors stay float32, and so do GPT-2's positions. q8_0 keeps 32 weights of a row as int8 beside one float16 scale, 8.5 bits a
weight; a matrix whose rows are no multiple of 32 long is kept in float16, as llama.cpp's own converter does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from afinar.errors import ModelError
from afinar.run.gguf_architectures import Architecture, describe, extra_tensors
from afinar.run.gguf_vocabulary import Vocabulary
from afinar.run.writing import check_space

POSITIONS, ROPE_FACTORS = "position_embd.weight", "rope_freqs.weight"
BLOCK = 32  # weights that share a scale under q8_0
FILE_TYPES = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16", "Q8_0": "MOSTLY_Q8_0"}


@dataclass(frozen=True)
class Entry:
    """A tensor of the file: its name there, its name in the model, the model's tensor, its kind, its bytes' shape."""

    target: str
    source: str
    tensor: Tensor
    kind: Any
    byte_shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """What it takes in the file."""
        return prod(self.byte_shape)


def write(file: Path, name: str, model: Any, words: Vocabulary, kind: str) -> None:
    """Write `model` with its vocabulary, matrices as `kind` (F32, F16, BF16, Q8_0).

    The header comes first and needs the shapes alone, so no copy of the model is made. Raises ModelError for what its
    architecture in GGUF has no place for, ResourceError where the disk has too little space.
    """
    from gguf import GGUFWriter, LlamaFileType, quants
    from gguf.constants import GGML_QUANT_VERSION

    architecture, settings = describe(model.config)
    entries = list(_entries(model, architecture, kind))
    check_space(file.parent, sum(entry.n_bytes for entry in entries))
    writer = GGUFWriter(file, architecture.name)
    writer.add_name(name)
    writer.add_file_type(LlamaFileType[FILE_TYPES[kind]])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    _add_settings(writer, settings)
    _add_vocabulary(writer, words)
    for entry in entries:
        writer.add_tensor_info(entry.target, entry.byte_shape, np.dtype(np.uint8), entry.n_bytes, raw_dtype=entry.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for entry in entries:
        laid_out = architecture.layout(entry.source, entry.tensor.detach(), model.config)
        values = laid_out.float().contiguous().cpu().numpy()
        writer.write_tensor_data(quants.quantize(values, entry.kind).view(np.uint8))
    writer.close()


def _entries(model: Any, architecture: Architecture, kind: str) -> Iterator[Entry]:
    """Every parameter, tied ones once, and what the architecture has beside them."""
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGMLQuantizationType, get_tensor_name_map, quants

    number = next(key for key in MODEL_ARCH if MODEL_ARCH_NAMES[key] == architecture.name)
    names = get_tensor_name_map(number, model.config.num_hidden_layers)
    for source, tensor in {**extra_tensors(model.config), **dict(model.named_parameters())}.items():
        target = source if source == ROPE_FACTORS else names.get_name(source, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ModelError("exporting.gguf_tensor", name=source, architecture=model.config.model_type)
        shape = tuple(architecture.layout(source, tensor.detach().to("meta"), model.config).shape)
        chosen = GGMLQuantizationType[_kind(target, shape, kind)]
        yield Entry(target, source, tensor, chosen, tuple(quants.quant_shape_to_byte_shape(shape, chosen)))


def _kind(target: str, shape: tuple[int, ...], kind: str) -> str:
    if len(shape) == 1 or target == POSITIONS:
        return "F32"
    return "F16" if kind == "Q8_0" and shape[-1] % BLOCK else kind


def _add_settings(writer: Any, settings: dict[str, Any]) -> None:
    from gguf import RopeScalingType

    for name, value in settings.items():
        getattr(writer, f"add_{name}")(value)
    if "rope_scaling_factor" in settings:
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)


def _add_vocabulary(writer: Any, words: Vocabulary) -> None:
    writer.add_tokenizer_model(words.kind)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    if words.scores is not None:
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(words.scores)
        writer.add_add_space_prefix(words.blank_first)
    else:
        writer.add_tokenizer_pre(words.cut)
        writer.add_token_merges(words.merges)
    for name, number in words.special.items():
        getattr(writer, f"add_{name}_token_id")(number)
    for name, adds in words.adds.items():
        getattr(writer, f"add_add_{name}_token")(adds)
    if words.chat_template is not None:
        writer.add_chat_template(words.chat_template)
