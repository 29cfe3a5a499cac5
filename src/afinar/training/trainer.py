"""SFTTrainer: transformers' Trainer for supervised fine-tuning of decoders, right in the loss, the steps and the files.

What it changes, and why:

- one loader item is one optimizer step (:mod:`afinar.training.steps`), so the loss is normalised by the supervised tokens
  of the whole step, the last short one included, and the order of the rows is a pure function of (seed, epoch);
- the loss lives in the model's forward (:mod:`afinar.models.causal`, :mod:`afinar.models.heads`): never the full logits;
- evaluation sums token losses and counts tokens; it holds no logits unless asked to (:mod:`afinar.training.evaluating`),
  and can generate and score answers in the same pass (:mod:`afinar.training.predictions`);
- weight decay and learning rates go by groups of parameters (:mod:`afinar.training.optimizer`);
- checkpoints are safetensors and JSON (:mod:`afinar.training.checkpoints`), only adapters for adapters, and resume exactly.

Everything else (the loop, schedules, clipping, callbacks, loggers, distribution) is transformers' and accelerate's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import EvalLoopOutput, PredictionOutput, TrainOutput

from afinar.errors import ConfigError, NonFiniteLossError
from afinar.methods.base import Stepwise
from afinar.methods.config import Full
from afinar.models.quantised import accepted_by_trainer
from afinar.training import checkpoints, predictions, processes, setup, sharding
from afinar.training.callbacks import MethodSteps, restore_callbacks
from afinar.training.classes import name_classes
from afinar.training.feeding import Feed
from afinar.training.hub import push_checkpoint
from afinar.training.items import counted
from afinar.training.measuring import measure
from afinar.training.optimizer import averaged_weights, backward_options, make_optimizer, training_weights
from afinar.training.progress import show_progress
from afinar.training.rows import RowStream
from afinar.training.steps import Batch


class SFTTrainer(Trainer):
    """Supervised fine-tuning of a decoder, for text generation or classification.

    model: a causal or sequence-classification model (changed in place: method and loss), also one wrapped by PEFT or loaded
        with `BitsAndBytesConfig` or `device_map`; or a folder or hub name, which is then loaded.
    args: :class:`SFTConfig`, or plain TrainingArguments, or None for the defaults.
    train_dataset, eval_dataset: rows in any format of the data stage (`text`, `prompt` + `completion`, `messages`, ...), or
        tokenised ones (`input_ids` with `labels`, `completion_mask` or `assistant_masks`), as a `datasets` object, a list of
        dicts, a stream, or the name of a file or data set; eval_dataset may be a dict of several.
    processing_class (or tokenizer): saved with every checkpoint; None takes the one in the model's own folder.
    data_collator: list of rows -> batch; None pads by attention mask. formatting_func: row -> text, for raw rows.
    compute_loss_func: `f(outputs, labels, num_items_in_batch=...)` in place of the model's own loss, from full logits.
    compute_metrics: `f(prediction)` beside :func:`afinar.default_compute_metrics`; it is given logits, or what
        `preprocess_logits_for_metrics` leaves of them, or generated answers (:class:`afinar.training.metrics.SFTPrediction`).
    method or peft_config: a config such as `afinar.LoRA(r=8)`, its name, or one of PEFT's; None trains whatever parameters
        have `requires_grad` (a model given by name: all of them).

    Raises ConfigError for what does not fit together, DataError for the rows, NonFiniteLossError during training.
    """

    model: Any  # transformers' own annotation admits None and plain modules
    args: Any

    def __init__(
        self,
        model: PreTrainedModel | nn.Module | str | Path,
        args: TrainingArguments | None = None,
        *,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        data_collator: Callable[[list[Any]], Mapping[str, Any]] | None = None,
        compute_loss_func: Callable[..., Tensor] | None = None,
        compute_metrics: Callable[[EvalPrediction], dict[str, Any]] | None = None,
        callbacks: list[TrainerCallback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[Any, dict[str, Any]] | None = None,
        preprocess_logits_for_metrics: Callable[[Any, Any], Any] | None = None,
        method: Any = None,
        peft_config: Any = None,
        formatting_func: Callable[[Mapping[str, Any]], str] | None = None,
        **others: Any,
    ) -> None:
        args = setup.arguments(args, model, others)
        self.examples_per_step = args.examples_per_step or args.per_device_train_batch_size * args.gradient_accumulation_steps
        args.gradient_accumulation_steps = 1  # a step's micro-batches are looped over in training_step
        named = isinstance(model, str | Path)
        asked = setup.asked_method(method, peft_config)
        core, processing_class = setup.loaded(model, args, processing_class, tokenizer, train_dataset, asked)
        self.method = setup.method_of(asked, core, named=named)
        core, self.task = setup.prepared(self.method, core, processing_class, data_collator)
        processes.check(args)
        self.feed = Feed(
            args, processing_class, task=self.task, label_names=setup.label_names(core, self.task),
            limit=setup.longest(core, args), examples_per_step=self.examples_per_step, collator=data_collator,
            formatting_func=formatting_func,
        )  # fmt: skip
        train_rows = self.feed.rows(train_dataset, split="train")
        if self.task == "classification":
            self.feed.label_names = name_classes(core.config, train_rows)
        with setup.use_cache_kept(core), accepted_by_trainer(core):
            super().__init__(
                model=core,
                args=args,
                data_collator=self.feed.collator,
                train_dataset=train_rows,
                eval_dataset=self.feed.rows(eval_dataset, split="valid"),
                processing_class=processing_class,
                compute_loss_func=compute_loss_func,
                compute_metrics=compute_metrics,
                callbacks=callbacks,
                optimizers=optimizers,
                optimizer_cls_and_kwargs=optimizer_cls_and_kwargs,
                preprocess_logits_for_metrics=preprocess_logits_for_metrics,
            )
        processes.configure(self.accelerator)
        processes.start_alike(self.method.state(self.model).values(), self.args.device)
        self._peft_config = self.method.config if peft_config is None else peft_config
        self.label_smoothing = args.label_smoothing_factor
        self.label_smoother = None  # smoothing is inside the model's forward; transformers' would need the logits
        self.supervised_tokens_seen = 0
        self.tokens_seen = 0
        self.step_loss = math.nan  # of the newest step, for whoever shows progress
        self.gen_kwargs: dict[str, Any] = {}  # of the call at hand, over the arguments' settings
        if args.predict_with_generate:
            self._check_generation()
        show_progress(self)
        if isinstance(self.method, Stepwise):
            self.add_callback(MethodSteps(self.method, self.model))

    @property
    def peft_config(self) -> Any:
        """The config of the adapter that is on: afinar's or PEFT's; None where the model itself trains."""
        return None if isinstance(self._peft_config, Full) else self._peft_config

    @property
    def use_peft(self) -> bool:
        """Whether an adapter (or a head on a frozen base) trains instead of the model itself."""
        return self.peft_config is not None

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """As transformers'; afterwards the model holds the weights that are the result (see averaged_weights)."""
        output = super().train(*args, **kwargs)
        averaged_weights(self.optimizer)
        return output

    # --- data ------------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Any]:
        """One item per optimizer step: this rank's micro-batches of it."""
        if self.train_dataset is None:
            raise ConfigError("core.missing", field="train_dataset")
        return self.feed.train_loader(self.train_dataset)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Batches of similar length; `eval_dataset` may be the name of one of several sets, or rows not prepared yet."""
        if eval_dataset is None:
            eval_dataset = self.eval_dataset
        elif isinstance(eval_dataset, str) and isinstance(self.eval_dataset, dict) and eval_dataset in self.eval_dataset:
            eval_dataset = self.eval_dataset[eval_dataset]
        else:
            eval_dataset = self.feed.rows(eval_dataset, split="valid")
        if eval_dataset is None:
            raise ConfigError("core.missing", field="eval_dataset")
        return self.feed.eval_loader(eval_dataset)

    def get_test_dataloader(self, test_dataset: Any) -> DataLoader[Any]:
        """As :meth:`get_eval_dataloader`."""
        return self.get_eval_dataloader(test_dataset)

    def num_examples(self, dataloader: DataLoader[Any]) -> int:
        """Rows, not steps."""
        return len(dataloader.dataset.rows)  # type: ignore[attr-defined]

    def get_total_train_batch_size(self, args: TrainingArguments) -> int:
        """Examples of an optimizer step, over all processes."""
        return self.examples_per_step * args.world_size

    # --- loss ------------------------------------------------------------------------------------------------------

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimizer that `args.optim` names, over :func:`afinar.training.optimizer.parameter_groups`."""
        if self.optimizer is None:
            several = self.examples_per_step > self.args.per_device_train_batch_size
            self.optimizer = make_optimizer(
                self.args, model or self.model, self.optimizer_cls_and_kwargs, several_backwards=several
            )
        return self.optimizer

    def _get_num_items_in_batch(self, batch_samples: list[list[Batch]], device: torch.device) -> Tensor:
        """Supervised tokens (or labelled rows) of the whole optimizer step over all ranks; their weights' sum with weights."""
        counts = counted((batch for step in batch_samples for batch in step), self.task)
        items, *self._step_counts = processes.summed(counts, self.args.device)
        return torch.tensor(items or 1.0, dtype=torch.float32, device=device)

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward over the step's micro-batches; gradients are synchronised on the last one only."""
        model.train()
        training_weights(self.optimizer)
        total = torch.zeros((), device=self.args.device)
        for number, batch in enumerate(inputs):
            with self._sync(model, last=number == len(inputs) - 1):
                loss = self.compute_loss(model, self._prepare_inputs(batch), num_items_in_batch=num_items_in_batch)
                self.accelerator.backward(loss, **backward_options(self.args, self._get_learning_rate))
            total += loss.detach()
        # every rank learns of a loss that is not finite on one of them, so all stop alike
        self.step_loss = processes.summed([total.item()], self.args.device)[0] / self.args.world_size
        if not math.isfinite(self.step_loss):
            raise NonFiniteLossError("training.non_finite_loss", step=self.state.global_step + 1, got=self.step_loss)
        supervised, tokens = self._step_counts
        self.supervised_tokens_seen += int(supervised)
        self.tokens_seen += int(tokens)
        return total

    def _sync(self, model: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Gradients are summed over the ranks once a step, unless `sync_each_batch` asks for memory instead of time."""
        if last or self.accelerator.gradient_state.plugin_kwargs.get("sync_each_batch", False):
            return nullcontext()
        return self.accelerator.no_sync(model)

    def _track_num_input_tokens(self, inputs: list[Batch]) -> None:
        self.state.num_input_tokens_seen = self.tokens_seen

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The model's own loss, summed over this micro-batch and divided by the items of the whole step."""
        if self.compute_loss_func is not None:
            if "weights" in inputs:
                raise ConfigError("training.weights_own_loss")
            outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
            loss = self.compute_loss_func(outputs, inputs["labels"], num_items_in_batch=num_items_in_batch)
        else:
            smoothing = self.label_smoothing if model.training else 0.0
            outputs = model(**inputs, num_items_in_batch=num_items_in_batch, label_smoothing=smoothing)
            loss = outputs.loss
        if num_items_in_batch is not None:
            loss = loss * self.args.world_size  # data parallelism averages the ranks' gradients; the sum is meant
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        """6 FLOPs per parameter and token, summed over the step's micro-batches."""
        tokens = sum(int(batch["input_ids"].numel()) for batch in inputs)
        return 6 * tokens * sum(parameter.numel() for parameter in self.model.parameters())

    # --- evaluation ------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
        **gen_kwargs: Any,
    ) -> dict[str, float]:
        """Metrics of one evaluation set, or of each of several; `gen_kwargs` override the arguments' generation settings."""
        with self._generating(gen_kwargs):
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)

    def predict(
        self, test_dataset: Any, ignore_keys: list[str] | None = None, metric_key_prefix: str = "test", **gen_kwargs: Any
    ) -> PredictionOutput:
        """Logits (or what `preprocess_logits_for_metrics` leaves of them), or generated token ids; labels; metrics."""
        with self._generating(gen_kwargs):
            return super().predict(test_dataset, ignore_keys, metric_key_prefix)

    def _check_generation(self) -> None:
        sets: dict[str, Any] = self.eval_dataset if isinstance(self.eval_dataset, dict) else {"eval": self.eval_dataset}
        for rows in sets.values():
            known = None if isinstance(rows, RowStream) else rows
            predictions.check(self.model, self.feed.tokenizer, self.args, known, task=self.task)

    @contextmanager
    def _generating(self, gen_kwargs: dict[str, Any]) -> Iterator[None]:
        before = self.gen_kwargs
        self.gen_kwargs = before | gen_kwargs
        try:
            yield
        finally:
            self.gen_kwargs = before

    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """One pass over the rows: token losses, logits where `compute_metrics` reads them, and generated answers.

        The metrics are :func:`afinar.default_compute_metrics`'s and the user's own; see :mod:`afinar.training.measuring`.
        """
        loss_only = self.args.prediction_loss_only if prediction_loss_only is None else prediction_loss_only
        return measure(self, dataloader, loss_only=loss_only, prefix=metric_key_prefix)

    # --- files -----------------------------------------------------------------------------------------------------

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As transformers', but shards of FSDP2 are gathered for what is exported only, not for the whole model."""
        averaged_weights(self.optimizer)
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
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            base = setup.name_of(self.model)
            self.method.export(self.model, folder, base=base, task=self.task)
            if self.processing_class is not None:
                self.processing_class.save_pretrained(folder)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        averaged_weights(self.optimizer)
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
        checkpoints.save_random_state(Path(output_dir), self.args.process_index, self.args.world_size)
        self.accelerator.wait_for_everyone()  # trainer_state.json, written next, says that the checkpoint is whole

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        state = checkpoints.load_tensors(Path(resume_from_checkpoint) / checkpoints.TRAINING_STATE)
        sharding.load_trained_state(self.method, self.model, state)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        push_checkpoint(self, Path(checkpoint_folder))

    def _load_callback_state(self) -> None:
        """What callbacks counted, early stopping for one; their settings are those they were given now."""
        restore_callbacks(self.callback_handler.callbacks, self.state.stateful_callbacks)

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
            averaged_weights(self.optimizer)  # before loading: a switch afterwards would move what was loaded
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
