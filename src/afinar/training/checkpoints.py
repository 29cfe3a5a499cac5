"""Checkpoints of safetensors and JSON: optimizer, schedule, random states. No pickle is written or read.

    checkpoint-N/  adapter or model files (the method's export)     tokenizer files, chat_template.jinja
                   training_state.safetensors   every value that trains, in the precision it trains in
                   optimizer.safetensors + optimizer.json           scheduler.json   scaler.json (fp16 only)
                   rng_<rank>.safetensors + rng_<rank>.json         trainer_state.json
                   progress.json   tokens read so far, by all processes together

The files are the same for one process and for several, sharded or not (:mod:`afinar.training.sharding`).

JSON keeps Python floats exactly (`repr` round-trips), so what is read back is bit for bit what was written.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from afinar.errors import RefusedError
from afinar.training.optimizer_state import group_sizes, load_exactly, put_together, taken_apart
from afinar.training.sharding import full_tensors, sharded_state

TRAINING_STATE = "training_state.safetensors"


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write `tensors` to a safetensors file, each with memory of its own (views and ties are written out)."""
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file to the CPU. Raises RefusedError where the checkpoint lacks it or it is broken."""
    if not path.is_file():
        raise RefusedError("training.checkpoint_incomplete", path=str(path.parent), file=path.name)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RefusedError("training.checkpoint_broken", path=str(path), detail=str(error)) from error


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise RefusedError("training.checkpoint_incomplete", path=str(path.parent), file=path.name)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RefusedError("training.checkpoint_broken", path=str(path), detail=str(error)) from error


def _write_json(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


# --- optimizer -----------------------------------------------------------------------------------------------------


def save_optimizer(optimizer: Any, folder: Path, *, write: bool = True) -> None:
    """Write any optimizer's `state_dict`: tensors to safetensors, the rest to JSON (see :mod:`.optimizer_state`).

    Where the model is sharded every process must call it, and one of them with `write`.
    """
    tensors, layout = taken_apart(optimizer.state_dict())
    tensors = full_tensors(tensors, keep=write)
    if not write:
        return
    save_tensors(tensors, folder / "optimizer.safetensors")
    _write_json(layout, folder / "optimizer.json")


def load_optimizer(optimizer: Any, folder: Path) -> None:
    """Restore what :func:`save_optimizer` wrote. Raises RefusedError where the parameter groups are not the same ones."""
    tensors = load_tensors(folder / "optimizer.safetensors")
    try:
        state = put_together(tensors, _read_json(folder / "optimizer.json"))
        saved, own = group_sizes(state["param_groups"]), group_sizes(optimizer.param_groups)
    except (KeyError, TypeError) as error:
        raise RefusedError("training.checkpoint_broken", path=str(folder / "optimizer.json"), detail=str(error)) from error
    if saved != own:
        raise RefusedError("training.optimizer_changed", path=str(folder), got=own, expected=saved)
    load_exactly(optimizer, sharded_state(state, optimizer))


# --- schedule and scaler -------------------------------------------------------------------------------------------


def save_state_json(part: Any, path: Path) -> None:
    """Write the `state_dict` of a learning-rate schedule or a gradient scaler, which hold numbers only."""
    _write_json(part.state_dict(), path)


def load_state_json(part: Any, path: Path) -> None:
    """Restore what :func:`save_state_json` wrote."""
    part.load_state_dict(_read_json(path))


# --- random states -------------------------------------------------------------------------------------------------


def save_random_state(folder: Path, rank: int = 0, processes: int = 1) -> None:
    """Write the states of `random`, NumPy, torch and every CUDA device of this process, one of `processes`."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    tensors = {"torch": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda{i}": state for i, state in enumerate(torch.cuda.random.get_rng_state_all())}
    save_tensors(tensors, folder / f"rng_{rank}.safetensors")
    numpy_state = [kind, [int(key) for key in keys], int(position), int(has_gauss), float(cached)]
    state = {"python": [version, list(internal), gauss], "numpy": numpy_state, "processes": processes}
    (folder / f"rng_{rank}.json").write_text(json.dumps(state), encoding="utf-8")


def load_random_state(folder: Path, rank: int = 0) -> None:
    """Restore what :func:`save_random_state` wrote for this rank.

    Where fewer processes were saved than there are now, those that are new take the first one's state, which is where
    transformers starts all of them too.
    """
    if rank and rank >= _read_json(folder / "rng_0.json")["processes"]:
        rank = 0
    tensors = load_tensors(folder / f"rng_{rank}.safetensors")
    state = _read_json(folder / f"rng_{rank}.json")
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.random.set_rng_state(tensors["torch"])
    for name, value in tensors.items():
        if name.startswith("cuda") and int(name.removeprefix("cuda")) < torch.cuda.device_count():
            torch.cuda.set_rng_state(value, int(name.removeprefix("cuda")))


# --- counts --------------------------------------------------------------------------------------------------------


def save_counts(folder: Path, *, tokens: int, supervised_tokens: int) -> None:
    """Write how many tokens the run has read so far, so that a resumed run reports the whole."""
    _write_json({"tokens": tokens, "supervised_tokens": supervised_tokens}, folder / "progress.json")


def load_counts(folder: Path) -> dict[str, int]:
    """Read what :func:`save_counts` wrote."""
    return _read_json(folder / "progress.json")
