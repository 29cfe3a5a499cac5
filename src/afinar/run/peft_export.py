"""The adapter alone, in PEFT's format, and read back by plain PEFT over the base as transformers loads it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from afinar.data.examples import Examples
from afinar.errors import ModelError
from afinar.methods.base import create
from afinar.methods.peft_files import WEIGHTS_FILE
from afinar.models.load import load_model
from afinar.run.merging import Choices, Source, Written
from afinar.run.writing import check_space


def check_peft(source: Source, choices: Choices) -> None:
    """Raise ModelError where there is no adapter, or its technique has no format of PEFT's."""
    method = source.session.method
    if method is None or not method.peft_format:
        raise ModelError("exporting.no_peft_format", name=source.technique, run=source.name)


def write_peft(part: Path, source: Source, choices: Choices, examples: Examples) -> Written:
    """The adapter's files with the tokenizer; `dtype` is that of the base that it was read back onto."""
    session = source.session
    assert session.method is not None
    check_space(part, _bytes(source))
    session.method.export(session.model, part, base=session.base_model.name, task=session.task)
    session.tokenizer.save_pretrained(part)
    dtype = str(session.model.dtype).removeprefix("torch.")
    source.let_go()
    base = load_model(
        session.base_model,
        task=session.task,
        label_names=session.label_names,
        tokenizer=session.tokenizer,
        offline=choices.offline,
    )
    if find_spec("peft") is None:
        return Written(create(session.method.config).restore(base, part).eval(), "afinar", dtype)
    return Written(_with_peft(base, part), "peft", dtype)


def _with_peft(base: Any, part: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(base, str(part)).eval()


def _bytes(source: Source) -> int:
    """About what the adapter takes: what its files take now."""
    assert source.folder is not None
    file = source.folder / WEIGHTS_FILE
    return file.stat().st_size if file.is_file() else 0
