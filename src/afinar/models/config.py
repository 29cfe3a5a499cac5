"""What a run says of its base model (the `model:` section)."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option

TASKS = ("auto", "causal", "classification")
QUANTIZE = ("none", "nf4", "int8")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which base model, for which task, in which precision, on which device."""

    name: str = option(
        "afinar-mini",
        en="A local folder, a hub name, or afinar-mini (embedded in the package).",
        pt="Uma pasta local, um nome do hub ou afinar-mini (embutido no pacote).",
    )
    task: str = option(
        "auto",
        choices=TASKS,
        en="causal (next-token prediction) or classification; auto follows the data's format.",
        pt="causal (prever o próximo token) ou classification (classificação); auto segue o formato dos dados.",
    )
    revision: str | None = option(
        None,
        en="Branch, tag or commit of a hub model.",
        pt="Ramo, tag ou commit de um modelo do hub.",
    )
    dtype: str = option(
        "auto",
        choices=DTYPES,
        en="Precision of the frozen weights; auto is bfloat16 where the hardware computes in it, else float32. "
        "Trained weights always keep float32 master values.",
        pt="Precisão dos pesos congelados; auto é bfloat16 onde o hardware calcula nela, senão float32. "
        "Pesos treinados sempre guardam valores mestres em float32.",
    )
    device: str = option(
        "auto",
        en="auto (cuda, else mps, else cpu) or a torch device such as cpu or cuda:1.",
        pt="auto (cuda, senão mps, senão cpu) ou um dispositivo do torch, como cpu ou cuda:1.",
    )
    attention: str = option(
        "auto",
        en="Attention implementation of transformers: auto, sdpa, eager, flash_attention_2.",
        pt="Implementação de atenção do transformers: auto, sdpa, eager, flash_attention_2.",
    )
    quantize: str = option(
        "none",
        choices=QUANTIZE,
        en="Keep the base's linear layers in 4 bits (nf4) or 8 (int8), by bitsandbytes; an adapter trains beside them. With "
        "none, weights are taken as they are stored, quantised ones too.",
        pt="Manter as camadas lineares da base em 4 bits (nf4) ou 8 (int8), pelo bitsandbytes; um adaptador treina ao lado "
        "delas. Com none, os pesos são usados como estão gravados, também os quantizados.",
    )
    double_quant: bool = option(
        True,
        en="Quantise the scales of nf4 too: 4.13 bits a weight in place of 4.5. Without effect on the others.",
        pt="Quantizar também as escalas do nf4: 4,13 bits por peso em vez de 4,5. Sem efeito nos demais.",
    )
    trust_remote_code: bool = option(
        False,
        en="Run Python code that comes with a hub model. Only for code that you have read.",
        pt="Executar código Python que vem com um modelo do hub. Só para código que você leu.",
    )

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("core.missing", field="model.name")
        if self.task not in TASKS:
            raise ConfigError("core.choice", field="model.task", got=self.task, allowed=", ".join(TASKS))
        if self.quantize not in QUANTIZE:
            raise ConfigError("core.choice", field="model.quantize", got=self.quantize, allowed=", ".join(QUANTIZE))
        if self.dtype not in DTYPES:
            raise ConfigError("core.choice", field="model.dtype", got=self.dtype, allowed=", ".join(DTYPES))
