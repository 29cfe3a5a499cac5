"""The settings of prefix tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from afinar.errors import ConfigError
from afinar.options import option

INITS = ("auto", "vocabulary", "random", "zero")


@dataclass(frozen=True, kw_only=True)
class PrefixTuning:
    """Prefix tuning: trained keys and values before those of every layer's tokens (Li & Liang 2021, arXiv:2101.00190)."""

    name: ClassVar[str] = "prefix"

    virtual_tokens: int = option(
        20,
        en="Length of the prefix, in positions of every layer; 5 to 30 for classification, 10 to 200 for generation.",
        pt="Comprimento do prefixo, em posições de cada camada; de 5 a 30 para classificação, de 10 a 200 para geração.",
    )
    projection: bool = option(
        False,
        en="Train the prefix through a two-layer perceptron, which steadies training; only its output is needed afterwards.",
        pt="Treinar o prefixo por um perceptron de duas camadas, que estabiliza o treino; depois só a saída dele é usada.",
    )
    encoder_hidden_size: int | None = option(
        None,
        en="Width of that perceptron's hidden layer; null: as wide as a layer's keys.",
        pt="Largura da camada oculta desse perceptron; null: a largura das chaves de uma camada.",
    )
    init: str = option(
        "auto",
        en="Start of the prefix: vocabulary (the base's own keys and values for sampled tokens), random (normal), zero; auto "
        "is vocabulary, with projection random.",
        pt="Início do prefixo: vocabulary (as chaves e valores da própria base para tokens sorteados), random (normal), zero; "
        "auto é vocabulary, com projection random.",
        choices=INITS,
    )
    dropout: float = option(
        0.0,
        en="Share of the prefix's numbers that is dropped in training.",
        pt="Parte dos números do prefixo zerada no treino.",
    )

    def __post_init__(self) -> None:
        for field in ("virtual_tokens", "encoder_hidden_size"):
            value = getattr(self, field)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            if not whole and not (field == "encoder_hidden_size" and value is None):
                raise ConfigError("core.range", field=f"method.{field}", got=value, allowed=">= 1")
        if self.init not in INITS:
            raise ConfigError("core.choice", field="method.init", got=self.init, allowed=", ".join(INITS))
        if self.init == "vocabulary" and self.projection:
            raise ConfigError("prefix.vocabulary_with_projection")
        if not 0 <= self.dropout < 1:
            raise ConfigError("core.range", field="method.dropout", got=self.dropout, allowed="0 <= x < 1")
        if self.encoder_hidden_size is not None and not self.projection:
            raise ConfigError("prefix.width_without_projection", got=self.encoder_hidden_size)

    @property
    def start(self) -> str:
        """`init` without auto."""
        if self.init != "auto":
            return self.init
        return "random" if self.projection else "vocabulary"
