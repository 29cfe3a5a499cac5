"""The settings of LoRA and of its relatives: DoRA, PiSSA, OLoRA, trained tokens and modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from afinar.errors import ConfigError
from afinar.options import FrozenDict, option

TARGETS = ("auto", "all-linear")
INITIALISATIONS = ("kaiming", "gaussian", "pissa", "pissa_fast", "olora")
BIASES = ("none", "lora_only")


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
        "endings such as [q_proj, v_proj]; embed_tokens and lm_head only where they are named.",
        pt="Camadas que recebem adaptador: auto (projeções da atenção), all-linear (todas menos a LM head) ou uma lista de "
        "finais de nomes, como [q_proj, v_proj]; embed_tokens e lm_head só quando escritos.",
    )
    rank_pattern: Mapping[str, int] = option(
        FrozenDict(),
        en="Other ranks for some layers: {down_proj: 16}; a name's ending or a regular expression; the first that fits.",
        pt="Outros postos para algumas camadas: {down_proj: 16}; final de nome ou expressão regular; o primeiro que casa.",
    )
    alpha_pattern: Mapping[str, float] = option(
        FrozenDict(),
        en="Other alphas for some layers, as rank_pattern; alpha does not follow a rank that is changed there.",
        pt="Outros alphas para algumas camadas, como rank_pattern; alpha não acompanha um posto mudado lá.",
    )
    dora: bool = option(
        False,
        en="Train the length of each row of the weight beside its direction (DoRA, Liu et al. 2024, arXiv:2402.09353); "
        "closer to full fine-tuning at low ranks, slower.",
        pt="Treinar o comprimento de cada linha do peso separado da direção (DoRA, Liu et al. 2024, arXiv:2402.09353); mais "
        "perto do ajuste completo com postos baixos, mais lento.",
    )
    initialisation: str = option(
        "kaiming",
        en="How A and B start: kaiming (A random, B zero), gaussian (A narrower, B zero), pissa (the weight's largest "
        "singular vectors, arXiv:2404.03592; pissa_fast by a randomised SVD) or olora (its QR factors, arXiv:2406.01775). All "
        "start at the base model.",
        pt="Como A e B começam: kaiming (A aleatória, B zero), gaussian (A mais estreita, B zero), pissa (os maiores vetores "
        "singulares do peso, arXiv:2404.03592; pissa_fast por uma SVD aleatorizada) ou olora (seus fatores QR, "
        "arXiv:2406.01775). Todas partem do modelo base.",
        choices=INITIALISATIONS,
    )
    bias: str = option(
        "none",
        en="Which biases train: none, or lora_only, those of the adapted layers.",
        pt="Que vieses são treinados: none (nenhum) ou lora_only, os das camadas adaptadas.",
        choices=BIASES,
    )
    trainable_tokens: tuple[int, ...] = option(
        (),
        en="Ids of tokens whose embeddings train, such as new ones that were added to the vocabulary.",
        pt="Ids de tokens cujos embeddings são treinados, como os novos que foram acrescentados ao vocabulário.",
    )
    trainable_tokens_in_head: bool = option(
        True,
        en="Train those tokens' rows of an untied LM head too, so that the model learns to write them; a tied head follows "
        "the embeddings either way.",
        pt="Treinar também as linhas desses tokens numa LM head não amarrada, para que o modelo aprenda a escrevê-los; uma "
        "amarrada segue os embeddings de todo modo.",
    )
    modules_to_save: tuple[str, ...] = option(
        (),
        en="Layers that train whole, beside the adapters: name endings such as [embed_tokens, lm_head, norm].",
        pt="Camadas treinadas por inteiro, ao lado dos adaptadores: finais de nomes, como [embed_tokens, lm_head, norm].",
    )
    ensure_weight_tying: bool = option(
        False,
        en="Where embeddings and LM head are one weight, let what trains on one of them serve both; otherwise only the named "
        "one changes, and merging unties them.",
        pt="Onde embeddings e LM head são um só peso, o que é treinado num deles vale para os dois; senão só o escrito muda, "
        "e fundir os desamarra.",
    )

    def __post_init__(self) -> None:
        for name in ("target_modules", "trainable_tokens", "modules_to_save"):
            if isinstance(getattr(self, name), list):  # YAML and Python callers write lists; a frozen config holds a tuple
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.r, bool) or not isinstance(self.r, int) or self.r < 1:
            raise ConfigError("methods.rank", got=self.r)
        _check_alpha("method.alpha", self.alpha)
        if not 0 <= self.dropout < 1:
            raise ConfigError("core.range", field="method.dropout", got=self.dropout, allowed="0 <= x < 1")
        if not self.target_modules:
            raise ConfigError("core.missing", field="method.target_modules")
        if isinstance(self.target_modules, str) and self.target_modules not in TARGETS:
            object.__setattr__(self, "target_modules", (self.target_modules,))
        self._check_patterns()
        self._check_choices()
        self._check_tokens()

    def _check_patterns(self) -> None:
        for name, check in (("rank_pattern", _check_rank), ("alpha_pattern", _check_alpha)):
            patterns = getattr(self, name)
            if not isinstance(patterns, Mapping):
                raise ConfigError("lora.pattern_mapping", field=f"method.{name}", got=patterns)
            object.__setattr__(self, name, FrozenDict(patterns))
            for pattern, value in patterns.items():
                _check_regex(f"method.{name}", pattern)
                check(f"method.{name}.{pattern}", value)

    def _check_choices(self) -> None:
        for name, allowed in (("initialisation", INITIALISATIONS), ("bias", BIASES)):
            if getattr(self, name) not in allowed:
                raise ConfigError("core.choice", field=f"method.{name}", got=getattr(self, name), allowed=", ".join(allowed))

    def _check_tokens(self) -> None:
        if isinstance(self.modules_to_save, str):
            object.__setattr__(self, "modules_to_save", (self.modules_to_save,))
        tokens = self.trainable_tokens
        if not isinstance(tokens, tuple) or any(isinstance(i, bool) or not isinstance(i, int) or i < 0 for i in tokens):
            raise ConfigError("lora.tokens", got=tokens)
        object.__setattr__(self, "trainable_tokens", tuple(sorted(set(tokens))))

    def rank_of(self, path: str) -> int:
        """The rank of the adapter on the layer at `path`."""
        return int(_of(self.rank_pattern, path, self.r))

    def alpha_of(self, path: str) -> float:
        """The alpha of the adapter on the layer at `path`."""
        return float(_of(self.alpha_pattern, path, self.alpha))

    def scale_of(self, path: str) -> float:
        """The factor before B A x of the adapter on the layer at `path`."""
        r = self.rank_of(path)
        return self.alpha_of(path) / (r**0.5 if self.rank_stabilised else r)

    @property
    def scale(self) -> float:
        """The factor before B A x."""
        return self.alpha / (self.r**0.5 if self.rank_stabilised else self.r)


def pattern_for(patterns: Mapping[str, Any], path: str) -> str | None:
    """The first of `patterns` that fits `path`, as PEFT matches them: a regular expression for the end of the path."""
    for pattern in patterns:
        if re.match(rf"(.*\.)?({pattern})$", path):
            return pattern
    return None


def _of(patterns: Mapping[str, Any], path: str, default: Any) -> Any:
    found = pattern_for(patterns, path)
    return default if found is None else patterns[found]


def _check_regex(field: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError("lora.bad_pattern", field=field, got=pattern, detail=str(error)) from error


def _check_rank(field: str, r: Any) -> None:
    if isinstance(r, bool) or not isinstance(r, int) or r < 1:
        raise ConfigError("core.range", field=field, got=r, allowed=">= 1")


def _check_alpha(field: str, alpha: Any) -> None:
    if not alpha > 0:  # also refuses NaN
        raise ConfigError("core.range", field=field, got=alpha, allowed="> 0")
