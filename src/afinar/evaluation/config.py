"""What a run says of its evaluation (the `evaluation:` section)."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What is measured on the held-out rows, on the base and on the adapted model."""

    generate: bool = option(
        False,
        en="Also answer each held-out prompt, before and after, and score the answers (BLEU, chrF, ROUGE, token F1, exact "
        "match); those of the adapted model go to predictions.jsonl.",
        pt="Também responder a cada prompt de validação, antes e depois, e pontuar as respostas (BLEU, chrF, ROUGE, F1 de "
        "tokens, acerto exato); as do modelo adaptado vão para predictions.jsonl.",
    )
    metrics: str = option(
        "auto",
        choices=("auto",),
        en="auto: by the task (loss, perplexity, bits per byte and token accuracy; or accuracy, precision, recall, F1, MCC, "
        "calibration and loss).",
        pt="auto: conforme a tarefa (perda, perplexidade, bits por byte e acurácia de tokens; ou acurácia, precisão, "
        "revocação, F1, MCC, calibração e perda).",
    )
    max_new_tokens: int = option(64, en="Longest generated answer, in tokens.", pt="Maior resposta gerada, em tokens.")

    def __post_init__(self) -> None:
        if self.metrics != "auto":
            raise ConfigError("core.choice", field="evaluation.metrics", got=self.metrics, allowed="auto")
        if self.max_new_tokens < 1:
            raise ConfigError("core.range", field="evaluation.max_new_tokens", got=self.max_new_tokens, allowed=">= 1")
