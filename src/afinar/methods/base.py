"""What a technique is: the `Method` protocol, the table of techniques, and how to get one from its config.

No torch here: the table names each technique's module, and :func:`create` imports it when a model is to be adapted.
A new technique is one module with a class that fulfils :class:`Method`, one config, one line in :data:`METHODS`, one test
module and one page of the docs. A package of its own adds one through the entry point group `afinar.methods`, whose
target is an :class:`Entry`::

    # my_package/entry.py
    ENTRY = Entry(config=BitFit, target="my_package.bitfit:BitFitMethod")

    # pyproject.toml
    [project.entry-points."afinar.methods"]
    bitfit = "my_package.entry:ENTRY"
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from afinar.errors import ConfigError
from afinar.methods.config import IA3, AdapterConfig, Full, Head, LoRA, Peft, PrefixTuning, PromptTuning, PTuning, QLoRA

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ENTRY_POINTS = "afinar.methods"


class Method(Protocol):
    """One technique with its config. All calls change the model in place and return it, so they can be chained.

    Two states are kept apart: the *export* is what others load (PEFT's format for LoRA, a plain model for full), the
    *training state* is everything that trains, bit for bit, for resuming.
    """

    config: Any
    tasks: ClassVar[frozenset[str]]
    """Tasks that it can adapt a model to: causal, classification."""

    @property
    def mergeable(self) -> bool:
        """Whether :meth:`merge` gives a plain model."""

    switchable: ClassVar[bool]
    """Whether :meth:`disabled` works; full fine-tuning overwrites the base and cannot switch back to it."""

    @property
    def starts_at_base(self) -> bool:
        """Whether the attached, untrained model computes exactly what the base does; prompts start elsewhere."""

    peft_format: ClassVar[bool]
    """Whether plain PEFT loads :meth:`export`, with equal logits."""

    @property
    def packing(self) -> bool:
        """Whether examples packed into one row (:mod:`afinar.models.attention`) each get the output that they get alone."""

    checkpointing: ClassVar[bool]
    """Whether gradients under gradient checkpointing are those without it."""

    @property
    def quantised_base(self) -> bool:
        """Whether it adapts a base in 4 or 8 bits."""

    def __init__(self, config: Any) -> None: ...

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze what is frozen, insert what is new, and give what trains float32 master values.

        A classification model's head (`score`) trains with every method.
        """

    def trainable_count(self, model: PreTrainedModel) -> int:
        """Number of weights that train, by the technique's formula; for a model before or after :meth:`attach`."""

    def state(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Everything that trains, by parameter name. The tensors share memory with the model; clone them to keep them."""

    def load_state(self, model: PreTrainedModel, state: dict[str, Tensor]) -> None:
        """Put back what :meth:`state` gave. Raises ModelError where names or shapes are not this model's."""

    def export(self, model: PreTrainedModel, directory: str | Path, *, base: str, task: str) -> None:
        """Write what others load, with `afinar.json` (method, base, task, labels, version), into `directory`."""

    def restore(self, model: PreTrainedModel, directory: str | Path) -> PreTrainedModel:
        """Put an export onto its base model, attaching first where that has not been done."""

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Fold the adaptation into the weights: a plain model of transformers, its weights tied as before."""

    def disabled(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """The base's behaviour while inside; a classification head stays as it is."""


@runtime_checkable
class ReadsText(Protocol):
    """A :class:`Method` that needs the tokenizer before :meth:`Method.attach`, to read a text of its config."""

    def use_tokenizer(self, tokenizer: PreTrainedTokenizerBase | None) -> None:
        """Read the text; the trainer calls it with the tokenizer of its rows, which may be none."""


@runtime_checkable
class Stepwise(Protocol):
    """A method that has something to do in a training beside the gradients: AdaLoRA allots its ranks after each step."""

    def begin(self, model: PreTrainedModel, steps: int) -> None:
        """Before the first step of a training of `steps` optimizer steps, also where it is resumed."""

    def after_step(self, model: PreTrainedModel, step: int) -> None:
        """After optimizer step `step`, the first being 1, while its gradients are there."""


class Entry(NamedTuple):
    """A technique in the table: its config class and where its :class:`Method` lives, as "module:Class"."""

    config: type
    target: str


METHODS: dict[str, Entry] = {
    "bottleneck": Entry(AdapterConfig, "afinar.methods.bottleneck:BottleneckMethod"),
    "full": Entry(Full, "afinar.methods.full:FullMethod"),
    "head": Entry(Head, "afinar.methods.head:HeadMethod"),
    "ia3": Entry(IA3, "afinar.methods.ia3:IA3Method"),
    "lora": Entry(LoRA, "afinar.methods.lora:LoRAMethod"),
    "p_tuning": Entry(PTuning, "afinar.methods.p_tuning:PTuningMethod"),
    "peft": Entry(Peft, "afinar.methods.peft_bridge:peft_method"),
    "prefix": Entry(PrefixTuning, "afinar.methods.prefix:PrefixMethod"),
    "prompt": Entry(PromptTuning, "afinar.methods.prompt:PromptTuningMethod"),
}

SHORTHANDS: dict[str, type[QLoRA]] = {"qlora": QLoRA}
"""Names that stand for a method of the table on a base of a certain kind; a config file writes them out."""


def registered() -> dict[str, Entry]:
    """:data:`METHODS` and what installed packages add to it; a package cannot replace a technique of the table."""
    return {**{point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}, **METHODS}


def entry(name: str) -> Entry:
    """The table's entry for `name`. Raises ConfigError that names the nearest one."""
    if name in METHODS:  # without looking through the installed packages
        return METHODS[name]
    known = registered()
    if name in known:
        return known[name]
    names = sorted({*known, *SHORTHANDS})
    near = get_close_matches(str(name), names, n=1)
    if near:
        raise ConfigError("methods.unknown_near", got=name, near=near[0], allowed=", ".join(names))
    raise ConfigError("methods.unknown", got=name, allowed=", ".join(names))


def config_class(name: str) -> type:
    """The config class of the technique `name`. Raises ConfigError that names the nearest one."""
    return SHORTHANDS[name] if name in SHORTHANDS else entry(name).config


def create(config: Any) -> Method:
    """The technique of `config`: `create(LoRA(r=8)).attach(model)`. Raises ConfigError for what is no method's config.

    A shorthand gives the technique that it stands for, and leaves the base as it is.
    """
    if isinstance(config, QLoRA):
        config = config.lora()
    name = getattr(type(config), "name", None)
    if not isinstance(name, str):
        raise ConfigError("methods.not_a_config", got=type(config).__name__, allowed=", ".join(sorted(registered())))
    module, _, attribute = entry(name).target.partition(":")
    method: Method = getattr(import_module(module), attribute)(config)
    return method
