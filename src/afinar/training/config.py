"""What a run says of its training (the `training:` section). `SFTConfig` is made from it at run time."""

from __future__ import annotations

from dataclasses import dataclass

from afinar.errors import ConfigError
from afinar.options import option

SCHEDULES = ("cosine", "linear", "constant", "wsd")
OPTIMIZERS = ("adamw", "adafactor", "lion", "schedule_free", "adamw_8bit", "paged_adamw_8bit")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the trainable weights are updated, how long, and what is written meanwhile."""

    epochs: float = option(3.0, en="Passes over the training rows.", pt="Passagens pelas linhas de treino.")
    max_steps: int | None = option(
        None,
        en="Optimizer steps; overrides epochs.",
        pt="Passos do otimizador; tem precedência sobre epochs.",
    )
    batch_size: int = option(
        16,
        en="Examples per optimizer step (the effective batch, over all devices).",
        pt="Exemplos por passo do otimizador (o lote efetivo, somados os dispositivos).",
    )
    micro_batch_size: int | str = option(
        "auto",
        en="Examples per forward pass: what fits in memory; auto holds at most 4,096 tokens. The result does not depend "
        "on it.",
        pt="Exemplos por passagem: o que cabe na memória; auto usa no máximo 4.096 tokens. O resultado não depende dele.",
    )
    learning_rate: float | str = option(
        "auto",
        en="Peak learning rate; auto goes by the method (5e-5 for full, 5e-4 for lora), more in models narrower than 2,000, "
        "by (2000 / hidden size)^0.78; a fifth with lion.",
        pt="Taxa de aprendizado máxima; auto segue o método (5e-5 para full, 5e-4 para lora), mais em modelos mais estreitos "
        "que 2.000, por (2000 / hidden size)^0,78; um quinto com lion.",
    )
    optimizer: str = option(
        "adamw",
        choices=OPTIMIZERS,
        en="adamw (fused where torch has it); adafactor keeps far less state; lion (by bitsandbytes); schedule_free (by "
        "schedulefree) averages the weights and needs no schedule; adamw_8bit keeps its state in 8 bits (bitsandbytes), and "
        "paged_adamw_8bit lets it move to host memory when the GPU is full.",
        pt="adamw (na versão fused, onde o torch a tem); adafactor guarda bem menos estado; lion (do bitsandbytes); "
        "schedule_free (do schedulefree) faz a média dos pesos e dispensa a curva; adamw_8bit guarda o estado em 8 bits "
        "(bitsandbytes), e paged_adamw_8bit o deixa ir para a memória principal quando a GPU enche.",
    )
    head_learning_rate: float | None = option(
        None,
        en="Learning rate of the head (LM head or classifier); null is learning_rate.",
        pt="Taxa de aprendizado da cabeça (de linguagem ou de classificação); null é learning_rate.",
    )
    embedding_learning_rate: float | None = option(
        None,
        en="Learning rate of the embeddings; null is learning_rate.",
        pt="Taxa de aprendizado dos embeddings; null é learning_rate.",
    )
    layerwise_lr_decay: float | None = option(
        None,
        en="Factor of the learning rate from each layer to the one below it, such as 0.9; null is one rate for all.",
        pt="Fator da taxa de aprendizado de cada camada para a de baixo, como 0.9; null é uma taxa só para todas.",
    )
    lora_plus_ratio: float | None = option(
        None,
        en="Learning rate of LoRA's B over that of A, such as 16 (LoRA+); null is the same for both.",
        pt="Taxa de aprendizado do B do LoRA sobre a do A, como 16 (LoRA+); null é a mesma para ambos.",
    )
    schedule: str = option(
        "cosine",
        choices=SCHEDULES,
        en="Course of the learning rate after warm-up: cosine or linear to zero, constant, or wsd (constant, then a linear "
        "decay over the last tenth); schedule_free has none.",
        pt="Curso da taxa de aprendizado após o aquecimento: cosine ou linear até zero, constant, ou wsd (constante, depois "
        "queda linear no último décimo); schedule_free não tem nenhuma.",
    )
    warmup_ratio: float = option(
        0.03,
        en="Share of the steps in which the rate rises to its peak.",
        pt="Parte dos passos em que a taxa sobe até o máximo.",
    )
    weight_decay: float = option(
        0.01,
        en="Decoupled weight decay; biases, norms and embeddings are left out.",
        pt="Decaimento de pesos desacoplado; vieses, normas e embeddings ficam fora.",
    )
    max_grad_norm: float = option(
        1.0, en="Gradients are clipped to this norm; 0 switches it off.", pt="Norma máxima dos gradientes; 0 desliga o corte."
    )
    label_smoothing: float = option(
        0.0,
        en="Share of the target's probability spread over all tokens (or classes).",
        pt="Parte da probabilidade do alvo espalhada por todos os tokens (ou classes).",
    )
    gradient_checkpointing: bool | str = option(
        "auto",
        en="Recompute activations in the backward pass: less memory, about half again the time; auto is off.",
        pt="Recalcular ativações na volta: menos memória, cerca de 50% mais tempo; auto é desligado.",
    )
    seed: int = option(
        0, en="Seed of initialisation, order and dropout.", pt="Semente da inicialização, da ordem e do dropout."
    )
    log_every_steps: int | str = option(
        10, en="Steps between log lines, or epoch.", pt="Passos entre linhas de registro, ou epoch."
    )
    save_every_steps: int | str = option(
        100, en="Steps between checkpoints, or epoch.", pt="Passos entre checkpoints, ou epoch."
    )
    evaluate_every_steps: int | str = option(
        100, en="Steps between evaluations on valid, or epoch.", pt="Passos entre avaliações em valid, ou epoch."
    )
    keep_checkpoints: int = option(2, en="Newest checkpoints to keep.", pt="Checkpoints mais novos a manter.")
    report_to: str = option(
        "none",
        en="Experiment logger of transformers (tensorboard, wandb, ...); none sends nothing anywhere.",
        pt="Registrador de experimentos do transformers (tensorboard, wandb, ...); none não envia nada a lugar nenhum.",
    )

    def __post_init__(self) -> None:
        self._check_numbers()
        for name, allowed in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in allowed:
                raise ConfigError("core.choice", field=f"training.{name}", got=getattr(self, name), allowed=", ".join(allowed))
        for name in ("log_every_steps", "save_every_steps", "evaluate_every_steps"):
            self._check_count(name, word="epoch")
        self._check_count("micro_batch_size", word="auto")
        if self.gradient_checkpointing not in (True, False, "auto"):
            raise ConfigError(
                "core.choice",
                field="training.gradient_checkpointing",
                got=self.gradient_checkpointing,
                allowed="auto, true, false",
            )

    def _check_numbers(self) -> None:
        if self.max_steps is None and self.epochs <= 0:
            raise ConfigError("core.range", field="training.epochs", got=self.epochs, allowed="> 0")
        for name in ("max_steps", "batch_size", "keep_checkpoints"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError("core.range", field=f"training.{name}", got=value, allowed=">= 1")
        for name in ("warmup_ratio", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError("core.range", field=f"training.{name}", got=getattr(self, name), allowed="0 <= x < 1")
        for name in ("weight_decay", "max_grad_norm"):
            if getattr(self, name) < 0:
                raise ConfigError("core.range", field=f"training.{name}", got=getattr(self, name), allowed=">= 0")
        for name in ("head_learning_rate", "embedding_learning_rate", "lora_plus_ratio"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError("core.range", field=f"training.{name}", got=value, allowed="> 0")
        decay = self.layerwise_lr_decay
        if decay is not None and not 0 < decay <= 1:
            raise ConfigError("core.range", field="training.layerwise_lr_decay", got=decay, allowed="0 < x <= 1")
        rate = self.learning_rate
        if rate != "auto" and (isinstance(rate, str) or rate <= 0):
            raise ConfigError("core.range", field="training.learning_rate", got=rate, allowed="auto, > 0")

    def _check_count(self, name: str, word: str) -> None:
        value = getattr(self, name)
        if value != word and (isinstance(value, str | bool) or value < 1):
            raise ConfigError("core.range", field=f"training.{name}", got=value, allowed=f"{word}, >= 1")
