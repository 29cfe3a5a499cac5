"""Freed memory given back while a model is quantised on the CPU.

Each layer's float weight is read, quantised and freed; what remains of it is small and lies between the freed pieces. glibc
raises the size from which it asks the system for a block of its own up to 32 MiB, so that pieces below it, most layers of
models under some billion weights, stay with the process: measured on 24 layers of 77 million weights in bfloat16, 304 MB
beside 39 MB of NF4, twice the float model; with the fixed size set here, 64 MB.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_MIB = 1024**2


@contextmanager
def returning_memory() -> Iterator[None]:
    """Blocks of 1 MiB and more come from the system, and go back when freed, while inside; nothing without glibc.

    Afterwards the sizes are those at which glibc's own adjustment ends: 32 MiB, and 64 MiB for the free end of the heap.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, _MIB)
    try:
        yield
    finally:
        libc.malloc_trim(0)
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        libc.mallopt(_TRIM_THRESHOLD, 64 * _MIB)
