"""What an error looks like from outside: one message, a hint, an exit code, and with --json one object."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from afinar import messages
from afinar.cli.context import Context
from afinar.errors import AfinarError, RefusedError, ResourceError

CRASH, INTERRUPTED, BROKEN_PIPE, TERMINATED = 1, 130, 141, 143


# What a path given by a person can meet: it is theirs to mend, not a defect.
_REFUSALS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. A KeyboardInterrupt, so that whoever saves a checkpoint on Ctrl-C saves one here too."""


@contextmanager
def termination_raises() -> Iterator[None]:
    """Within it, SIGTERM raises :class:`Terminated` (in the main thread, the only one that may handle signals)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(signum: int, frame: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def guarded(context: Context, work: Callable[[], int]) -> int:
    """The exit code of `work`, or of what it raised, after telling about it."""
    try:
        return work()
    except AfinarError as error:
        return told(context, error)
    except Terminated:
        return _stopped(context, "terminated", "cli.terminated", TERMINATED)
    except KeyboardInterrupt:
        return _stopped(context, "interrupted", "cli.interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader went away (`afinar ... | head`): nothing more to tell, and nobody to tell it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001  the outermost frame: a crash still owes one JSON object and an exit code
        known = from_system(error)
        if known is not None:
            return told(context, known)
        return _crashed(context, error)


def told(context: Context, error: AfinarError) -> int:
    """Tell of an error that a user can mend; returns its exit code.

    Under torchrun every process meets a wrong setting or file alike, so the first one tells; what it has no memory or space
    for is each process's own.
    """
    if context.quiet and not isinstance(error, ResourceError):
        return error.exit_code
    _tell(context, error.kind, error.message, error.hint)
    if os.environ.get("AFINAR_DEBUG") == "1":
        traceback.print_exception(error)
    return error.exit_code


def from_system(error: Exception) -> AfinarError | None:
    """The system's own refusals as errors of ours: a full disk, no memory, a folder that may not be written."""
    if isinstance(error, MemoryError) or _is_device_out_of_memory(error):
        return ResourceError("cli.no_memory", problem=str(error).partition("\n")[0])
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError("cli.no_space", path=error.filename or "-")
    if isinstance(error, OSError) and error.errno in _REFUSALS and error.filename:
        return RefusedError("cli.system", path=error.filename, problem=error.strerror)
    return None


def _is_device_out_of_memory(error: Exception) -> bool:
    torch = sys.modules.get("torch")  # not imported for this: without torch there is no such error
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def _crashed(context: Context, error: Exception) -> int:
    message = messages.text("cli.crash", type=type(error).__name__, problem=str(error) or "-")
    _tell(context, "crash", message, messages.hint("cli.crash"))
    if os.environ.get("AFINAR_DEBUG") == "1":
        traceback.print_exception(error)
    return CRASH


def _stopped(context: Context, kind: str, key: str, code: int) -> int:
    if context.quiet:
        return code
    _tell(context, kind, messages.text(key), messages.hint(key))
    return code


def _tell(context: Context, kind: str, message: str, hint: str) -> None:
    if context.json:
        print_json({"error": {"kind": kind, "message": message, "hint": hint}})
        return
    context.note(f"afinar: {message}")
    if hint:
        context.note(f"  {hint}")


def print_json(value: dict[str, Any]) -> None:
    """One object on one line, the last on stdout; numbers that JSON lacks (NaN) become null, paths become text."""
    print(json.dumps(_finite(value), ensure_ascii=False, default=str, allow_nan=False), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
