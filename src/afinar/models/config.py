"""What a run says of its base model (the `model:` section)."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option

TASKS = ("auto", "causal", "classification")
QUANTIZE = ("none",)
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
        en="Precision of a quantised base; this version has none (nf4 and int8 are not in it).",
        pt="Precisão de uma base quantizada; esta versão tem none (nf4 e int8 ainda não estão nela).",
    )
    double_quant: bool = option(
        True,
        en="Quantise the scales of a quantised base too; without effect while quantize is none.",
        pt="Quantizar também as escalas de uma base quantizada; sem efeito enquanto quantize é none.",
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
