"""The settings of bottleneck adapters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from afinar.errors import ConfigError
from afinar.options import option


class Placement(NamedTuple):
    """What `auto` means under one placement: where the adapters sit, what they read, and their usual sizes."""

    attention: bool
    feed_forward: bool
    reads: str
    reduction_factor: float
    activation: str
    scaling: float


PLACEMENTS = {
    "houlsby": Placement(True, True, "branch", 16.0, "swish", 1.0),
    "pfeiffer": Placement(False, True, "sum", 16.0, "relu", 1.0),
    "parallel": Placement(False, True, "stream", 2.0, "relu", 4.0),
}
READS = ("branch", "sum", "stream")
ACTIVATIONS = (
    "relu", "relu6", "relu2", "leaky_relu", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "quick_gelu", "silu",
    "swish", "mish", "tanh", "sigmoid", "linear",
)  # fmt: skip
INITS = ("mam_adapter", "bert", "houlsby")
LEARNED = ("learned", "channel")


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Bottleneck adapters: a small network of two layers beside each sub-layer of a frozen decoder (Houlsby et al. 2019,
    arXiv:1902.00751). A field left at `auto` holds, once made, what the placement gives it."""

    name: ClassVar[str] = "bottleneck"

    placement: str = option(
        "houlsby",
        en="Where the adapters sit: houlsby (after attention and after feed-forward), pfeiffer (after feed-forward, half the "
        "weights), parallel (beside feed-forward; He et al. 2022).",
        pt="Onde ficam os adaptadores: houlsby (depois da atenção e do feed-forward), pfeiffer (depois do feed-forward, "
        "metade dos pesos), parallel (ao lado do feed-forward; He et al. 2022).",
        choices=tuple(PLACEMENTS),
    )
    reduction_factor: float | str | None = option(
        "auto",
        en="Width of the model over width of the adapter; smaller is more capacity. auto: 16, and 2 for parallel.",
        pt="Largura do modelo dividida pela do adaptador; menor dá mais capacidade. auto: 16, e 2 para parallel.",
    )
    size: int | None = option(
        None,
        en="Width of the adapter in units, in place of reduction_factor.",
        pt="Largura do adaptador em unidades, no lugar de reduction_factor.",
    )
    activation: str = option(
        "auto",
        en="Activation between the two layers, by transformers' name. auto: swish for houlsby, else relu.",
        pt="Ativação entre as duas camadas, pelo nome no transformers. auto: swish para houlsby, senão relu.",
        choices=("auto", *ACTIVATIONS),
    )
    scaling: float | str = option(
        "auto",
        en="Factor of the adapter's output: a number, learned (one for each adapter) or channel (one for each unit of the "
        "model's width). auto: 1, and 4 for parallel.",
        pt="Fator da saída do adaptador: um número, learned (um por adaptador) ou channel (um por unidade da largura do "
        "modelo). auto: 1, e 4 para parallel.",
    )
    dropout: float = option(
        0.0,
        en="Share of the adapter's outputs that is dropped in training; 0.1 on small data.",
        pt="Parte das saídas do adaptador zerada no treino; 0,1 com poucos dados.",
    )
    init: str = option(
        "mam_adapter",
        en="Initial weights: mam_adapter (the second layer zero: training starts exactly at the base model), bert (normal, "
        "0.02) or houlsby (truncated normal, 0.01); the last two start near it.",
        pt="Pesos iniciais: mam_adapter (segunda camada zero: o treino parte exatamente do modelo base), bert (normal, 0,02) "
        "ou houlsby (normal truncada, 0,01); as duas últimas partem de perto dele.",
        choices=INITS,
    )
    ln_before: bool = option(
        False,
        en="A trained layer norm before the adapter's first layer.",
        pt="Uma layer norm treinada antes da primeira camada do adaptador.",
    )
    ln_after: bool = option(
        False,
        en="A trained layer norm on the adapter's output, before it is added.",
        pt="Uma layer norm treinada na saída do adaptador, antes da soma.",
    )
    attention: bool | str = option(
        "auto",
        en="Whether attention gets adapters, where the placement is not to decide.",
        pt="Se a atenção recebe adaptadores, quando não é a colocação que decide.",
    )
    feed_forward: bool | str = option(
        "auto",
        en="Whether the feed-forward sub-layer gets adapters, where the placement is not to decide.",
        pt="Se o feed-forward recebe adaptadores, quando não é a colocação que decide.",
    )
    reads: str = option(
        "auto",
        en="What an adapter reads: branch (the sub-layer's output), sum (residual stream plus output) or stream (the "
        "residual stream that the output is added to). auto: branch for houlsby, sum for pfeiffer, stream for parallel.",
        pt="O que um adaptador lê: branch (a saída da subcamada), sum (fluxo residual mais saída) ou stream (o fluxo residual "
        "a que a saída é somada). auto: branch para houlsby, sum para pfeiffer, stream para parallel.",
        choices=("auto", *READS),
    )
    before_post_norm: bool = option(
        False,
        en="In models that normalise a sub-layer's output (Gemma-2): adapt it before that norm, as AdapterHub does, and not "
        "after it.",
        pt="Em modelos que normalizam a saída da subcamada (Gemma-2): adaptar antes dessa norma, como o AdapterHub, e não "
        "depois.",
    )
    leave_out: tuple[int, ...] = option(
        (),
        en="Layers, counted from 0, that get no adapter.",
        pt="Camadas, contadas a partir de 0, que não recebem adaptador.",
    )
    attention_output: str = option(
        "auto",
        en="Module of a decoder layer whose output attention adds to the residual stream, for architectures that are not "
        "known; auto: known, or found by a trial.",
        pt="Módulo de uma camada do decoder cuja saída a atenção soma ao fluxo residual, para arquiteturas desconhecidas; "
        "auto: conhecido, ou achado por um teste.",
    )
    feed_forward_output: str = option(
        "auto",
        en="The same for the feed-forward sub-layer.",
        pt="O mesmo para o feed-forward.",
    )

    def __post_init__(self) -> None:
        if self.placement not in PLACEMENTS:
            raise ConfigError("core.choice", field="method.placement", got=self.placement, allowed=", ".join(PLACEMENTS))
        self._fill(PLACEMENTS[self.placement])
        self._check_width()
        self._check_choices()
        self._check_scaling()
        if not 0 <= self.dropout < 1:
            raise ConfigError("core.range", field="method.dropout", got=self.dropout, allowed="0 <= x < 1")
        if not self.attention and not self.feed_forward:
            raise ConfigError("bottleneck.nowhere")
        self._check_layers()

    def _fill(self, placement: Placement) -> None:
        """Put in what `auto` means; a size makes the reduction factor idle."""
        for field, value in placement._asdict().items():
            if getattr(self, field) == "auto":
                object.__setattr__(self, field, None if field == "reduction_factor" and self.size is not None else value)

    def _check_width(self) -> None:
        if self.size is not None:
            if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
                raise ConfigError("core.range", field="method.size", got=self.size, allowed=">= 1")
            if self.reduction_factor is not None:
                raise ConfigError("bottleneck.two_widths", size=self.size, factor=self.reduction_factor)
        elif not _is_number(self.reduction_factor) or not 0 < float(self.reduction_factor or 0) < math.inf:
            raise ConfigError("core.range", field="method.reduction_factor", got=self.reduction_factor, allowed="> 0")

    def _check_choices(self) -> None:
        chosen: dict[str, tuple[str, ...]] = {"activation": ACTIVATIONS, "init": INITS, "reads": READS}
        for field, allowed in chosen.items():
            if getattr(self, field) not in allowed:
                raise ConfigError("core.choice", field=f"method.{field}", got=getattr(self, field), allowed=", ".join(allowed))
        for field in ("attention", "feed_forward"):
            if not isinstance(getattr(self, field), bool):
                known = "true, false, auto"
                raise ConfigError("core.choice", field=f"method.{field}", got=getattr(self, field), allowed=known)

    def _check_scaling(self) -> None:
        number = _is_number(self.scaling) and math.isfinite(float(self.scaling)) and float(self.scaling) != 0
        if not number and self.scaling not in LEARNED:
            allowed = "!= 0, learned, channel"
            raise ConfigError("core.range", field="method.scaling", got=self.scaling, allowed=allowed)

    def _check_layers(self) -> None:
        if isinstance(self.leave_out, list):  # YAML and Python callers write lists; a frozen config holds a tuple
            object.__setattr__(self, "leave_out", tuple(self.leave_out))
        for layer in self.leave_out:
            if isinstance(layer, bool) or not isinstance(layer, int) or layer < 0:
                raise ConfigError("core.range", field="method.leave_out", got=layer, allowed=">= 0")

    def width(self, hidden_size: int) -> int:
        """Units of an adapter in a model of that width: `size`, else ⌊hidden_size / reduction_factor⌋, and at least 1."""
        if self.size is not None:
            return self.size
        return max(1, int(hidden_size // float(self.reduction_factor or 1)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Bottleneck = AdapterConfig
"""The same config by the technique's name."""
