"""The settings of (IA)³."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from afinar.errors import ConfigError
from afinar.options import option


@dataclass(frozen=True, kw_only=True)
class IA3:
    """(IA)³: learnt vectors that scale keys, values and the feed-forward (Liu et al. 2022, arXiv:2205.05638)."""

    name: ClassVar[str] = "ia3"

    target_modules: str | tuple[str, ...] = option(
        "auto",
        en="Layers that are scaled, those of feedforward_modules among them: auto (by architecture, as in PEFT), or a list of "
        "name endings such as [k_proj, v_proj, down_proj].",
        pt="Camadas que são escaladas, entre elas as de feedforward_modules: auto (por arquitetura, como no PEFT) ou uma "
        "lista de finais de nomes, como [k_proj, v_proj, down_proj].",
    )
    feedforward_modules: str | tuple[str, ...] = option(
        "auto",
        en="Those of them whose inputs are scaled instead of their outputs: auto, or a list of name endings; may be empty.",
        pt="Aquelas cujas entradas são escaladas em vez das saídas: auto ou uma lista de finais de nomes; pode ser vazia.",
    )

    def __post_init__(self) -> None:
        for name in ("target_modules", "feedforward_modules"):
            value = getattr(self, name)
            if isinstance(value, list):  # YAML and Python callers write lists; a frozen config holds a tuple
                object.__setattr__(self, name, tuple(value))
            elif isinstance(value, str) and value != "auto":
                object.__setattr__(self, name, (value,))
        if not self.target_modules:
            raise ConfigError("core.missing", field="method.target_modules")
