"""Fine-tune and adapt language models on limited hardware, and prove what it did.

The names below are imported when first used, so `import afinar` is quick and does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afinar.config import RunConfig as RunConfig
    from afinar.errors import AfinarError as AfinarError
    from afinar.errors import ConfigError as ConfigError
    from afinar.errors import DataError as DataError
    from afinar.errors import ModelError as ModelError
    from afinar.errors import NonFiniteLossError as NonFiniteLossError
    from afinar.errors import RefusedError as RefusedError
    from afinar.errors import ResourceError as ResourceError
    from afinar.methods.adapters import Adapters as Adapters
    from afinar.methods.config import IA3 as IA3
    from afinar.methods.config import AdapterConfig as AdapterConfig
    from afinar.methods.config import Bottleneck as Bottleneck
    from afinar.methods.config import Full as Full
    from afinar.methods.config import Head as Head
    from afinar.methods.config import LoRA as LoRA
    from afinar.methods.config import Peft as Peft
    from afinar.methods.config import PrefixTuning as PrefixTuning
    from afinar.methods.config import PromptTuning as PromptTuning
    from afinar.methods.config import PTuning as PTuning
    from afinar.methods.config import QLoRA as QLoRA
    from afinar.run import Run as Run
    from afinar.run import Session as Session
    from afinar.run import evaluate as evaluate
    from afinar.run import fine_tune as fine_tune
    from afinar.run import load as load
    from afinar.run.auditing import audit as audit
    from afinar.training.arguments import SFTConfig as SFTConfig
    from afinar.training.metrics import default_compute_metrics as default_compute_metrics
    from afinar.training.trainer import LlamaSFTTrainer as LlamaSFTTrainer
    from afinar.training.trainer import SFTTrainer as SFTTrainer

__version__ = "0.1.0"

_HOME = {
    "AdapterConfig": "afinar.methods.config",
    "Adapters": "afinar.methods.adapters",
    "AfinarError": "afinar.errors",
    "Bottleneck": "afinar.methods.config",
    "ConfigError": "afinar.errors",
    "DataError": "afinar.errors",
    "Full": "afinar.methods.config",
    "Head": "afinar.methods.config",
    "IA3": "afinar.methods.config",
    "LlamaSFTTrainer": "afinar.training.trainer",
    "LoRA": "afinar.methods.config",
    "ModelError": "afinar.errors",
    "Peft": "afinar.methods.config",
    "NonFiniteLossError": "afinar.errors",
    "PTuning": "afinar.methods.config",
    "PrefixTuning": "afinar.methods.config",
    "PromptTuning": "afinar.methods.config",
    "QLoRA": "afinar.methods.config",
    "RefusedError": "afinar.errors",
    "ResourceError": "afinar.errors",
    "Run": "afinar.run",
    "RunConfig": "afinar.config",
    "SFTConfig": "afinar.training.arguments",
    "SFTTrainer": "afinar.training.trainer",
    "Session": "afinar.run",
    "audit": "afinar.run.auditing",
    "default_compute_metrics": "afinar.training.metrics",
    "evaluate": "afinar.run",
    "fine_tune": "afinar.run",
    "load": "afinar.run",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    # Importing may have bound the name already: afinar.audit is a package that is called.
    return globals().setdefault(name, value)


def __dir__() -> list[str]:
    return sorted(__all__)
