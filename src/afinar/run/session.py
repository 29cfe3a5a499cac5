"""A model in use: loaded from a run, an adapter, or as it is, ready to generate, classify, switch off and merge."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed

from afinar.config import RunConfig
from afinar.config import load as load_config
from afinar.data.chat import encode_classified, encode_prompt
from afinar.data.collate import Collator
from afinar.errors import ConfigError, ModelError
from afinar.evaluation import classify as classifying
from afinar.evaluation import generate as generating
from afinar.methods import saved
from afinar.methods.base import Method, create
from afinar.methods.exports import CARD_FILE, Card
from afinar.methods.peft_files import CONFIG_FILE as PEFT_FILE
from afinar.models.causal import supervise
from afinar.models.config import QUANTIZE, ModelConfig
from afinar.models.decoder import last_position
from afinar.models.embedded import NAME as EMBEDDED
from afinar.models.load import describe, load_model, load_tokenizer
from afinar.run import folder as files
from afinar.run.writing import whole_folder

Message = Mapping[str, str]


@dataclass
class Session:
    """A model with its tokenizer, the adapter on where there is one."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: str
    label_names: tuple[str, ...] = ()
    method: Method | None = None
    """What adapted the model; None for a plain model."""
    base_model: ModelConfig = field(default_factory=ModelConfig)
    """Where the model, or the base under its adapter, was loaded from."""
    seed: int = 0
    """The seed of the run that trained it; a new classification head is drawn by it."""
    max_length: int = 512
    running_text: bool = False
    """Whether a prompt is text to continue, not a question to answer: trained on plain text, or a base model that is."""

    @property
    def adapted(self) -> bool:
        """Whether something was trained on top of the base."""
        return self.method is not None

    @contextlib.contextmanager
    def base(self) -> Iterator[PreTrainedModel]:
        """The same model with the adapter off, while inside.

        Raises ModelError where the method overwrote the base (full fine-tuning): load the base by its name instead.
        """
        if self.method is None:
            yield self.model
            return
        with self.method.disabled(self.model):
            yield self.model

    def encode(self, prompt: str | Sequence[Message], *, chat: bool | None = None) -> list[int]:
        """The tokens that the model is asked with; `chat` overrides whether a string is a question or running text."""
        if isinstance(prompt, str):
            return encode_prompt(
                self.tokenizer, prompt, chat=chat if chat is not None else (False if self.running_text else None)
            )
        return encode_prompt(self.tokenizer, [dict(message) for message in prompt], chat=chat)

    def generate(
        self,
        prompt: str | Sequence[Message],
        *,
        max_new_tokens: int = 128,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        chat: bool | None = None,
    ) -> str:
        """The answer to `prompt` (a string or messages), greedy by default. Raises ConfigError for a classifier."""
        self._need("causal")
        options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
        return generating.generate(self.model, self.tokenizer, [self.encode(prompt, chat=chat)], **options)[0]  # type: ignore[arg-type]

    def stream(
        self,
        prompt: str | Sequence[Message],
        *,
        max_new_tokens: int = 128,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        chat: bool | None = None,
    ) -> Iterator[str]:
        """As :meth:`generate`, piece by piece."""
        self._need("causal")
        options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
        return generating.stream(self.model, self.tokenizer, self.encode(prompt, chat=chat), **options)  # type: ignore[arg-type]

    def classify(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text its `prediction`, the `probability` of it, and the `probabilities` of all classes."""
        self._need("classification")
        rows = [encode_classified(self.tokenizer, text, self.max_length) for text in texts]
        return classifying.predict(self.model, rows, self.collator, self.label_names)

    def merge(self, directory: str | Path) -> None:
        """Write the model with the adapter folded in, as `from_pretrained` reads it, with its tokenizer.

        The model in memory is merged too; :func:`afinar.run.merge` leaves it, chooses precision and base, and compares.
        Raises ConfigError where there is nothing to merge, ModelError for a technique that cannot be, RefusedError for a
        `directory` that is not empty.
        """
        if self.method is None:
            raise ConfigError("run.nothing_to_merge", got=self.base_model.name)
        with whole_folder(directory) as part:
            self.model = self.method.merge(self.model)
            self.method = None
            self.model.save_pretrained(part)
            self.tokenizer.save_pretrained(part)

    @property
    def positions(self) -> int | None:
        """How many tokens the model can read at most, a prompt's own left out; None: it has no limit."""
        return last_position(self.model, self.model.config)

    @property
    def collator(self) -> Collator:
        """What makes batches for this model."""
        return Collator(int(self.tokenizer.pad_token_id))

    def _need(self, task: str) -> None:
        if self.task != task:
            raise ConfigError("run.other_task", got=self.task, expected=task)


def load(source: str | Path, *, offline: bool = False, task: str = "auto") -> Session:
    """The model of a run folder, an adapter or checkpoint folder, a model folder, a hub name, or afinar-mini.

    task: for a plain model, "causal" (auto) or "classification" if it was saved with a trained head (auto finds it).
    Raises ModelError where there is none of these, or the run has not finished.
    """
    path = Path(source)
    if (path / files.CONFIG).is_file():
        return _load_run(path, offline)
    if (path / PEFT_FILE).is_file() or (path / CARD_FILE).is_file():
        return _load_export(path, _base_of(saved.read(path)), offline)
    return _load_plain(ModelConfig(name=str(source)), offline, task)


def _base_of(card: Card) -> ModelConfig:
    """The base that an adapter was trained on, quantised as it was then; FP4 is read, not made, so its files are FP4."""
    quantize = card.quantize if card.quantize in QUANTIZE else "none"
    return ModelConfig(name=card.base or "-", quantize=quantize, double_quant=card.double_quant)


def _load_run(path: Path, offline: bool) -> Session:
    config: RunConfig = load_config(path / files.CONFIG, environ={})
    export = files.export_folder(path)
    if export is None:
        raise ModelError("run.unfinished", path=str(path))
    session = _load_export(export, config.model, offline)
    return replace(
        session,
        seed=config.training.seed,
        max_length=config.data.max_length,
        running_text=config.data.format == "text" and session.task == "causal",
    )


def _load_export(path: Path, base: ModelConfig, offline: bool) -> Session:
    card = saved.read(path)
    method = create(card.config)
    # Full fine-tuning's export is a model of its own; an adapter goes onto its base.
    whole = (path / "config.json").is_file()
    source = replace(base, name=str(path)) if whole else base
    has_tokenizer = (path / "tokenizer_config.json").is_file()
    tokenizer = load_tokenizer(replace(base, name=str(path)) if has_tokenizer else base, offline=offline)
    model = load_model(source, task=card.task, label_names=card.labels, tokenizer=tokenizer, offline=offline)
    if not whole:
        model = method.restore(model, path).eval()
    if card.task == "causal":
        supervise(model)
    name = card.base or base.name
    return Session(model, tokenizer, card.task, card.labels, method, replace(base, name=name))


def _load_plain(config: ModelConfig, offline: bool, task: str) -> Session:
    known = describe(config, offline=offline)
    task = known.task if task == "auto" else task
    labels = tuple(known.label_names) if task == "classification" else ()
    tokenizer = load_tokenizer(config, offline=offline)
    model = load_model(config, task=task, label_names=labels, tokenizer=tokenizer, offline=offline)
    if task == "causal":
        supervise(model)
    # The embedded model was pretrained on running text and never saw a chat; its template is for those who tune it.
    running_text = task == "causal" and (config.name == EMBEDDED or not tokenizer.chat_template)
    return Session(model, tokenizer, task, labels, None, config, running_text=running_text)


def load_base(session: Session, *, offline: bool = False) -> Session:
    """The base under an adapted session, loaded anew; a classifier's head is drawn by the run's seed, as before training."""
    set_seed(session.seed)
    model = load_model(
        session.base_model,
        task=session.task,
        label_names=session.label_names,
        tokenizer=session.tokenizer,
        offline=offline,
    )
    if session.task == "causal":
        supervise(model)
    return replace(session, model=model, method=None)
