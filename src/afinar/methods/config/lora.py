"""The settings of LoRA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from afinar.errors import ConfigError
from afinar.options import option

TARGETS = ("auto", "all-linear")


@dataclass(frozen=True, kw_only=True)
class LoRA:
    """Low-rank adaptation of linear layers: W x + (alpha / r) B A x, with W frozen (Hu et al. 2021, arXiv:2106.09685)."""

    name: ClassVar[str] = "lora"

    r: int = option(
        8,
        en="Rank of the update; more rank is more capacity and memory. 8 to 64 are usual.",
        pt="Posto da atualização; mais posto é mais capacidade e memória. De 8 a 64 é usual.",
    )
    alpha: float = option(
        16.0,
        en="Scale of the update: alpha / r (alpha / sqrt(r) with rank_stabilised).",
        pt="Escala da atualização: alpha / r (alpha / sqrt(r) com rank_stabilised).",
    )
    dropout: float = option(
        0.0,
        en="Share of the adapter's inputs that is dropped in training; 0.05 to 0.1 on small data.",
        pt="Parte das entradas do adaptador zerada no treino; 0,05 a 0,1 com poucos dados.",
    )
    rank_stabilised: bool = option(
        False,
        en="Scale by alpha / sqrt(r), which keeps high ranks useful (Kalajdzievski 2023, arXiv:2312.03732).",
        pt="Escalar por alpha / sqrt(r), que mantém postos altos úteis (Kalajdzievski 2023, arXiv:2312.03732).",
    )
    target_modules: str | tuple[str, ...] = option(
        "auto",
        en="Layers that get an adapter: auto (attention projections), all-linear (all but the LM head), or a list of name "
        "endings such as [q_proj, v_proj].",
        pt="Camadas que recebem adaptador: auto (projeções da atenção), all-linear (todas menos a LM head) ou uma lista de "
        "finais de nomes, como [q_proj, v_proj].",
    )

    def __post_init__(self) -> None:
        if isinstance(self.target_modules, list):  # YAML and Python callers write lists; a frozen config holds a tuple
            object.__setattr__(self, "target_modules", tuple(self.target_modules))
        if isinstance(self.r, bool) or not isinstance(self.r, int) or self.r < 1:
            raise ConfigError("methods.rank", got=self.r)
        if not self.alpha > 0:  # also refuses NaN
            raise ConfigError("core.range", field="method.alpha", got=self.alpha, allowed="> 0")
        if not 0 <= self.dropout < 1:
            raise ConfigError("core.range", field="method.dropout", got=self.dropout, allowed="0 <= x < 1")
        if not self.target_modules:
            raise ConfigError("core.missing", field="method.target_modules")
        if isinstance(self.target_modules, str) and self.target_modules not in TARGETS:
            object.__setattr__(self, "target_modules", (self.target_modules,))

    @property
    def scale(self) -> float:
        """The factor before B A x."""
        return self.alpha / (self.r**0.5 if self.rank_stabilised else self.r)
