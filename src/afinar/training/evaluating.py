"""One pass over an evaluation set: token losses, what `compute_metrics` asked for, and generated answers.

Losses are summed and tokens counted, so the result does not depend on batches or on the number of processes; the rows that
fill up a process's last batch count for nothing. Logits exist batch by batch only where someone asked for them, and only what
`preprocess_logits_for_metrics` leaves of them is kept, on the host, row by row, in the order of the data set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor, nn

from afinar.data.examples import IGNORED
from afinar.errors import ConfigError
from afinar.metrics.perplexity import TokenTotals
from afinar.models.own_loss import OwnLossOutput
from afinar.ops.loss import logits_loss

Batch = dict[str, Any]
Kept = tuple[np.ndarray, ...]


@dataclass
class Pass:
    """What one process collects; :meth:`gathered` is what all of them did.

    task: "causal" or "classification". keep_logits: whether anybody reads them. preprocess, loss_function: the user's
    `preprocess_logits_for_metrics` and `compute_loss_func`.
    """

    task: str
    keep_logits: bool = False
    keep_inputs: bool = False
    preprocess: Callable[[Any, Any], Any] | None = None
    loss_function: Callable[..., Tensor] | None = None
    totals: TokenTotals = field(default_factory=TokenTotals)
    own_loss_sum: float = 0.0
    rows: int = 0
    bytes_known: bool = True
    labelled: bool = False
    tokens_known: bool = True
    kept: dict[int, dict[str, Kept]] = field(default_factory=dict)
    classes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, model: nn.Module, inputs: Batch, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
        """Run `inputs` (on the model's device) through `model`; `rows` are their places and rows, place -1 a dummy."""
        self.rows += sum(place >= 0 for place, _ in rows)
        labels = inputs.get("labels")
        if labels is not None:
            self.labelled = True
        elif not self.keep_logits:
            return  # nothing to measure: rows to generate for
        outputs = self._forward(model, inputs)
        if labels is not None:
            self._count(outputs, labels, rows)
        if self.keep_logits:
            self._keep(outputs, inputs, [place for place, _ in rows])

    def _forward(self, model: nn.Module, inputs: Batch) -> Any:
        inputs = {name: value for name, value in inputs.items() if name != "weights"}  # weights are for training
        if self.loss_function is not None:
            return model(**{name: value for name, value in inputs.items() if name != "labels"})
        if self.task == "causal" and self.keep_logits and "labels" in inputs:
            return model(**inputs, output_logits=True)
        return model(**inputs)

    def _count(self, outputs: Any, labels: Tensor, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
        if isinstance(outputs, OwnLossOutput):
            self._count_mean(outputs)
            return
        losses, correct = self._losses(outputs, labels)
        sizes = [row.get("n_bytes") for place, row in rows if place >= 0]
        self.bytes_known &= None not in sizes
        self.totals.add(losses, correct, sum(size or 0 for size in sizes))
        if self.loss_function is not None:
            count = max(losses.numel(), 1)
            self.own_loss_sum += self.loss_function(outputs, labels, num_items_in_batch=count).item() * losses.numel()
        if self.task == "classification":
            predicted = outputs.logits.argmax(-1).tolist()
            found = zip(rows, labels.tolist(), predicted, strict=True)
            self.classes |= {place: (label, best) for (place, _), label, best in found if label != IGNORED and place >= 0}

    def _count_mean(self, outputs: OwnLossOutput) -> None:
        """A model that computes its own loss says its mean and the number of items, nothing of each token."""
        assert outputs.loss is not None and outputs.n_items is not None  # noqa: PT018 - with labels there are both
        items = int(outputs.n_items)
        self.tokens_known = self.bytes_known = False
        self.totals.merge(TokenTotals(outputs.loss.item() * items if items else 0.0, items))

    def _losses(self, outputs: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Token losses (N,) and whether each token (or class) was the most likely one."""
        if self.task == "causal" and self.loss_function is None:
            return outputs.token_losses, outputs.token_correct
        logits = outputs.logits
        if self.task == "causal":
            logits, labels = logits[:, :-1], labels[:, 1:]
        kept = labels != IGNORED
        losses = logits_loss(logits[kept], labels[kept])
        return losses.nll_N, losses.correct_N

    def _keep(self, outputs: Any, inputs: Batch, places: Sequence[int]) -> None:
        labels = inputs.get("labels")
        logits = outputs.logits if self.preprocess is None else self.preprocess(outputs.logits, labels)
        parts = {"predictions": logits if isinstance(logits, tuple | list) else (logits,)}
        if labels is not None:
            parts["label_ids"] = (labels,)
        if self.keep_inputs:
            parts["inputs"] = (inputs["input_ids"],)
        arrays = {name: tuple(_array(value) for value in values) for name, values in parts.items()}
        for values in arrays.values():
            for value in values:
                if value.ndim == 0 or value.shape[0] != len(places):
                    raise ConfigError("training.metric_rows", got=value.shape, rows=len(places))
        for number, place in enumerate(places):
            if place >= 0:
                self.kept[place] = {name: tuple(value[number] for value in values) for name, values in arrays.items()}

    def gathered(self, world_size: int) -> Pass:
        """The passes of all processes as one; on every process."""
        if world_size == 1:
            return self
        parts: list[Pass] = gather_object([self])
        whole = Pass(self.task, self.keep_logits, self.keep_inputs, self.preprocess, self.loss_function)
        for part in parts:
            whole.totals.merge(part.totals)
            whole.own_loss_sum += part.own_loss_sum
            whole.rows += part.rows
            whole.bytes_known &= part.bytes_known
            whole.labelled |= part.labelled
            whole.tokens_known &= part.tokens_known
            whole.kept |= part.kept
            whole.classes |= part.classes
        return whole

    def __getstate__(self) -> dict[str, Any]:
        """What travels between processes: figures, not the user's functions."""
        return {**self.__dict__, "preprocess": None, "loss_function": None}

    @property
    def measured(self) -> TokenTotals | None:
        """The summed token losses, without bytes where some row's are unknown; None where no row has labels."""
        if not self.labelled:
            return None
        totals = self.totals
        return totals if self.bytes_known else TokenTotals(totals.loss_sum, totals.count, totals.correct)

    def column(self, name: str) -> Any:
        """`predictions`, `label_ids` or `inputs` as arrays in the order of the rows; None where nothing was kept."""
        rows = [self.kept[place].get(name) for place in sorted(self.kept)]
        if not rows or rows[0] is None:
            return None
        columns = [stacked([row[part] for row in rows if row is not None]) for part in range(len(rows[0]))]
        return columns[0] if len(columns) == 1 else tuple(columns)

    def classified(self) -> tuple[list[int], list[int]] | None:
        """Labels and predicted classes in the order of the rows."""
        if not self.classes:
            return None
        pairs = [self.classes[place] for place in sorted(self.classes)]
        return [label for label, _ in pairs], [best for _, best in pairs]


def _array(value: Tensor) -> np.ndarray:
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()  # NumPy has no bfloat16


def stacked(rows: Sequence[np.ndarray], fill: int = IGNORED) -> np.ndarray:
    """Rows of different lengths as one array, each filled up at the end of every dimension with `fill`."""
    shape = tuple(max(sizes) for sizes in zip(*(row.shape for row in rows), strict=True))
    whole = np.full((len(rows), *shape), fill, dtype=rows[0].dtype)
    for number, row in enumerate(rows):
        target: Any = (number, *(slice(size) for size in row.shape))
        whole[target] = row
    return whole
