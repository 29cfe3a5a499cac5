"""`afinar doctor`: what this machine has, what is fine, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from afinar import __version__, messages
from afinar.cli.context import Context, table

Status = Literal["ok", "note", "problem"]

REQUIRED = {  # package -> oldest version that afinar works with
    "torch": (2, 11),
    "transformers": (5, 17),
    "tokenizers": (0, 22),
    "datasets": (4,),
    "accelerate": (1, 12),
    "safetensors": (0, 6),
    "huggingface_hub": (1,),
}
EXTRAS = {"bitsandbytes": "gpu", "peft": "peft", "lm_eval": "harness"}
ENOUGH_BYTES = 2e9  # of memory and of disk: a small model, its optimizer and two checkpoints


class Check(NamedTuple):
    """One thing looked at: what was found, how it is, and what to do about it ("" where nothing)."""

    name: str
    found: str
    status: Status = "ok"
    advice: str = ""


def doctor(*, context: Context) -> dict[str, Any]:
    """Look at this machine. Returns `{"ok": bool, "checks": [...]}`; a problem is told, not an error."""
    checks = list(examine(context))
    names = [messages.text(f"doctor.column_{name}") for name in ("status", "name", "found")]
    rows = [[messages.text(f"doctor.status_{c.status}"), messages.text(f"doctor.{c.name}"), c.found] for c in checks]
    context.show(table(names, rows, numbers=False))
    advised = [check for check in checks if check.advice]
    for check in advised:
        context.say(f"- {messages.text(f'doctor.{check.name}')}: {check.advice}")
    ok = all(check.status != "problem" for check in checks)
    context.say(messages.text("doctor.fine" if ok else "doctor.not_fine"))
    return {"ok": ok, "checks": [check._asdict() for check in checks]}


def examine(context: Context) -> Iterator[Check]:
    """Every check, in the order in which a person would ask."""
    yield Check("afinar", __version__)
    yield Check("python", f"{platform.python_version()} · {platform.system()} {platform.machine()}")
    yield from packages()
    if find_spec("torch") is not None:
        yield from devices()
    yield memory()
    yield disk(Path.cwd())
    yield cache()
    yield Check("offline", messages.text("doctor.offline_on" if _is_offline(context) else "doctor.offline_off"))
    yield from extras()
    yield embedded_model()


def packages() -> Iterator[Check]:
    """The required packages that are missing or too old, else one line that they are there."""
    found = []
    for name, oldest in REQUIRED.items():
        wanted = ".".join(map(str, oldest))
        installed = installed_version(name)
        if installed is None or _numbers(installed) < oldest:
            advice = messages.text("doctor.package_advice", package=name, version=wanted)
            got = installed or messages.text("doctor.absent")
            yield Check("packages", f"{name} {got}", "problem", advice)
        else:
            found.append(f"{name} {installed}")
    yield Check("packages", ", ".join(found))


def installed_version(package: str) -> str | None:
    """The installed version of `package`, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `2.13.0+cpu` gives (2, 13, 0)."""
    numbers = []
    for part in text.split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def devices() -> Iterator[Check]:
    """The device that `model.device: auto` takes, whether it computes in bfloat16, and the threads."""
    import torch

    from afinar.models.config import ModelConfig
    from afinar.models.hardware import choose_device, computes_in_bfloat16

    device = choose_device(ModelConfig())
    yield _device(device)
    if computes_in_bfloat16(device):
        yield Check("bfloat16", messages.text("doctor.bfloat16_yes"))
    else:
        yield Check("bfloat16", messages.text("doctor.bfloat16_no"), "note", messages.text("doctor.bfloat16_advice"))
    cores, threads = _cores(), torch.get_num_threads()
    if threads > cores:
        advice = messages.text("doctor.threads_advice", cores=cores)
        yield Check("threads", messages.text("doctor.threads_found", threads=threads, cores=cores), "note", advice)
    else:
        yield Check("threads", messages.text("doctor.threads_found", threads=threads, cores=cores))


def _device(device: Any) -> Check:
    import torch

    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        found = messages.text("doctor.device_memory", free=_gigabytes(free), total=_gigabytes(total))
        return Check("device", f"{device} · {torch.cuda.get_device_name(device)} · {found}")
    if device.type == "cpu" and torch.version.cuda is None and shutil.which("nvidia-smi"):
        return Check("device", "cpu", "note", messages.text("doctor.cpu_build_advice"))
    return Check("device", str(device))


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> Check:
    """Main memory, available and in all."""
    import psutil

    found = psutil.virtual_memory()
    text = messages.text("doctor.device_memory", free=_gigabytes(found.available), total=_gigabytes(found.total))
    if found.available < ENOUGH_BYTES:
        return Check("memory", text, "note", messages.text("doctor.memory_advice"))
    return Check("memory", text)


def disk(folder: Path) -> Check:
    """Free space where run folders would be written."""
    free = shutil.disk_usage(folder).free
    text = messages.text("doctor.disk_found", free=_gigabytes(free), path=folder)
    if not os.access(folder, os.W_OK):
        return Check("disk", text, "problem", messages.text("doctor.disk_write_advice", path=folder))
    return Check("disk", text, "note", messages.text("doctor.disk_advice")) if free < ENOUGH_BYTES else Check("disk", text)


def cache() -> Check:
    """Where hub models and data are kept."""
    from huggingface_hub.constants import HF_HOME

    folder = Path(HF_HOME)
    if not folder.exists():
        return Check("cache", messages.text("doctor.cache_empty", path=folder))
    if not os.access(folder, os.W_OK):
        return Check("cache", str(folder), "note", messages.text("doctor.cache_advice"))
    return Check("cache", str(folder))


def _is_offline(context: Context) -> bool:
    flags = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return context.offline or any(os.environ.get(flag, "").upper() in ("1", "ON", "YES", "TRUE") for flag in flags)


def extras() -> Iterator[Check]:
    """The optional packages, and how to install those that are not there."""
    found = [f"{name} {installed_version(name) or ''}".strip() for name in EXTRAS if find_spec(name) is not None]
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if found:
        yield Check("extras", ", ".join(found))
    for name in missing:
        yield Check(
            "extras",
            f"{name} {messages.text('doctor.absent')}",
            "note",
            messages.text("doctor.extra_advice", package=name, extra=EXTRAS[name], use=messages.text(f"doctor.use_{name}")),
        )


def embedded_model() -> Check:
    """Whether afinar-mini came with this installation."""
    folder = Path(sys.modules["afinar"].__file__ or "").parent / "models" / "afinar_mini"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return Check("embedded", messages.text("doctor.absent"), "problem", messages.text("doctor.embedded_advice"))
    return Check("embedded", f"afinar-mini · {messages.number(weights.stat().st_size / 1e6, 1)} MB")


def _gigabytes(count: float) -> str:
    return messages.number(count / 1e9, 1)
