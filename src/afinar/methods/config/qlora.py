"""QLoRA: a name for LoRA on a base in 4 bits, with the settings that are customary for it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from afinar.methods.config.lora import LoRA
from afinar.options import option, values_of


@dataclass(frozen=True, kw_only=True)
class QLoRA(LoRA):
    """LoRA on all linear layers of a base in NF4 (Dettmers et al. 2023, arXiv:2305.14314).

    It is no method of its own: in a config it becomes `method: {name: lora, ...}` and `model: {quantize: nf4}`, which is
    what the run's files show; in Python, :meth:`lora` on a model that is loaded in 4 bits.

    The values are what its users have settled on. The paper trained with r = 64 and alpha = 16, and found r without effect
    once every linear layer has an adapter.
    """

    name: ClassVar[str] = "qlora"
    quantize: ClassVar[str] = "nf4"

    r: int = option(16, en="Rank of the update.", pt="Posto da atualização.")
    alpha: float = option(32.0, en="Scale of the update: alpha / r.", pt="Escala da atualização: alpha / r.")
    dropout: float = option(
        0.05,
        en="Share of the adapter's inputs that is dropped in training.",
        pt="Parte das entradas do adaptador zerada no treino.",
    )
    target_modules: str | tuple[str, ...] = option(
        "all-linear",
        en="Layers that get an adapter; the paper's result needs all linear ones.",
        pt="Camadas que recebem adaptador; o resultado do artigo precisa de todas as lineares.",
    )

    def lora(self) -> LoRA:
        """The method that it stands for, with its settings."""
        return LoRA(**values_of(self))

    @classmethod
    def customary(cls) -> dict[str, Any]:
        """The values by which it differs from LoRA's defaults."""
        others = {item.name: item.default for item in fields(LoRA)}
        return {item.name: item.default for item in fields(cls) if item.default != others[item.name]}
