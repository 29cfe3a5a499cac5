"""`SFTConfig`: transformers' TrainingArguments with what supervised fine-tuning needs."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from transformers import TrainingArguments

from afinar.errors import ConfigError
from afinar.training.names import check_settings, sft_settings

MICRO_BATCH_TOKENS = 4096


def setting(default: Any, help: str) -> Any:
    """A field with its help text."""
    return field(default=default, metadata={"help": help})


C = TypeVar("C", bound=type)


def understands_names(cls: C) -> C:
    """Let the constructor of a dataclass take the names of :mod:`afinar.training.names` as well; its signature stays."""
    generated = cls.__init__  # type: ignore[misc]

    @functools.wraps(generated)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        generated(self, *args, **sft_settings(kwargs, {item.name for item in fields(cls) if item.init}))

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


@understands_names
@dataclass
class SFTConfig(TrainingArguments):
    """TrainingArguments for :class:`afinar.SFTTrainer`.

    `per_device_train_batch_size * gradient_accumulation_steps` examples of each process make one optimizer step, as in
    transformers, or `examples_per_step` where it is set (it need not be a multiple). They are run in micro-batches of at
    most `per_device_train_batch_size` rows; the loss is that of the whole step whatever the micro-batches are.

    Names of transformers' older versions and of TRL's SFTConfig are understood, or refused with what to write instead.
    """

    # --- steps
    examples_per_step: int | None = setting(
        None, "Examples of each process in an optimizer step; None: rows times accumulation."
    )
    eval_batch_tokens: int = setting(MICRO_BATCH_TOKENS, "Largest evaluation batch in tokens, padding included.")
    report_to: list[str] | str | None = setting("none", "Experiment loggers of transformers; none sends nothing anywhere.")

    # --- model by name, raw rows
    task: str = setting("auto", "auto, causal or classification, for a model given by name; auto follows the rows.")
    model_init_kwargs: dict[str, Any] | None = setting(
        None, "For a model given by name: dtype, revision, attn_implementation, device, trust_remote_code."
    )
    max_length: int | None = setting(1024, "Longest row in tokens; longer ones are cut. None: what the model can read.")
    packing: bool | str = setting(False, "'blocks' joins running text and cuts it into blocks of max_length tokens.")
    dataset_text_field: str = setting("text", "Column of running text, where it has another name.")
    completion_only_loss: bool | None = setting(
        None, "Learn the completion only (None, True), or the prompt too (False); for prompt and completion."
    )
    assistant_only_loss: bool | None = setting(
        None, "Learn the assistant's turns only (None, True), or the whole conversation (False)."
    )

    chat_template_path: str | None = setting(
        None, "A Jinja file, or a tokenizer's folder or name: the chat template to use in place of the tokenizer's own."
    )
    eos_token: str | None = setting(None, "The token that ends a turn or a text; None: the tokenizer's.")
    pad_token: str | None = setting(None, "The token that fills up batches; None: the tokenizer's.")
    router_aux_loss_coef: float | None = setting(
        None, "Weight of the router's load-balancing loss in mixtures of experts; 0 switches it off, None: the model's config."
    )
    logging_dir: str | None = setting(None, "Folder for TensorBoard, where report_to names it.")

    # --- generation during evaluation
    predict_with_generate: bool = setting(False, "Generate an answer to each evaluated prompt and score it.")
    max_new_tokens: int | None = setting(None, "Longest generated answer in tokens; None: the model's generation config.")
    generation_max_length: int | None = setting(None, "Longest prompt and answer together in tokens.")
    num_beams: int | None = setting(None, "Beams of beam search; 1 is greedy.")
    do_sample: bool | None = setting(None, "Draw tokens instead of taking the most likely one.")
    temperature: float | None = setting(None, "Sampling: logits are divided by it.")
    top_k: int | None = setting(None, "Sampling: only from the k most likely tokens; 0 is all.")
    top_p: float | None = setting(None, "Sampling: only from the smallest set of tokens with this probability.")
    generation_seed: int = setting(0, "Seed of sampling; each row has a stream of its own.")
    generation_max_samples: int | None = setting(None, "Generate for the first so many rows of a set only.")
    generation_batch_size: int | None = setting(None, "Prompts generated for at a time; None: per_device_eval_batch_size.")
    gen_kwargs: dict[str, Any] | None = setting(
        None, "All generation settings in one mapping, by the names of transformers' GenerationConfig."
    )
    log_samples: int = setting(3, "Generated samples shown in a table after each evaluation.")

    # --- optimizer groups
    no_decay: list[str] = field(
        default_factory=lambda: ["bias", "norm", "embedding"],
        metadata={"help": "Without weight decay: bias, norm, embedding, or regular expressions over parameter names."},
    )
    head_learning_rate: float | None = setting(None, "Learning rate of the head (LM head or classifier); None: learning_rate.")
    embedding_learning_rate: float | None = setting(None, "Learning rate of the embeddings; None: learning_rate.")
    adapter_learning_rate: float | None = setting(None, "Learning rate of adapters (LoRA and others); None: learning_rate.")
    layerwise_lr_decay: float | None = setting(
        None, "Factor of the learning rate from each layer to the one below it, such as 0.9 (Howard & Ruder 2018)."
    )
    lora_plus_ratio: float | None = setting(
        None, "Learning rate of LoRA's B over that of A, such as 16 (LoRA+, Hayou et al. 2024, arXiv:2402.12354)."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self)
        if self.logging_dir is not None:  # the only way that transformers 5 leaves to say it
            os.environ["TENSORBOARD_LOGGING_DIR"] = self.logging_dir
        for name in ("examples_per_step", "eval_batch_tokens", "generation_max_samples", "generation_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError("core.range", field=name, got=value, allowed=">= 1")
        if self.max_length is not None and self.max_length < 2:
            raise ConfigError("core.range", field="max_length", got=self.max_length, allowed=">= 2")
        self.no_decay = [self.no_decay] if isinstance(self.no_decay, str) else list(self.no_decay or ())
        for name in ("head_learning_rate", "embedding_learning_rate", "adapter_learning_rate", "lora_plus_ratio"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError("core.range", field=name, got=value, allowed="> 0")
        if self.layerwise_lr_decay is not None and not 0 < self.layerwise_lr_decay <= 1:
            raise ConfigError("core.range", field="layerwise_lr_decay", got=self.layerwise_lr_decay, allowed="0 < x <= 1")
        for name, allowed in (("task", ("auto", "causal", "classification")), ("packing", (False, "blocks"))):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    "core.choice", field=name, got=getattr(self, name), allowed=", ".join(str(value) for value in allowed)
                )


def as_sft_config(args: TrainingArguments) -> SFTConfig:
    """`args` as an SFTConfig of its own: the caller's object is never changed.

    Plain TrainingArguments say nothing of `max_length`, and transformers' Trainer cuts no row: only what the model cannot
    read is cut then.
    """
    said = {item.name: getattr(args, item.name) for item in fields(args) if item.init}
    return SFTConfig(**({"max_length": None} | said))
