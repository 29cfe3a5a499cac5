"""A process that loads a model and prints, in bytes: its anonymous memory at most, what stays, and the float weights' size.

python -m tests.models.peak_memory FOLDER QUANTIZE DTYPE
"""

from __future__ import annotations

import json
import sys
import threading
import time

from afinar.models.config import ModelConfig
from afinar.models.load import load_model
from tests.tiny import tiny_quantised


def anonymous() -> int:
    """Memory of this process that no file backs."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def main(folder: str, quantize: str, dtype: str) -> None:
    tiny_quantised(kind=quantize)  # imports, and what libraries keep
    before, highest, done = anonymous(), 0, False

    def watch() -> None:
        nonlocal highest
        while not done:
            highest = max(highest, anonymous())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = load_model(ModelConfig(name=folder, quantize=quantize, dtype=dtype, device="cpu"), task="causal")
    done = True
    watcher.join()
    kept = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    print(json.dumps({"peak": highest - before, "after": anonymous() - before, "weights": kept}))


if __name__ == "__main__":
    main(*sys.argv[1:])
