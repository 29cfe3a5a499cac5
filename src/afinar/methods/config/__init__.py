"""The configs of the techniques (the `method:` section), one frozen dataclass each; no torch here.

`name` in a config file or a flag picks the class by :data:`afinar.methods.base.METHODS`; in Python the class itself is
used: `afinar.fine_tune(..., method=afinar.LoRA(r=8))`.
"""

from __future__ import annotations

from afinar.methods.config.bottleneck import AdapterConfig, Bottleneck
from afinar.methods.config.ia3 import IA3
from afinar.methods.config.lora import TARGETS, LoRA
from afinar.methods.config.peft import Peft
from afinar.methods.config.plain import Full, Head
from afinar.methods.config.prefix import PrefixTuning
from afinar.methods.config.prompts import PromptTuning, PTuning
from afinar.methods.config.qlora import QLoRA

__all__ = [
    "IA3",
    "TARGETS",
    "AdapterConfig",
    "Bottleneck",
    "Full",
    "Head",
    "LoRA",
    "MethodConfig",
    "PTuning",
    "Peft",
    "PrefixTuning",
    "PromptTuning",
    "QLoRA",
]

MethodConfig = AdapterConfig | Full | Head | IA3 | LoRA | Peft | PTuning | PrefixTuning | PromptTuning
