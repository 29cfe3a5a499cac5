"""The settings of prompt tuning and P-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from afinar.errors import ConfigError
from afinar.options import option

INITS = ("vocabulary", "random", "text")
ENCODERS = ("mlp", "lstm")


@dataclass(frozen=True, kw_only=True)
class PromptTuning:
    """Prompt tuning: learnt embeddings before every sequence, on a frozen model (Lester et al. 2021, arXiv:2104.08691)."""

    name: ClassVar[str] = "prompt"

    virtual_tokens: int = option(
        20,
        en="Learnt tokens before each sequence; they take as many of the model's positions. 10 to 100 are usual.",
        pt="Tokens aprendidos antes de cada sequência; ocupam outras tantas posições do modelo. De 10 a 100 é usual.",
    )
    init: str = option(
        "vocabulary",
        en="What they start from: embeddings of random tokens of the vocabulary, random values, or the tokens of init_text.",
        pt="De onde partem: embeddings de tokens sorteados do vocabulário, valores aleatórios ou os tokens de init_text.",
        choices=INITS,
    )
    init_text: str | None = option(
        None,
        en="With init: text, the text they start from, repeated or cut to virtual_tokens; say what the model is to do.",
        pt="Com init: text, o texto de onde partem, repetido ou cortado em virtual_tokens; diga o que o modelo deve fazer.",
    )

    def __post_init__(self) -> None:
        _check_count("virtual_tokens", self.virtual_tokens)
        _check_choice("init", self.init, INITS)
        if (self.init == "text") != bool(self.init_text and self.init_text.strip()):
            raise ConfigError("prompts.init_text", init=self.init, got=self.init_text)


@dataclass(frozen=True, kw_only=True)
class PTuning:
    """P-tuning: learnt tokens before every sequence, made by a small encoder (Liu et al. 2021, arXiv:2103.10385)."""

    name: ClassVar[str] = "p_tuning"

    virtual_tokens: int = option(
        20,
        en="Learnt tokens before each sequence; they take as many of the model's positions. 10 to 100 are usual.",
        pt="Tokens aprendidos antes de cada sequência; ocupam outras tantas posições do modelo. De 10 a 100 é usual.",
    )
    encoder: str = option(
        "mlp",
        en="What makes the tokens: mlp (three layers on each token) or lstm (along the prompt both ways, then two layers).",
        pt="O que gera os tokens: mlp (três camadas por token) ou lstm (nos dois sentidos do prompt, e mais duas camadas).",
        choices=ENCODERS,
    )
    encoder_hidden_size: int | None = option(
        None,
        en="Width of the encoder; none: that of the model's embeddings. It trains, but is not needed afterwards.",
        pt="Largura do codificador; sem valor: a dos embeddings do modelo. Ele é treinado, mas depois não faz falta.",
    )
    encoder_layers: int = option(
        2,
        en="Layers of the LSTM; an mlp always has three.",
        pt="Camadas do LSTM; um mlp tem sempre três.",
    )
    dropout: float = option(
        0.0,
        en="Share of values that is dropped between the layers of the LSTM in training; 0 for an mlp.",
        pt="Parte dos valores zerada entre as camadas do LSTM no treino; 0 para um mlp.",
    )

    def __post_init__(self) -> None:
        _check_count("virtual_tokens", self.virtual_tokens)
        _check_choice("encoder", self.encoder, ENCODERS)
        if self.encoder_hidden_size is not None:
            _check_count("encoder_hidden_size", self.encoder_hidden_size)
        _check_count("encoder_layers", self.encoder_layers)
        if not 0 <= self.dropout < 1:  # also refuses NaN
            raise ConfigError("core.range", field="method.dropout", got=self.dropout, allowed="0 <= x < 1")
        if self.dropout and (self.encoder != "lstm" or self.encoder_layers < 2):
            raise ConfigError("prompts.dropout", got=self.dropout, encoder=self.encoder, layers=self.encoder_layers)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError("core.range", field=f"method.{name}", got=value, allowed=">= 1")


def _check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError("core.choice", field=f"method.{name}", got=value, allowed=", ".join(allowed))
