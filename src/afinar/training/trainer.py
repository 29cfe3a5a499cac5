"""SFTTrainer: transformers' Trainer for supervised fine-tuning of decoders, right in the loss, the steps and the files.

What it changes, and why:

- one loader item is one optimizer step (:mod:`afinar.training.steps`), so the loss is normalised by the supervised tokens
  of the whole step, the last short one included, and the order of the rows is a pure function of (seed, epoch);
- the loss lives in the model's forward (:mod:`afinar.models.causal`, :mod:`afinar.models.heads`): never the full logits;
- evaluation sums token losses and counts tokens; it holds no logits;
- checkpoints are safetensors and JSON (:mod:`afinar.training.checkpoints`), only adapters for adapters, and resume exactly.

Everything else (the loop, schedules, clipping, callbacks, loggers, distribution) is transformers' and accelerate's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import EvalLoopOutput

from afinar.data.collate import Collator
from afinar.errors import ConfigError, NonFiniteLossError
from afinar.methods.base import Method, create
from afinar.methods.config import MethodConfig
from afinar.metrics.perplexity import TokenTotals
from afinar.models.causal import supervise
from afinar.models.heads import classify
from afinar.training import checkpoints, processes, sharding
from afinar.training.arguments import SFTConfig
from afinar.training.given import Given
from afinar.training.steps import Batch, Row, Steps, loader


class SFTTrainer(Trainer):
    """Supervised fine-tuning of a decoder, for text generation or classification.

    model: a causal or sequence-classification model of transformers; it is changed in place (method and loss).
    args: :class:`SFTConfig`, or plain TrainingArguments, or None for the defaults.
    train_dataset, eval_dataset: map-style rows `{"input_ids": (T,), "labels": (T,) with -100 where not supervised, or a
    class}`; labels are not shifted. processing_class: the tokenizer, saved with every checkpoint.
    method: a config such as `afinar.LoRA(r=8)`; None trains whatever parameters have `requires_grad`.

    Raises ConfigError for a method that does not fit the model; NonFiniteLossError during training.
    """

    model: Any  # transformers' own annotation admits None and plain modules

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments | None = None,
        *,
        train_dataset: Sequence[Row] | None = None,
        eval_dataset: Sequence[Row] | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        method: MethodConfig | None = None,
        data_collator: Callable[[list[Row]], Batch] | None = None,
        callbacks: list[TrainerCallback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
    ) -> None:
        args = SFTConfig(output_dir="runs") if args is None else copy.copy(args)
        self.examples_per_step = args.per_device_train_batch_size * args.gradient_accumulation_steps
        if isinstance(args, SFTConfig) and args.examples_per_step is not None:
            self.examples_per_step = args.examples_per_step
        args.gradient_accumulation_steps = 1  # a step's micro-batches are looped over in training_step
        self.task = "classification" if hasattr(model, "score") else "causal"
        self.method: Method = Given() if method is None else create(method)
        model = self.method.attach(model)
        (classify if self.task == "classification" else supervise)(model)
        use_cache = model.config.use_cache
        processes.check(args)
        super().__init__(
            model=model,
            args=args,
            data_collator=data_collator or Collator(_padding_id(processing_class)),
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            callbacks=callbacks,
            optimizers=optimizers,
        )
        processes.configure(self.accelerator)
        processes.start_alike(self.method.state(self.model).values(), self.args.device)
        model.config.use_cache = use_cache  # Trainer switched it off in what is saved; our forwards say it per call
        self.label_smoothing = args.label_smoothing_factor
        self.label_smoother = None  # smoothing is inside the model's forward; transformers' would need the logits
        self.supervised_tokens_seen = 0
        self.tokens_seen = 0
        self.step_loss = math.nan  # of the newest step, for whoever shows progress

    # --- data ------------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Any]:
        """One item per optimizer step: this rank's micro-batches of it."""
        if self.train_dataset is None:
            raise ConfigError("core.missing", field="train_dataset")
        steps = self._steps(
            self.train_dataset,  # type: ignore[arg-type]
            examples_per_step=self.examples_per_step * self.args.world_size,
            micro_batch_size=self.args.per_device_train_batch_size,
        )
        return loader(steps, workers=self.args.dataloader_num_workers)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Batches of similar length under a token budget; uneven ranks get fully masked rows, never repeated ones."""
        rows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
        if isinstance(rows, str):
            rows = self.eval_dataset[rows]  # type: ignore[index]
        steps = self._steps(
            rows,
            examples_per_step=64 * self.args.world_size,
            micro_batch_size=self.args.per_device_eval_batch_size,
            micro_batch_tokens=self.args.eval_batch_tokens if isinstance(self.args, SFTConfig) else None,
            shuffle=False,
        )
        return loader(steps)

    def _steps(self, rows: Sequence[Row], **options: Any) -> Steps:
        args = self.args
        seed = args.data_seed if args.data_seed is not None else args.seed
        return Steps(rows, self.data_collator, seed=seed, rank=args.process_index, world_size=args.world_size, **options)

    def num_examples(self, dataloader: DataLoader[Any]) -> int:
        """Rows, not steps."""
        return len(dataloader.dataset.rows)  # type: ignore[attr-defined]

    # --- loss ------------------------------------------------------------------------------------------------------

    def _get_num_items_in_batch(self, batch_samples: list[list[Batch]], device: torch.device) -> Tensor:
        """Supervised tokens (or labelled rows) of the whole optimizer step, over all ranks."""
        batches = [batch for step in batch_samples for batch in step]
        supervised = sum(self._supervised(batch["labels"]) for batch in batches)
        tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
        self._step_counts = processes.summed((supervised, tokens), self.args.device)
        return torch.tensor(self._step_counts[0], device=device).clamp(min=1)

    def _supervised(self, labels: Tensor) -> int:
        targets = labels[:, 1:] if self.task == "causal" else labels
        return int((targets != -100).sum())

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward over the step's micro-batches; gradients are synchronised on the last one only."""
        model.train()
        total = torch.zeros((), device=self.args.device)
        for number, batch in enumerate(inputs):
            last = number == len(inputs) - 1
            with self._sync(model, last):
                loss = self.compute_loss(model, self._prepare_inputs(batch), num_items_in_batch=num_items_in_batch)
                self.accelerator.backward(loss)
            total += loss.detach()
        # every rank learns of a loss that is not finite on one of them, so all stop alike
        self.step_loss = processes.summed([total.item()], self.args.device)[0] / self.args.world_size
        if not math.isfinite(self.step_loss):
            raise NonFiniteLossError("training.non_finite_loss", step=self.state.global_step + 1, got=self.step_loss)
        supervised, tokens = self._step_counts
        self.supervised_tokens_seen += int(supervised)
        self.tokens_seen += int(tokens)
        return total

    def _sync(self, model: nn.Module, last: bool) -> Any:
        """Gradients are summed over the ranks once a step, unless `sync_each_batch` asks for memory instead of time."""
        if last or self.accelerator.gradient_state.plugin_kwargs.get("sync_each_batch", False):
            return nullcontext()
        return self.accelerator.no_sync(model)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The model's own loss, summed over this micro-batch and divided by the items of the whole step."""
        smoothing = self.label_smoothing if model.training else 0.0
        outputs = model(**inputs, num_items_in_batch=num_items_in_batch, label_smoothing=smoothing)
        loss = outputs.loss
        if num_items_in_batch is not None:
            loss = loss * self.args.world_size  # data parallelism averages the ranks' gradients; the sum is meant
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        """6 FLOPs per parameter and token, summed over the step's micro-batches."""
        tokens = sum(int(batch["input_ids"].numel()) for batch in inputs)
        return 6 * tokens * int(self.model.num_parameters())

    # --- evaluation ------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Token-weighted loss, perplexity and token accuracy (or loss and accuracy over rows), holding no logits."""
        model = self.accelerator.unwrap_model(self.model_wrapped)
        was_training = model.training
        model.eval()
        totals = TokenTotals()
        for step in dataloader:
            for batch in step:
                inputs = self._prepare_inputs(batch)
                totals.add(*self._losses(model(**inputs), inputs["labels"]))
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        model.train(was_training)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in self._metrics(self._over_ranks(totals)).items()}
        rows = self.num_examples(dataloader)
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=rows)  # type: ignore[arg-type]

    def _losses(self, outputs: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.task == "causal":
            return outputs.token_losses, outputs.token_correct
        kept = labels != -100
        losses = nn.functional.cross_entropy(outputs.logits[kept].float(), labels[kept], reduction="none")
        return losses, outputs.logits[kept].argmax(-1) == labels[kept]

    def _over_ranks(self, totals: TokenTotals) -> TokenTotals:
        if self.args.world_size == 1:
            return totals
        own = torch.tensor([[totals.loss_sum, totals.count, totals.correct]], dtype=torch.float64, device=self.args.device)
        loss_sum, count, correct = self.accelerator.gather(own).sum(0).tolist()
        return TokenTotals(loss_sum, int(count), int(correct))

    def _metrics(self, totals: TokenTotals) -> dict[str, float]:
        result = totals.result()
        if self.task == "causal":
            return result
        return {"loss": result["loss"], "accuracy": result["token_accuracy"]}

    # --- files -----------------------------------------------------------------------------------------------------

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As transformers', but shards of FSDP2 are gathered for what is exported only, not for the whole model."""
        if not self.is_fsdp_enabled:
            super().save_model(output_dir, _internal_call)
            return
        self._save(output_dir)
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub(commit_message="Model save", revision=self.args.hub_revision)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """The method's export and the tokenizer with its chat template; the base's weights only where they train."""
        writes = self.args.should_save
        # A method that can be switched off leaves the base alone, so its export is what trains and nothing else.
        with sharding.whole_parameters(self.model, everything=not self.method.switchable, keep=writes):
            if not writes:
                return
            folder = Path(output_dir or self.args.output_dir)  # type: ignore[arg-type]
            folder.mkdir(parents=True, exist_ok=True)
            base = self.model.config.name_or_path
            self.method.export(self.model, folder, base=base, task=self.task)
            if self.processing_class is not None:
                self.processing_class.save_pretrained(folder)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        folder, writes = Path(output_dir), self.args.should_save
        state = sharding.trained_state(self.method, self.model, keep=writes)
        checkpoints.save_optimizer(self.optimizer, folder, write=writes)
        if writes:
            checkpoints.save_tensors(state, folder / checkpoints.TRAINING_STATE)
            checkpoints.save_state_json(self.lr_scheduler, folder / "scheduler.json")
            checkpoints.save_counts(folder, tokens=self.tokens_seen, supervised_tokens=self.supervised_tokens_seen)

    def _save_scaler(self, output_dir: str) -> None:
        if self.accelerator.scaler is not None and self.args.should_save:
            checkpoints.save_state_json(self.accelerator.scaler, Path(output_dir) / "scaler.json")

    def _save_rng_state(self, output_dir: str) -> None:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        checkpoints.save_random_state(Path(output_dir), self.args.process_index)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        state = checkpoints.load_tensors(Path(resume_from_checkpoint) / checkpoints.TRAINING_STATE)
        sharding.load_trained_state(self.method, self.model, state)

    def finished_at(self, checkpoint: Path) -> bool:
        """Whether `checkpoint` is this training's last step; transformers would go on one step beyond it."""
        state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        return state.global_step >= state.max_steps > 0

    def restore(self, checkpoint: Path) -> None:
        """Take the weights, the step and the counts of `checkpoint`, without training on."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        self._load_counts(checkpoint)

    def _load_counts(self, checkpoint: Path) -> None:
        counts = checkpoints.load_counts(checkpoint)
        self.tokens_seen, self.supervised_tokens_seen = counts["tokens"], counts["supervised_tokens"]

    def _load_best_model(self) -> None:
        if self.state.best_model_checkpoint is not None:
            self._load_from_checkpoint(self.state.best_model_checkpoint)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            checkpoints.load_optimizer(self.optimizer, Path(checkpoint))
            checkpoints.load_state_json(self.lr_scheduler, Path(checkpoint) / "scheduler.json")
            self._load_counts(Path(checkpoint))

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self.accelerator.scaler is not None:
            checkpoints.load_state_json(self.accelerator.scaler, Path(checkpoint) / "scaler.json")

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            checkpoints.load_random_state(Path(checkpoint), self.args.process_index)


LlamaSFTTrainer = SFTTrainer


def _padding_id(tokenizer: PreTrainedTokenizerBase | None) -> int:
    """Which id fills padding; masked everywhere, so without a tokenizer any id will do."""
    if tokenizer is None or tokenizer.pad_token_id is None:
        return 0
    return int(tokenizer.pad_token_id)
