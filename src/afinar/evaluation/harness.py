"""A model in memory handed to lm-evaluation-harness: its tasks, its prompts and its scoring, with the adapter on or off.

tasks = find_tasks(["hellaswag", "assin_paraphrase"])
adapted = run_tasks(model, tokenizer, tasks)
with method.disabled(model):
    base = run_tasks(model, tokenizer, tasks)
compare_tasks(base, adapted)

The figures are those of the harness's own command on the merged model with `softmax_dtype=float32`: without it, half precision
rounds the log-likelihoods of long answers. Its rolling tasks (wikitext) put BOS before a text to which the tokenizer has added
one already, and score it; :mod:`afinar.evaluation.rolling` does not.

Source: Gao et al. 2021, A framework for few-shot language model evaluation, doi:10.5281/zenodo.5371628.
"""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from afinar.data.hub import first_line
from afinar.data.tokens import surroundings
from afinar.errors import DataError
from afinar.evaluation.batches import OnBatch
from afinar.evaluation.harness_scores import TaskResult, compare_tasks, read_results
from afinar.evaluation.harness_tasks import BROKEN, SEED, Tasks, find_tasks, quiet
from afinar.models.causal import causal_core
from afinar.models.generation import last_position
from afinar.models.modes import evaluating, model_device

__all__ = ["TaskResult", "Tasks", "compare_tasks", "find_tasks", "run_tasks"]

LOGITS = 2**27
"""Most logits of one batch: 512 MB in float32, and the harness holds them twice."""
RESAMPLES = 1000
"""Bootstrap resamples behind the harness's standard errors of statistics that are no mean."""
DEFAULT_POSITIONS = 2048
"""What the harness takes for a model that does not say how many positions it has."""


def run_tasks(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Tasks,
    *,
    limit: int | None = None,
    chat: bool = False,
    batch_size: int | None = None,
    on_batch: OnBatch | None = None,
) -> list[TaskResult]:
    """The results of each task and group on `model` as it is now.

    limit: only the first so many samples of each task, to try it out. chat: ask through the tokenizer's chat template.
    batch_size: rows at once; None: what the size of the logits allows, at most 8. on_batch: told of requests, whose number
    grows task by task.

    Raises ModelError where `model` is no causal language model, DataError where the harness gives up on a task.
    """
    # Not simple_evaluate: it asks pip, git and the processor about the machine, for seconds, and leaves its seeds behind.
    from lm_eval.evaluator import evaluate

    handed = _HandedModel(model)
    with quiet(on_batch), evaluating(model), _seeded():
        try:
            found = evaluate(
                _harness(handed, tokenizer, batch_size),
                tasks.loaded(),
                limit=limit,
                apply_chat_template=chat,
                fewshot_as_multiturn=True,
                bootstrap_iters=RESAMPLES,
                log_samples=True,
            )
        except BROKEN as error:
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise DataError("harness.failed", tasks=", ".join(tasks.names), reason=reason) from error
    return read_results(found)


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    """The seeds of the harness's command, for tasks that draw at random; the states of before come back."""
    plain, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(0)
        np.random.seed(SEED)
        torch.manual_seed(SEED)
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(of_numpy)


def _harness(handed: _HandedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int | None) -> Any:
    """The harness's model of transformers, around this one."""
    from lm_eval.models.huggingface import HFLM

    positions = last_position(handed.model) or DEFAULT_POSITIONS
    rows = batch_size or max(1, min(8, LOGITS // (positions * handed.config.get_text_config().vocab_size)))
    return HFLM(
        pretrained=handed,
        tokenizer=copy.deepcopy(tokenizer),  # it gives a padding token to one that has none
        backend="causal",
        softmax_dtype="float32",
        max_length=positions,
        batch_size=rows,
        # BOS as the tokenizer has it. Of a tokenizer that puts EOS behind each text, the harness would score that EOS.
        add_bos_token=False if surroundings(tokenizer)[1] else None,
    )


class _HandedModel:
    """What the harness asks of a model, and no more: given a module, it would tie its weights anew, adapters or not."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = causal_core(model).config
        self.device = model_device(model)

    def __call__(self, input_ids: Tensor) -> Any:
        return self.model(input_ids=input_ids)

    def generate(self, **options: Any) -> Any:
        return self.model.generate(**options)
