"""One evaluation by SFTTrainer, from the loader to the metrics: losses and answers from one pass over the rows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader
from transformers.trainer_utils import EvalLoopOutput, denumpify_detensorize

from afinar.models.modes import evaluating
from afinar.training.evaluating import Pass
from afinar.training.metrics import SFTPrediction, default_compute_metrics
from afinar.training.optimizer import averaged_weights
from afinar.training.predictions import Answered, Answers, generation_of
from afinar.training.samples import show_samples, write_predictions
from afinar.training.sharding import is_sharded

if TYPE_CHECKING:
    from afinar.training.trainer import SFTTrainer

PREDICTIONS = "predictions.jsonl"


def measure(trainer: SFTTrainer, dataloader: DataLoader[Any], *, loss_only: bool, prefix: str) -> EvalLoopOutput:
    """Metrics named `<prefix>_<metric>`, and predictions and labels where somebody asked for them.

    loss_only: neither logits nor the user's `compute_metrics`. Collective: every process calls it and gets the whole.
    """
    averaged_weights(trainer.optimizer)
    generating = trainer.args.predict_with_generate
    compute = None if loss_only or trainer.compute_metrics is default_compute_metrics else trainer.compute_metrics
    keep_logits = not loss_only and not generating and trainer.compute_metrics is not default_compute_metrics
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    if trainer.is_fsdp_enabled and not is_sharded(model):  # it is shared and moved when training begins
        model.to(trainer.args.device)
    answers = _answers(trainer, model) if generating else None
    with evaluating(model), _precision(trainer):
        found = _pass(trainer, model, dataloader, keep_logits, answers).gathered(trainer.args.world_size)
        answered = None if answers is None else answers.generate()
    prediction = _prediction(found, answered)
    metrics: dict[str, Any] = default_compute_metrics(prediction)
    if found.labelled and trainer.compute_loss_func is not None:
        metrics["loss"] = found.own_loss_sum / max(found.totals.count, 1)
    if answered is not None:
        metrics |= answered.counts()
        _show(trainer, answered, prefix)
    if compute is not None:
        metrics |= {name.removeprefix(f"{prefix}_"): value for name, value in compute(prediction).items()}
    named = {f"{prefix}_{name}": value for name, value in denumpify_detensorize(metrics).items()}
    return EvalLoopOutput(prediction.predictions, prediction.label_ids, named, found.rows)


def _pass(trainer: SFTTrainer, model: Any, dataloader: DataLoader[Any], keep_logits: bool, answers: Answers | None) -> Pass:
    found = Pass(
        trainer.task,
        keep_logits=keep_logits,
        keep_inputs="inputs" in trainer.args.include_for_metrics,
        preprocess=trainer.preprocess_logits_for_metrics,
        loss_function=trainer.compute_loss_func,
    )
    trainer.callback_handler.eval_dataloader = dataloader
    for step in dataloader:
        for batch in step:
            rows = batch.pop("rows")
            found.add(model, trainer._prepare_inputs(batch), rows)
            if answers is not None:
                answers.add(rows)
        trainer.control = trainer.callback_handler.on_prediction_step(trainer.args, trainer.state, trainer.control)
    return found


def _answers(trainer: SFTTrainer, model: Any) -> Answers:
    args = trainer.args
    return Answers(
        model,
        trainer.feed.tokenizer,
        generation_of(args, trainer.gen_kwargs),
        batch_size=args.generation_batch_size or args.per_device_eval_batch_size,
        limit=args.generation_max_samples,
        synced=trainer.is_fsdp_enabled,
    )


def _precision(trainer: SFTTrainer) -> AbstractContextManager[Any]:
    args = trainer.args
    if args.bf16_full_eval or args.fp16_full_eval:  # by autocast: casting the weights would lose their master values
        return torch.autocast(args.device.type, torch.bfloat16 if args.bf16_full_eval else torch.float16)
    return trainer.accelerator.autocast()


def _prediction(found: Pass, answered: Answered | None) -> SFTPrediction:
    if answered is None:
        predictions, labels = found.column("predictions"), found.column("label_ids")
        prompts, texts, references = [], [], []
    else:
        predictions, labels = answered.arrays()
        prompts, texts, references = answered.prompts, answered.texts, answered.references
    return SFTPrediction(
        predictions,
        labels,
        inputs=found.column("inputs"),
        task=found.task,
        totals=found.measured,
        classes=found.classified(),
        tokens_known=found.tokens_known,
        prompts=prompts,
        texts=texts,
        references=references,
    )


def _show(trainer: SFTTrainer, answered: Answered, prefix: str) -> None:
    """Write predictions.jsonl and show a few answers, on the first process only."""
    if not trainer.is_world_process_zero():
        return
    args, step = trainer.args, trainer.state.global_step
    path = Path(args.output_dir) / PREDICTIONS
    write_predictions(path, answered, step=step, name=prefix, training=trainer.is_in_train)
    show_samples(answered, args.log_samples, step=step, name=prefix)
