"""Exports of this package for `make_adapterhub.py check`, which loads them into AdapterHub's own library.

python tests/parity/reference/for_adapterhub.py EXPORTS
"""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save_file

from afinar import AdapterConfig
from afinar.methods.base import create

sys.path.insert(0, str(Path(__file__).parent))
from shared import base_model, fill, logits

CONFIGS = {
    "houlsby": AdapterConfig(size=5, dropout=0.1),
    "pfeiffer": AdapterConfig(placement="pfeiffer", reduction_factor=3, activation="gelu_new"),
    "parallel": AdapterConfig(placement="parallel"),
    "norms": AdapterConfig(ln_before=True, ln_after=True, scaling="channel", leave_out=(1,), init="bert"),
    "sum": AdapterConfig(reads="sum", scaling="learned", size=48, before_post_norm=True),
}
NATIVE = ("llama", "mistral", "gpt2", "qwen2", "qwen3")
CASES = {
    **{architecture: tuple(CONFIGS) for architecture in NATIVE},
    "phi": ("houlsby", "pfeiffer", "norms", "sum"),
    "gemma2": ("houlsby", "parallel", "norms"),
    "gpt_neox": ("houlsby", "pfeiffer", "norms"),
    "opt": tuple(CONFIGS),
}


def main(directory: Path) -> None:
    """Write a folder for each case, and the logits of all."""
    found = {}
    for architecture, names in CASES.items():
        for name in names:
            for task in ("causal", "classification") if architecture in ("llama", "gpt2") else ("causal",):
                config = CONFIGS[name]
                if architecture == "gemma2":  # where AdapterHub puts them
                    config = AdapterConfig(**{**vars(config), "before_post_norm": True})
                method, key = create(config), f"{architecture}-{name}-{task}"
                model = method.attach(base_model(architecture, task))
                fill(method.state(model))
                found[key] = logits(model.eval())
                method.export(model, directory / key, base=f"tiny/{architecture}", task=task)
    save_file(found, directory / "logits.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
