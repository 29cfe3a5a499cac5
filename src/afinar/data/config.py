"""What a run says of its data (the `data:` section)."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option

FORMATS = ("auto", "text", "prompt_completion", "messages", "conversations", "alpaca", "classification")
PACKING = ("auto", "none", "blocks")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the rows come from and how they become token sequences."""

    train: str | None = option(
        None,
        en="Training data: a file (.jsonl, .json, .csv, .parquet, .txt), a folder of them, a hub data set (owner/name, "
        "owner/name:config, owner/name@split), or a bundled set (afinar/sentimento, afinar/instrucoes).",
        pt="Dados de treino: um arquivo (.jsonl, .json, .csv, .parquet, .txt), uma pasta deles, um conjunto do hub "
        "(dono/nome, dono/nome:config, dono/nome@parte) ou um conjunto embutido (afinar/sentimento, afinar/instrucoes).",
    )
    valid: str | None = option(
        None,
        en="Held-out data, of the same kinds; without it the source's own validation split, else a share of the training rows "
        "(valid_fraction).",
        pt="Dados de validação, dos mesmos tipos; sem eles, a parte de validação da própria fonte, senão uma fração das "
        "linhas de treino (valid_fraction).",
    )
    format: str = option(
        "auto",
        choices=FORMATS,
        en="How to read the columns; auto detects it and prints what it found.",
        pt="Como ler as colunas; auto detecta e mostra o que encontrou.",
    )
    valid_fraction: float = option(
        0.1,
        en="Share of the training rows held out when neither valid nor the source names any, chosen by content and seed; "
        "0 trains on all of them.",
        pt="Parte das linhas de treino separada quando nem valid nem a fonte indicam outras, escolhidas pelo conteúdo e pela "
        "semente; 0 treina com todas.",
    )
    max_length: int = option(
        512,
        en="Longest sequence in tokens; longer rows are cut (or, with packing: blocks, the length of a block).",
        pt="Maior sequência, em tokens; linhas maiores são cortadas (ou, com packing: blocks, o tamanho do bloco).",
    )
    max_truncated: float = option(
        0.1,
        en="Largest share of training rows that may be cut at max_length before the run stops.",
        pt="Maior parte das linhas de treino que pode ser cortada em max_length antes que a execução pare.",
    )
    packing: str = option(
        "auto",
        choices=PACKING,
        en="none pads rows; blocks joins texts with EOS between them and cuts blocks of max_length (for pretraining on text); "
        "auto is none.",
        pt="none completa as linhas com padding; blocks junta os textos, separados por EOS, e corta blocos de max_length "
        "(para pré-treino com texto); auto é none.",
    )

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError("core.choice", field="data.format", got=self.format, allowed=", ".join(FORMATS))
        if self.packing not in PACKING:
            raise ConfigError("core.choice", field="data.packing", got=self.packing, allowed=", ".join(PACKING))
        if not 0 <= self.valid_fraction < 1:
            raise ConfigError("core.range", field="data.valid_fraction", got=self.valid_fraction, allowed="0 <= x < 1")
        if not 0 <= self.max_truncated <= 1:
            raise ConfigError("core.range", field="data.max_truncated", got=self.max_truncated, allowed="0 <= x <= 1")
        if self.max_length < 2:
            raise ConfigError("core.range", field="data.max_length", got=self.max_length, allowed=">= 2")
