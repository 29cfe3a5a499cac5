"""SIGINT and SIGTERM while training: finish the step, write a checkpoint, then stop as asked."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from afinar.run.group import several
from afinar.training.reporting import Telling

ECHO_S = 2.0
"""torchrun passes on what the terminal has sent to its processes already, so each Ctrl-C arrives twice."""


@contextmanager
def stopping_with_checkpoint(telling: Telling) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops training after its step, with a checkpoint; then the signal's own handler acts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    began = 0.0
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: Any) -> None:
        nonlocal began
        if received and several() and time.monotonic() - began < ECHO_S:
            return
        began = time.monotonic()
        if received:  # a second one does not wait
            _restore(previous)
            signal.raise_signal(number)
        received.append(number)
        telling.stop = True

    for number in previous:
        signal.signal(number, stop)
    try:
        yield
    finally:
        _restore(previous)
    if received:
        signal.raise_signal(received[0])


def _restore(handlers: dict[Any, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
